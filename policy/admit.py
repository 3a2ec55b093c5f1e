"""May it? The one function that the rest of Avow asks.

Commands ask it before they accept a request, the reconciler before it hands an operation to an
executor: `Admission(…).decide(query)` returns the decision, to be stored in the asker's own
transaction whatever it says; whoever only wants to know asks `decide_many`. When there is no
well-formed answer of exactly the policies asked, it raises `Unavailable`, and the asker goes no
further: policy that is down, slow or lying lets nothing through.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from catalog.clock import Clock
from catalog.digest import JsonObject, canonical_json, digest, digest_bytes
from catalog.errors import Invalid, Unavailable
from catalog.ids import DecisionId, Mint
from policy.bundle import with_contract
from policy.combine import outcome, results
from policy.decision import Decision
from policy.document import Query, document
from policy.engine import PolicyBundle, PolicyEngine, RawSets
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
        asked = _checked(document(query, now))
        bundle = self._bundle(query.contract_policy)
        started = self._timing.monotonic()
        answer = self.engine.evaluate(bundle, asked, self._timing.timeout_seconds)
        put = _Put(query, asked, bundle.revision, now, self._timing.monotonic() - started)
        return self._decision(put, answer)

    def decide_many(
        self, queries: Sequence[Query], at: datetime | None = None
    ) -> list[Decision | Unavailable]:
        """Return for each question the decision that `decide` would make, or why there is none.

        Args:
            at: the time that policies are told; now, unless said.

        Raises:
            Unavailable: `policy_unavailable`, when nothing is answered and the engine is not ready.
            Invalid: `input_not_json`.
        """
        now, found = at or self._clock(), dict[int, Decision | Unavailable]()
        places: dict[str | None, list[int]] = {}
        for place, query in enumerate(queries):
            places.setdefault(query.contract_policy, []).append(place)
        for policy, those in places.items():
            decided = self._decided(self._bundle(policy), [queries[place] for place in those], now)
            found.update(zip(those, decided, strict=True))
        silences = [each for each in found.values() if isinstance(each, Unavailable)]
        if silences and len(silences) == len(found) and not self.engine.state().is_ready:
            raise silences[0]
        return [found[place] for place in range(len(queries))]

    def under(self, organisation: PolicyBundle) -> "Admission":
        """Return the same engine asked with other policies of the organisation."""
        return Admission(self.engine, organisation, self._clock, self._mint, self._timing)

    def _decided(
        self, bundle: PolicyBundle, queries: Sequence[Query], now: datetime
    ) -> Iterator[Decision | Unavailable]:
        seconds = self._timing.timeout_seconds
        documents = [_checked(document(query, now)) for query in queries]
        started = self._timing.monotonic()
        answers = self.engine.evaluate_many(bundle, documents, seconds)
        each_seconds = (self._timing.monotonic() - started) / len(queries)
        for query, asked, answer in zip(queries, documents, answers, strict=True):
            if isinstance(answer, Unavailable):
                yield answer
            else:
                yield self._decision(_Put(query, asked, bundle.revision, now, each_seconds), answer)

    def _decision(self, put: "_Put", answer: Mapping[str, RawSets]) -> Decision:
        query = put.query
        hidden = redaction(query.contract.inputs, query.request.inputs)
        if query.action is not None:
            hidden = hidden.beside(redaction(query.action.schema, query.action.inputs))
        found = results(answer, hidden.text)
        stored = hidden.document(put.asked)
        return Decision(
            id=DecisionId(self._mint("dec")),
            project=query.request.project,
            subject=query.subject,
            operation=str(query.operation),
            enforcement_point=query.enforcement_point,
            outcome=outcome(found),
            results=found,
            revision=put.revision,
            engine=self.engine.identity(),
            input_digest=digest(stored),
            input=stored,
            evaluated_at=put.at,
            duration_seconds=round(put.seconds, 6),
        )

    def revision(self, contract_policy: str | None) -> str:
        """Return the revision of what would be asked now; a decision names the one that made it."""
        return self._bundle(contract_policy).revision

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


@dataclass(frozen=True, slots=True)
class _Put:
    """A question as it was put to the engine, and how long that took."""

    query: Query
    asked: JsonObject
    revision: str
    at: datetime
    seconds: float


def _checked(asked: JsonObject) -> JsonObject:
    fix = "remove unpaired surrogates, Unicode noncharacters and numbers beyond range"
    try:
        is_text = is_speakable(canonical_json(asked).decode("utf-8"))
    except ValueError as error:
        raise Invalid("input_not_json", "The request has no JSON form.", fix=fix) from error
    if not is_text:
        raise Invalid("input_not_json", "The request holds what is no character.", fix=fix)
    return asked
