"""Publishers and requesters who do anything at any time, and what may never be so meanwhile.

Contracts need one another and make children of one another; they are published, drafted,
deprecated, retired and deleted while requests on them are made, steered, planned, queued for
deletion and given back, and while the engine and the reconciler do some of what is due, as
slowly as Hypothesis likes. Everything goes through the real door into a real database.
"""

import json
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from platform_api.problems import pages
from policy.admit import Admission
from policy.decision import Decision
from policy.document import Query
from tests.engine import Behaviour, fails_for_good, fails_for_now
from tests.property.orphans import Seen, look, unmet_by
from tests.village import WHERE, Village, bundle

CONTRACTS = ("base", "middle", "site")
VERSIONS = ("1.0.0", "1.1.0", "2.0.0")
RANGES = ("^1.0.0", "1.1.0", "*")
NAMES = ("ada", "bob", "cid")
ANY_ETAG = {"If-Match": "*"}
SPEC = {"drift": {"interval": "1h"}, "reconcile": {"retry_failed": False}}

contracts = st.sampled_from(CONTRACTS)
versions = st.sampled_from(VERSIONS)
ranges = st.sampled_from(RANGES)
wishes = st.sampled_from((None, None, *VERSIONS, "^1.0.0", "*", "stable", "canary"))
needs = st.lists(st.tuples(contracts, ranges), max_size=1)
families = st.lists(st.tuples(contracts, ranges), max_size=2)
names = st.sampled_from(NAMES)
indexes = st.integers(0, 9)  # of what is there, from the oldest


class Bustle(RuleBasedStateMachine):
    """Does anything at all, and looks after every step."""

    open_village: ClassVar[Callable[[], AbstractContextManager[Village]]]
    tally: ClassVar[Counter[str]]
    """How often what was answered, so that a test can see that it was worth its time."""

    def __init__(self) -> None:
        super().__init__()
        self._opened = type(self).open_village()
        self.village = self._opened.__enter__()
        self.seen = Seen()
        self.plans: list[str] = []
        self.is_sound = True

    @initialize(family=families, wish=st.sampled_from(("1.0.0", "^1.0.0", None)), count=st.integers(8, 40))
    def some_are_there(self, family: list[tuple[str, str]], wish: str | None, count: int) -> None:
        self._publish("base", "1.0.0")
        self._publish("middle", "1.0.0", requires=[("base", "^1.0.0")])
        self._publish("site", "1.0.0", children=[("base", "^1.0.0"), *family])
        self.ask("ada", "site", None, is_used=False)
        self.ask("bob", "base", wish, is_used=False)
        self.passes(count)
        self._publish("base", "1.1.0")  # so that nothing relies on 1.0.0 alone
        self._publish("base", "2.0.0")

    # --- who publishes --------------------------------------------------------------------

    @rule(
        name=contracts,
        version=versions,
        requires=needs,
        children=families,
        how=st.sampled_from(({}, {}, {"draft": True}, {"canary": 50})),
        lifecycle=st.sampled_from(("stable", "experimental")),
    )
    def publish(self, name: str, version: str, how: dict[str, Any], **more: Any) -> None:
        self._publish(name, version, how, **more)

    @rule(name=contracts, version=versions, state=st.sampled_from(("deprecated", "retired", "published")))
    def move(self, name: str, version: str, state: str) -> None:
        before = unmet_by(self.village)
        answer = self._do("pia", "PUT", f"{_at(name, version)}/lifecycle", {"state": state})
        if answer.is_success and state == "retired":
            assert not self.seen.users(name, version), "a version in use was retired"
            assert unmet_by(self.village) <= before, "a contract relied on a version that was retired"

    @rule(name=contracts, version=versions)
    def end(self, name: str, version: str) -> None:
        """Go all the way with a version, as far as one is let."""
        for state in ("deprecated", "retired"):
            self.move(name, version, state)
        self.delete_version(name, version)

    @precondition(lambda self: self.seen.names)
    @rule(at=indexes)
    def end_what_is_used(self, at: int) -> None:
        """Try to take away what somebody stands on."""
        request = self.seen.live[at % len(self.seen.live)]
        for version in sorted(self.seen.stood_on(request)):
            self.end(request.contract, version)
            self.nothing_is_orphaned()

    @rule(name=contracts, version=versions)
    def delete_version(self, name: str, version: str) -> None:
        answer = self._do("pia", "DELETE", _at(name, version))
        if answer.is_success:
            assert not self.seen.users(name, version), "a version in use was deleted"

    @rule(name=contracts, action=st.sampled_from(("pause", "resume", "resume")))
    def hold_contract(self, name: str, action: str) -> None:
        self._do("pia", "POST", f"/v1/contracts/{name}/actions/{action}")

    # --- who asks -------------------------------------------------------------------------

    @rule(name=names, contract=contracts, wish=wishes, is_used=st.booleans())
    def ask(self, name: str, contract: str, wish: str | None, *, is_used: bool) -> None:
        self._do("dora", "POST", WHERE, self._wanted(name, contract, wish, is_used=is_used))

    @precondition(lambda self: self.seen.names)
    @rule(at=indexes, wish=wishes, size=st.sampled_from("sml"))
    def change(self, at: int, wish: str | None, size: str) -> None:
        self._do("dora", "PATCH", self._request(at), {"version": wish, "inputs": {"size": size}})

    @precondition(lambda self: self.seen.names)
    @rule(at=indexes, wish=wishes)
    def upgrade(self, at: int, wish: str | None) -> None:
        self._do("dora", "POST", f"{self._request(at)}/actions/upgrade", {"to": wish} if wish else {})

    @precondition(lambda self: self.seen.names)
    @rule(at=indexes, first=versions, second=versions, count=st.sampled_from((1, 1, 2)))
    def change_ones_mind(self, at: int, first: str, second: str, count: int) -> None:
        """Go somewhere else while one is on the way, and have the versions left behind taken away."""
        self.upgrade(at, first)
        self.passes(count)
        self.upgrade(at, second)
        self.nothing_is_orphaned()
        if self.seen.names:
            self.end_what_is_used(at)

    @precondition(lambda self: self.seen.names)
    @rule(at=indexes, action=st.sampled_from(("pin", "rollback", "pause", "resume", "keep", "reconcile")))
    def act(self, at: int, action: str) -> None:
        self._do("dora", "POST", f"{self._request(at)}/actions/{action}")

    @precondition(lambda self: self.seen.names)
    @rule(at=indexes, when_unused=st.booleans())
    def delete(self, at: int, *, when_unused: bool) -> None:
        query = "?when_unused=true" if when_unused else ""
        self._do("dora", "DELETE", f"{self._request(at)}{query}")

    @rule(
        name=names, contract=contracts, wish=wishes, operation=st.sampled_from(("create", "update", "delete"))
    )
    def plan(self, name: str, contract: str, wish: str | None, operation: str) -> None:
        wanted = {} if operation == "delete" else self._wanted(name, contract, wish, is_used=False)
        answer = self._do(
            "dora", "POST", "/v1/projects/shop/plans", {"operation": operation, "name": name} | wanted
        )
        if answer.is_success:
            self.plans.append(answer.json()["id"])

    @precondition(lambda self: self.plans)
    @rule(at=indexes)
    def submit(self, at: int) -> None:
        plan = self.plans[at % len(self.plans)]
        self._do("dora", "POST", f"/v1/projects/shop/plans/{plan}/submit")

    # --- what goes on meanwhile -----------------------------------------------------------

    @rule(name=names, how=st.sampled_from((fails_for_good, fails_for_now)))
    def next_one_fails(self, name: str, how: Behaviour) -> None:
        self.village.things.script[name].append(how)

    @precondition(lambda self: self.seen.names)
    @rule(at=indexes)
    def retry(self, at: int) -> None:
        """Have the newest run of a request tried again."""
        for run in self._runs(at)[:1]:
            self._do("dora", "POST", f"/v1/runs/{run}/retry")

    @precondition(lambda self: self.seen.names)
    @rule(at=indexes, version=versions)
    def migrate(self, at: int, version: str) -> None:
        """Have the newest run of a request go over to another version, when it is parked."""
        for run in self._runs(at)[:1]:
            self._do("admin", "POST", f"/v1/runs/{run}/migrate", {"contract_version": version})

    @rule(count=st.sampled_from((1, 4, 12)))
    def passes_while_versions_end(self, count: int) -> None:
        """Do some of what is due, and have whatever version policy is asked about taken away meanwhile."""
        village, asked = self.village, self.village.reconciler
        village.reconciler = replace(asked, admission=_Meddling(asked.admission, self._end_asked))  # type: ignore[arg-type]  # it answers as the one behind it
        try:
            self.passes(count)
        finally:
            village.reconciler = asked

    def _end_asked(self, query: Query) -> None:
        self.nothing_is_orphaned()
        self.end(query.contract.name, query.contract.version)

    @rule(count=st.sampled_from((1, 2, 3, 4, 12)))
    def passes(self, count: int) -> None:
        self.is_sound = False
        self.village.work(count)

    @rule(hours=st.integers(1, 3))
    def time_passes(self, hours: int) -> None:
        self.village.doors.clock.advance(timedelta(hours=hours))

    @invariant()
    def nothing_is_orphaned(self) -> None:
        self.seen = look(self.village)
        assert list(self.seen.faults()) == []
        self.is_sound = True

    def teardown(self) -> None:
        """Give everything back, as anybody could, and see that nothing stays."""
        try:
            if self.is_sound:
                self._give_everything_back()
        finally:
            self._opened.__exit__(None, None, None)

    def _give_everything_back(self) -> None:
        village = self.village
        village.things.script.clear()
        for name in CONTRACTS:
            self.hold_contract(name, "resume")
        for _ in range(8):
            for name in sorted(self.seen.names):
                self._do("dora", "POST", f"{WHERE}/{name}/actions/resume")
                self._do("dora", "DELETE", f"{WHERE}/{name}?when_unused=true")
            village.sleep(timedelta(hours=4))
            self.nothing_is_orphaned()
            if not self.seen.names:
                break
        assert (self.seen.names, village.things.there) == ([], {}), "a request never goes"
        assert not self.seen.works, "somebody still looks at what is gone"
        for _ in CONTRACTS:  # what others need goes after them
            for name, version in sorted(self.seen.shelf):
                self.end(name, version)
                self.nothing_is_orphaned()
        assert not self.seen.shelf, "a version never goes"

    def _publish(self, name: str, version: str, how: Any = None, **spec: Any) -> None:
        made = spec.pop("children", ())
        lifecycle = spec.pop("lifecycle", "stable")
        needed = [{"contract": contract, "version": wanted} for contract, wanted in spec.pop("requires", ())]
        children = [
            {"name": f"c{index}", "contract": contract, "version": wanted}
            for index, (contract, wanted) in enumerate(made)
        ]
        said = SPEC | {"requires": needed, "children": children}
        files = bundle((name, version, "team-data"), "${inputs.size}", "${steps.make.outputs.id}", **said)
        document = json.loads(files["contract.yaml"])
        document["metadata"]["lifecycle"] = lifecycle
        files["contract.yaml"] = json.dumps(document)
        self._do("pia", "POST", "/v1/contracts", {"files": files} | (how or {}))

    def _wanted(self, name: str, contract: str, wish: str | None, *, is_used: bool) -> dict[str, Any]:
        used = [each for each in self.seen.names if each != name][:1] if is_used else []
        return {"name": name, "contract": contract, "uses": used} | ({"version": wish} if wish else {})

    def _runs(self, at: int) -> list[str]:
        """Return the runs of a request, the newest first."""
        listed = self.village.doors("dora", "GET", f"{self._request(at)}/runs").json()["items"]
        return [each["id"] for each in listed]

    def _request(self, at: int) -> str:
        return f"{WHERE}/{self.seen.names[at % len(self.seen.names)]}"

    def _do(self, who: str, method: str, path: str, body: Any = None) -> Any:
        """Do something, and see that it is done or refused in order."""
        self.is_sound = False
        answer = self.village.doors(who, method, path, body, headers=ANY_ETAG)
        said = {} if answer.is_success else answer.json()
        code = said.get("code", "")
        assert answer.is_success or (answer.status_code < 500 and code in pages()), answer.text
        assert answer.is_success or said.get("fix") or said.get("errors"), answer.text
        what = path.rpartition("/")[2].partition("?")[0] if "/actions/" in path else path.split("/")[2]
        self.tally[f"{method} {what} {code}".rstrip()] += 1
        return answer


class _Meddling:
    """Admission, with something done before it answers."""

    def __init__(self, admission: Admission, before: Callable[[Query], None]) -> None:
        self._admission = admission
        self._before = before

    def decide(self, query: Query) -> Decision:
        self._before(query)
        return self._admission.decide(query)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._admission, name)


def _at(name: str, version: str) -> str:
    return f"/v1/contracts/{name}/versions/{version}"
