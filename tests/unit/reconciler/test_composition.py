"""What becomes of a request's children, decided from what is known: made, changed, awaited, given back."""

from dataclasses import replace
from typing import Any

import pytest

from catalog.conditions import Status, Type
from catalog.contract import Child
from catalog.ids import ContractName
from catalog.request import Phase, Request
from executors.port import ContractRef
from reconciler.composition import PARENT_LABEL, Deed, Wish, composition, leaving_first, parting
from reconciler.relation import Member
from tests.factories import START, a_contract, a_request

PARENT = a_request(name="shop", owner="team-web", labels={"tier": "web"})
INPUTS = {"size": "m", "token": "plain"}
SECRET = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"token": {"type": "string", "x-sensitive": True}},
}


def member(name: str = "db", phase: Phase | None = None, **more: Any) -> Member:
    """Return a child; without a phase it is not there yet."""
    inputs, needs = more.pop("inputs", {"size": "${inputs.size}"}), more.pop("needs", ())
    contract = a_contract(**more.pop("spec", {}))
    child = Child(name, ContractName(contract.name), "^1.0.0", inputs, needs)
    values: dict[str, Any] = {
        "child": child,
        "contract": contract,
        "ref": ContractRef(contract.name, contract.version, "sha256:1"),
        "held": None if phase is None else held_by(name, phase, more.pop("held", {})),
    }
    return Member(name, f"shop-{name}", **(values | more))


def held_by(name: str, phase: Phase, fields: dict[str, Any]) -> Request:
    """Return the request of a child that is as wished."""
    as_wished = {
        "name": f"shop-{name}",
        "version": "^1.0.0",
        "owner": "team-web",
        "labels": {"tier": "web", PARENT_LABEL: "shop"},
        "inputs": {"size": "m"},
        "phase": phase,
        "child": name,
        "outputs": {"id": f"id-{name}"},
    }
    return a_request(f"req_{name}", **(as_wished | fields))


def composed(*members: Member, is_delivered: bool = False) -> Any:
    """Return what becomes of the children of `PARENT`."""
    return composition(PARENT, INPUTS, members, is_delivered=is_delivered)


def told(*members: Member) -> tuple[str, str]:
    """Return reason and message of what holds the parent up."""
    obstacle = composed(*members).obstacle
    assert obstacle is not None
    assert obstacle.type is Type.COMPOSED
    return obstacle.reason, obstacle.message


# --- making and changing ----------------------------------------------------------------


def test_a_child_that_needs_nothing_is_made_with_what_its_parent_gives_it() -> None:
    [errand] = composed(member()).errands
    assert (errand.deed, errand.member.called) == (Deed.MAKE, "shop-db")
    labels = {"tier": "web", PARENT_LABEL: "shop"}
    ref = ContractRef("postgres-database", "1.0.0", "sha256:1")
    assert errand.wish == Wish(a_contract(), ref, "^1.0.0", "team-web", labels, {"size": "m"})


def test_a_child_is_made_once_those_that_it_needs_are_ready() -> None:
    later = member("app", inputs={"size": "${inputs.size}"}, needs=("db",))
    assert [str(each) for each in composed(member("db", Phase.PROGRESSING), later).errands] == []
    assert [str(each) for each in composed(member("db", Phase.READY), later).errands] == ["make shop-app"]


def test_what_a_needed_child_hands_back_stands_where_it_is_referred_to() -> None:
    spec = {"inputs": {"type": "object", "additionalProperties": False, "properties": {"net": {}}}}
    later = member("app", inputs={"net": "${children.db.outputs.id}"}, needs=("db",), spec=spec)
    [errand] = composed(member("db", Phase.READY), later).errands
    assert errand.wish is not None
    assert errand.wish.inputs == {"net": "id-db"}


@pytest.mark.parametrize(
    "fields",
    [
        {"inputs": {"size": "s"}},
        {"version": "^2.0.0"},
        {"owner": "team-other"},
        {"labels": {}},
        {"deletion_queued_at": START},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_a_child_that_is_not_as_wished_is_changed(fields: dict[str, Any]) -> None:
    [errand] = composed(member("db", Phase.READY, held=fields)).errands
    assert errand.deed is Deed.CHANGE


def test_a_child_is_changed_to_what_only_python_takes_for_the_same() -> None:
    spec = {"inputs": {"type": "object", "additionalProperties": False, "properties": {"n": {}}}}
    made = member("db", Phase.READY, inputs={"n": True}, spec=spec, held={"inputs": {"n": 1}})
    [errand] = composed(made).errands
    assert errand.deed is Deed.CHANGE
    same = member("db", Phase.READY, inputs={"n": 1}, spec=spec, held={"inputs": {"n": 1}})
    assert composed(same).errands == ()


def test_a_child_that_is_to_be_changed_is_not_ready_for_those_that_need_it() -> None:
    changing = member("db", Phase.READY, held={"inputs": {"size": "s"}})
    found = composed(changing, member("app", needs=("db",)))
    assert [str(each) for each in found.errands] == ["change shop-db"]
    assert found.obstacle.reason == "ChildNotReady"


def test_a_child_of_another_contract_is_given_back_and_then_made_anew() -> None:
    other = {"contract": ContractName("mysql")}
    [errand] = composed(member("db", Phase.READY, held=other)).errands
    assert errand.deed is Deed.GIVE_BACK
    going = member("db", Phase.DELETING, held=other | {"deletion_requested_at": START})
    assert composed(going).errands == ()
    assert told(going)[0] == "ChildrenLeaving"


def test_a_child_of_another_contract_that_others_use_is_awaited_and_not_given_back_for_ever() -> None:
    used = {"contract": ContractName("mysql"), "deletion_queued_at": START}
    found = composed(member("db", Phase.READY, held=used, is_used=True))
    assert (found.errands, found.obstacle.reason) == ((), "ChildrenLeaving")
    assert "other requests use it" in found.obstacle.message


# --- waiting ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phase", "reason", "status"),
    [
        (Phase.PENDING, "ChildNotReady", Status.UNKNOWN),
        (Phase.PROGRESSING, "ChildNotReady", Status.UNKNOWN),
        (Phase.DRIFTED, "ChildNotReady", Status.UNKNOWN),
        (Phase.PAUSED, "ChildNotReady", Status.UNKNOWN),
        (Phase.BLOCKED, "ChildHeldUp", Status.FALSE),
        (Phase.FAILED, "ChildHeldUp", Status.FALSE),
    ],
)
def test_a_child_that_is_not_ready_holds_its_parent_up(phase: Phase, reason: str, status: Status) -> None:
    obstacle = composed(member("db", phase)).obstacle
    assert (obstacle.reason, obstacle.status, obstacle.ref) == (reason, status, "shop-db")
    assert f"shop-db is {phase}" in obstacle.message


def test_when_every_child_is_ready_nothing_is_left_to_do() -> None:
    found = composed(member("net", Phase.READY), member("db", Phase.READY, needs=("net",)))
    assert (found.errands, found.obstacle, found.leaving) == ((), None, ())


def test_the_first_child_in_the_way_is_named() -> None:
    assert "shop-net" in told(member("net", Phase.FAILED), member("db", Phase.FAILED))[1]


# --- misfits ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (member(inputs={"size": "xl"}), "/inputs/size must satisfy enum"),
        (member(inputs={"size": "${inputs.sise}"}), "${inputs.sise} has no value here"),
        (member(inputs={}), "/inputs/size this field is required"),
        (member(inputs={"token": "${inputs.token}"}, spec={"inputs": SECRET}), "must be a secret reference"),
        (member(contract=None, ref=None), "no version of its contract is published"),
        (replace(member(), called="x" * 64), "its name would be too long"),
    ],
    ids=["wrong", "no value", "missing", "secret in clear", "no contract", "name"],
)
def test_a_child_that_cannot_be_made_is_said_with_field_and_reason(made: Member, said: str) -> None:
    reason, message = told(made)
    assert reason == "ChildMisfit"
    assert made.called in message
    assert said in message
    assert composed(made).errands == ()


def test_a_reference_to_a_secret_passes_as_it_is() -> None:
    reference = "secret://env/AVOW_SECRET_X"
    made = member(inputs={"token": reference}, spec={"inputs": SECRET})
    [errand] = composed(made).errands
    assert errand.wish is not None
    assert errand.wish.inputs == {"token": reference}


def test_a_misfit_does_not_touch_the_child_that_is_there() -> None:
    assert composed(member("db", Phase.READY, inputs={"size": "xl"})).errands == ()


def test_a_name_that_another_request_has_is_said() -> None:
    assert told(member(is_taken=True))[0] == "ChildNameTaken"


# --- giving back ------------------------------------------------------------------------


def dropped(name: str, phase: Phase = Phase.READY, **more: Any) -> Member:
    """Return a child that the contract has no more."""
    return replace(member(name, phase, **more), child=None, contract=None, ref=None)


def test_a_dropped_child_goes_once_the_parent_is_delivered_without_it() -> None:
    kept = member("db", Phase.READY)
    assert composed(kept, dropped("old")).errands == ()
    assert [str(each) for each in composed(kept, dropped("old"), is_delivered=True).errands] == [
        "give back shop-old"
    ]


def test_nobody_waits_for_a_dropped_child_but_it_is_told() -> None:
    going = dropped("old", Phase.DELETING, held={"deletion_requested_at": START})
    found = composed(member("db", Phase.READY), going, is_delivered=True)
    assert (found.errands, found.obstacle) == ((), None)
    leaving = leaving_first(found.leaving)
    assert leaving is not None
    assert leaving.reason == "ChildrenLeaving"


def test_dropped_children_go_one_after_the_other_the_youngest_first() -> None:
    members = (member("db", Phase.READY), dropped("young"), dropped("old"))
    assert [str(each) for each in composed(*members, is_delivered=True).errands] == ["give back shop-young"]


def test_a_dropped_child_that_others_use_is_left_to_them() -> None:
    used = dropped("old", held={"deletion_queued_at": START}, is_used=True)
    assert composed(member("db", Phase.READY), used, is_delivered=True).errands == ()


def test_children_of_a_parent_that_goes_are_given_back_in_the_reverse_order_of_needs() -> None:
    net = member("net", Phase.READY)
    one, two = (member(name, Phase.READY, needs=("net",)) for name in ("one", "two"))
    assert [str(each) for each in parting((net, one, two)).errands] == [
        "give back shop-one",
        "give back shop-two",
    ]
    gone = replace(one, held=None)
    going = member("two", Phase.DELETING, needs=("net",), held={"deletion_requested_at": START})
    waiting = parting((net, gone, going))
    assert (waiting.errands, waiting.obstacle and waiting.obstacle.ref) == ((), "shop-two")
    assert [str(each) for each in parting((net, gone, replace(two, held=None))).errands] == [
        "give back shop-net"
    ]


def test_a_parent_without_children_left_waits_for_nobody() -> None:
    found = parting((member("net"), member("db")))
    assert (found.errands, found.obstacle) == ((), None)
