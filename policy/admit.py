"""May it? The one function that the rest of Avow asks.

Commands ask it before they accept a request, the reconciler before it hands an operation
to an executor: `Admission(…).decide(query)` returns the decision, to be stored in the
asker's own transaction whatever it says. When there is no well-formed answer of exactly
the policies asked, it raises `Unavailable`, and the asker goes no further: policy that is
down, slow or lying lets nothing through.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from catalog.clock import Clock
from catalog.digest import JsonObject, canonical_json, digest, digest_bytes
from catalog.errors import Invalid
from catalog.ids import DecisionId, Mint
from policy.bundle import with_contract
from policy.combine import outcome, results
from policy.decision import Decision
from policy.document import Query, document
from policy.engine import PolicyBundle, PolicyEngine
from policy.redact import redaction
from policy.spelling import is_speakable

TIMEOUT_SECONDS = 2.0
_REMEMBERED = 512


@dataclass(frozen=True, slots=True)
class Timing:
    """How long to wait for an answer, and by which clock it is measured."""

    timeout_seconds: float = TIMEOUT_SECONDS
    monotonic: Callable[[], float] = time.monotonic


class Admission:
    """Asks an engine for decisions; safe for several threads.

    Args:
        organisation: what is asked about every request, besides the contract's own policy.
    """

    def __init__(
        self,
        engine: PolicyEngine,
        organisation: PolicyBundle,
        clock: Clock,
        mint: Mint,
        timing: Timing | None = None,
    ) -> None:
        self.engine = engine
        self.organisation = organisation
        self._clock = clock
        self._mint = mint
        self._timing = timing or Timing()
        self._bundles: OrderedDict[str, PolicyBundle] = OrderedDict()
        self._lock = threading.Lock()

    def decide(self, query: Query) -> Decision:
        """Return policy's decision, with nothing sensitive left in it.

        Raises:
            Unavailable: `policy_unavailable`, when there is no decision.
            Invalid: `input_not_json`, when the question has no JSON form.
        """
        now = self._clock()
        asked = document(query, now)
        _check_json(asked)
        bundle = self._bundle(query.contract_policy)
        started = self._timing.monotonic()
        answer = self.engine.evaluate(bundle, asked, self._timing.timeout_seconds)
        duration_seconds = self._timing.monotonic() - started
        hidden = redaction(query.contract.inputs, query.request.inputs)
        found = results(answer, hidden.text)
        stored = hidden.document(asked)
        return Decision(
            id=DecisionId(self._mint("dec")),
            project=query.request.project,
            subject=query.subject,
            operation=str(query.operation),
            enforcement_point=query.enforcement_point,
            outcome=outcome(found),
            results=found,
            revision=bundle.revision,
            engine=self.engine.identity(),
            input_digest=digest(stored),
            input=stored,
            evaluated_at=now,
            duration_seconds=round(duration_seconds, 6),
        )

    def _bundle(self, contract_policy: str | None) -> PolicyBundle:
        if contract_policy is None:
            return self.organisation
        key = digest_bytes(contract_policy.encode("utf-8"))
        with self._lock:
            bundle = self._bundles.get(key)
            if bundle is None:
                bundle = self._bundles[key] = with_contract(self.organisation, contract_policy)
            self._bundles.move_to_end(key)
            while len(self._bundles) > _REMEMBERED:
                self._bundles.popitem(last=False)
            return bundle


def _check_json(asked: JsonObject) -> None:
    fix = "remove unpaired surrogates, Unicode noncharacters and numbers beyond range"
    try:
        is_text = is_speakable(canonical_json(asked).decode("utf-8"))
    except ValueError as error:
        raise Invalid("input_not_json", "The request has no JSON form.", fix=fix) from error
    if not is_text:
        raise Invalid("input_not_json", "The request holds what is no character.", fix=fix)
