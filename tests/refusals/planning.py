"""What keeping a plan and submitting it are refused for; what planning refuses, asking refuses as well."""

from collections.abc import Sequence
from datetime import timedelta

from tests.refusals.ground import BUNDLES, PLANS, Call, Ground, without_description
from tests.refusals.row import refusal

Tried = tuple[Call, Sequence[str]]
NO_PLAN = "pln_" + "0" * 26


def submitted(plan: str) -> Tried:
    """Return both ways to submit a plan."""
    return Call("dora", "POST", f"{PLANS}/{plan}/submit"), ["apply", "--plan", plan]


@refusal("plan_not_found", then="avow get plans")
def a_plan_that_nobody_made(_ground: Ground) -> Tried:
    return submitted(NO_PLAN)


@refusal("plan_submitted", then="avow status orders")
def a_plan_that_was_done(ground: Ground) -> Tried:
    call, words = submitted(ground.plan())
    assert ground.call(call).is_success
    return call, words


@refusal("plan_expired", then="avow plan")
def a_plan_of_last_week(ground: Ground) -> Tried:
    plan = ground.plan()
    ground.village.doors.clock.advance(timedelta(days=7))
    return submitted(plan)


@refusal(
    "plan_stale", then="avow plan", places=[("/contract/version", "changed"), ("/contract/digest", "changed")]
)
def a_plan_of_before_the_new_version(ground: Ground) -> Tried:
    plan = ground.plan()
    ground.publish()
    return submitted(plan)


@refusal("request_exists", then="avow status orders", unspoken="the command plans a change of what is there")
def a_plan_for_a_name_that_is_taken(ground: Ground) -> Tried:
    ground.village.ask("orders", "database")
    plan = {"operation": "create", "name": "orders", "contract": "database"}
    return Call("dora", "POST", PLANS, plan), []


@refusal("invalid_inputs", then="avow explain database", places=[("/inputs/size", "enum")])
def a_plan_with_inputs_that_do_not_fit(_ground: Ground) -> Tried:
    plan = {"operation": "create", "name": "orders", "contract": "database", "inputs": {"size": "xl"}}
    return Call("dora", "POST", PLANS, plan), ["plan", "database", "orders", "--set", "size=xl", "--save"]


@refusal("policy_unavailable", then="avow doctor")
def a_plan_without_an_answer_of_policy(ground: Ground) -> Tried:
    ground.village.doors.engine.is_down = True
    plan = {"operation": "create", "name": "orders", "contract": "database"}
    return Call("dora", "POST", PLANS, plan), ["plan", "database", "orders"]


@refusal(
    "invalid_contract",
    then="avow lint",
    places=[("contract.yaml#/spec/description", "required")],
    no_dry_run="it writes nothing",
)
def an_impact_of_what_cannot_be_published(ground: Ground) -> Tried:
    files = without_description()
    call = Call("pia", "POST", f"{BUNDLES}/impact", {"files": files})
    return call, ["publish", "--plan", ground.written(files)]


@refusal("role_missing", then="ask an administrator", no_dry_run="it writes nothing")
def an_impact_of_policies_on_everybody(ground: Ground) -> Tried:
    files = {"own.rego": "package avow.org.own\n"}
    call = Call("dora", "POST", "/v1/policies/impact", {"files": files})
    return call, ["policy", "impact", ground.written(files)]


@refusal("invalid_policy", then="", places=[("own.rego*", "*")], no_dry_run="it writes nothing")
def an_impact_of_policies_that_are_none(ground: Ground) -> Tried:
    files = {"own.rego": "package avow.policies.own\n\nimport rego.v1\n\ndeny contains http.send({})\n"}
    call = Call("admin", "POST", "/v1/policies/impact", {"files": files})
    return call, ["policy", "impact", ground.written(files)]
