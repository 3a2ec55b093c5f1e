"""Who may do what: every answer follows from grants, and lists agree with single answers."""

import itertools

import pytest

from catalog.actor import ANY, SYSTEM, Actor, Grant, Role


def holding(role: Role, scope: str = "shop") -> Actor:
    return Actor("dora", (Grant(role, scope),))


def test_a_subject_without_grants_may_do_nothing() -> None:
    nobody = Actor("nobody")
    assert not nobody.is_admin
    assert not nobody.may_read("shop")
    assert not nobody.may_request("shop")
    assert not nobody.may_publish("team")
    assert not nobody.may_audit("shop")
    assert nobody.readable_projects() == frozenset()


@pytest.mark.parametrize(
    ("role", "reads", "requests", "audits"),
    [
        (Role.DEVELOPER, True, True, False),
        (Role.APPROVER, True, False, False),
        (Role.AUDITOR, True, False, True),
        (Role.PUBLISHER, False, False, False),
    ],
)
def test_a_role_holds_in_its_scope_alone(role: Role, *, reads: bool, requests: bool, audits: bool) -> None:
    actor = holding(role)
    assert (actor.may_read("shop"), actor.may_request("shop"), actor.may_audit("shop")) == (
        reads,
        requests,
        audits,
    )
    assert not actor.may_read("bank")
    assert not actor.may_request("bank")
    assert not actor.may_audit("bank")


def test_a_publisher_publishes_for_its_team_alone() -> None:
    publisher = holding(Role.PUBLISHER, "team-data")
    assert publisher.may_publish("team-data")
    assert not publisher.may_publish("team-web")


def test_a_publishers_team_opens_no_project_of_the_same_name() -> None:
    publisher = holding(Role.PUBLISHER, "shop")
    assert not publisher.may_read("shop")
    assert publisher.readable_projects() == frozenset()


def test_an_admin_may_do_everything_everywhere() -> None:
    for admin in (SYSTEM, Actor("root", (Grant(Role.ADMIN, ANY),))):
        assert admin.is_admin
        assert admin.may_read("shop")
        assert admin.may_request("shop")
        assert admin.may_publish("team")
        assert admin.may_audit("shop")
        assert admin.readable_projects() is None


def test_an_admin_of_one_scope_is_no_admin() -> None:
    actor = holding(Role.ADMIN, "shop")
    assert not actor.is_admin
    assert not actor.may_request("shop")


@pytest.mark.parametrize(("role", "scope"), list(itertools.product(Role, ["shop", ANY])))
def test_the_list_of_readable_projects_agrees_with_the_single_answers(role: Role, scope: str) -> None:
    actor = holding(role, scope)
    readable = actor.readable_projects()
    for project in ("shop", "bank"):
        assert actor.may_read(project) == (readable is None or project in readable)
