"""What will be done about a request's children until it is as it is wanted, and what of it is certain."""

from dataclasses import replace
from typing import Any

import pytest

from catalog.contract import Child
from catalog.ids import ContractName
from catalog.request import Phase
from executors.port import ContractRef
from reconciler.composition import PARENT_LABEL, composition
from reconciler.prospect import Prospects, prospects
from reconciler.relation import Member
from tests.factories import START, a_contract, a_request

PARENT = a_request(name="shop", owner="team-web")
INPUTS = {"size": "m"}
TAKES_NET = {"id": "${children.net.outputs.id}"}
TEXT = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"id": {"type": "string"}, "size": {"enum": ["s", "m"]}},
}


def member(name: str, inputs: Any = None, *, held: Any = None, **more: Any) -> Member:
    """Return a child; it is as wished with its id handed back where `held` says what is other."""
    inputs = {"size": "${inputs.size}"} if inputs is None else inputs
    contract = a_contract(inputs=TEXT)
    needs = ("net",) if inputs == TAKES_NET else more.pop("needs", ())
    child = Child(name, ContractName(contract.name), "^1.0.0", inputs, needs)
    as_wished = {
        "name": f"shop-{name}",
        "version": "^1.0.0",
        "owner": "team-web",
        "labels": {**PARENT.labels, PARENT_LABEL: "shop"},
        "inputs": {"id": "id-net"} if inputs == TAKES_NET else {"size": "m"},
        "phase": Phase.READY,
        "child": name,
        "outputs": {"id": f"id-{name}"},
    }
    values: dict[str, Any] = {
        "child": child,
        "contract": contract,
        "ref": ContractRef(contract.name, contract.version, "sha256:1"),
        "held": None if held is None else a_request(f"req_{name}", **(as_wished | held)),
    }
    return Member(name, f"shop-{name}", **(values | more))


def found(*members: Member, **more: Any) -> Prospects:
    return prospects(PARENT, INPUTS, members, **more)


def told(*members: Member, **more: Any) -> list[str]:
    """Return what is done, in words; `?` is what is not certain, `~` where inputs are not known."""
    return [
        f"{each.deed} {each.member.name}{'' if each.is_certain else '?'}{'' if each.is_whole else '~'}"
        for each in found(*members, **more).children
    ]


def test_what_is_as_wished_is_left_alone() -> None:
    assert found(member("net", held={}), member("db", TAKES_NET, held={})) == Prospects()


def test_all_children_are_told_and_not_only_those_whose_turn_it_is() -> None:
    members = member("net"), member("db", TAKES_NET)
    assert told(*members) == ["make net", "make db~"]
    assert len(composition(PARENT, INPUTS, members, is_delivered=False).errands) == 1


def test_a_child_that_takes_what_a_changed_one_hands_back_may_change() -> None:
    changed = member("net", held={"inputs": {"size": "s"}})
    assert told(changed, member("db", TAKES_NET, held={})) == ["change net", "change db?"]
    assert told(changed, member("db", held={}, needs=("net",))) == ["change net"]


def test_a_child_that_differs_for_itself_changes_for_certain() -> None:
    changed = member("net", held={"inputs": {"size": "s"}})
    assert told(changed, member("db", TAKES_NET, held={"version": "~1.0.0"})) == ["change net", "change db"]


def test_another_label_moves_nothing() -> None:
    relabelled = member("net", held={"labels": {}})
    assert told(relabelled, member("db", TAKES_NET, held={})) == ["change net"]


def test_what_a_changed_child_does_not_hand_back_yet_is_no_misfit() -> None:
    changed = member("net", held={"inputs": {"size": "s"}, "outputs": {}})
    seen = found(changed, member("db", TAKES_NET, held={}))
    assert ([each.deed for each in seen.children], seen.misfits) == (["change", "change"], ())
    still = found(member("net", held={"outputs": {}}), member("db", TAKES_NET, held={}))
    assert [each.reason for each in still.misfits] == ["ChildMisfit"]


MISFITS: dict[str, tuple[Member, str]] = {
    "inputs": (member("net", {"size": "xl"}), "ChildMisfit"),
    "no version": (member("net", contract=None, ref=None), "ChildMisfit"),
    "a name": (member("net", is_taken=True), "ChildNameTaken"),
    "a long name": (replace(member("net"), called="n" * 64), "ChildMisfit"),
}


@pytest.mark.parametrize(("wrong", "reason"), MISFITS.values(), ids=MISFITS)
def test_a_child_that_cannot_be_keeps_those_that_need_it_and_those_that_would_go(
    wrong: Member, reason: str
) -> None:
    dropped = replace(member("old", held={}), child=None)
    seen = found(wrong, member("db", TAKES_NET), member("web"), dropped)
    assert [each.reason for each in seen.misfits] == [reason]
    assert [each.member.name for each in seen.children] == ["web"]


def test_dropped_children_go_and_nobody_waits_for_them() -> None:
    dropped = replace(member("old", held={}), child=None)
    [going] = found(member("net", held={}), dropped).children
    assert (going.member.name, going.is_awaited, going.wish) == ("old", False, None)
    assert going.request(PARENT, START).is_deleting


def test_children_that_others_use_stay() -> None:
    used = member("old", held={"deletion_queued_at": START}, is_used=True)
    assert told(replace(used, child=None)) == []


def test_a_child_of_another_contract_goes_and_is_made_anew() -> None:
    assert told(member("net", held={"contract": "other"})) == ["give back net", "make net"]


@pytest.mark.parametrize(
    ("phase", "reason"), [(Phase.FAILED, "ChildHeldUp"), (Phase.PROGRESSING, "ChildNotReady")]
)
def test_a_child_that_is_not_ready_by_itself_is_waited_for(phase: Phase, reason: str) -> None:
    seen = found(member("net", held={"phase": phase}))
    assert ([each.reason for each in seen.waits], seen.children) == ([reason], ())


def test_children_go_with_their_parent_last_come_first() -> None:
    leaving = replace(PARENT, deletion_requested_at=START)
    seen = prospects(leaving, INPUTS, [member("net", held={}), member("db", TAKES_NET, held={})])
    assert [each.member.name for each in seen.children] == ["db", "net"]


def test_nothing_misfits_a_parent_whose_inputs_are_not_known_yet() -> None:
    lost = member("net", {"size": "${inputs.region}"})
    assert (told(lost, is_whole=False), found(lost, is_whole=False).misfits) == (["make net~"], ())
    assert [each.reason for each in found(lost).misfits] == ["ChildMisfit"]


def test_a_child_is_asked_for_as_the_platform_asks_for_it() -> None:
    [made] = found(member("net")).children
    request = made.request(PARENT, START)
    assert (request.name, request.contract_digest, request.inputs) == ("shop-net", "sha256:1", {"size": "m"})
    assert (request.parent_uid, request.child, request.parent) == (PARENT.uid, "net", "shop")
    [changed] = found(member("net", held={"inputs": {"size": "s"}, "failed_digest": "sha256:0"})).children
    after = changed.request(PARENT, START)
    assert (after.generation, after.inputs, after.failed_digest) == (2, {"size": "m"}, None)
