"""What any of the doors refuses: who is nobody, who may not, and what cannot be read."""

from collections.abc import Sequence

from tests.refusals.ground import BUNDLES, Call, Ground, act, change, offered, submit
from tests.refusals.row import refusal
from tests.village import WHERE

Tried = tuple[Call, Sequence[str]]
OWN_JSON = "the command writes its bodies itself"
OWN_HEADERS = "the command writes its headers itself"
OWN_QUERY = "the command knows its options"
ORDERS = ["request", "database", "orders"]


@refusal("unauthenticated", then="token")
def a_token_that_nobody_gave(_ground: Ground) -> Tried:
    return Call("", "POST", WHERE, {"name": "orders", "contract": "database"}), [
        *ORDERS,
        "--token",
        "avow_no",
    ]


@refusal("role_missing", then="ask an administrator")
def a_role_that_asks_for_nothing(_ground: Ground) -> Tried:
    return submit(who="paul"), ORDERS


@refusal("role_missing", then="ask an administrator")
def a_team_that_owns_it_not(ground: Ground) -> Tried:
    files = ground.files()
    return offered(files, who="dora"), ["publish", ground.written(files)]


@refusal("project_not_found", then="avow get projects")
def a_project_that_nobody_told_of(_ground: Ground) -> Tried:
    there = Call("dora", "POST", "/v1/projects/bank/requests", {"name": "orders", "contract": "database"})
    return there, [*ORDERS, "--project", "bank"]


@refusal("not_found", then="/openapi.json")
def a_name_that_cannot_be(_ground: Ground) -> Tried:
    return Call("dora", "POST", f"{WHERE}/A_b/actions/pin"), ["pin", "A_b"]


@refusal("method_not_allowed", then="Allow", unspoken="the command knows the methods")
def a_method_that_is_not_taken(_ground: Ground) -> Tried:
    return Call("dora", "PUT", WHERE, {}), []


@refusal("target_too_long", then="shorten", no_dry_run="nothing is written")
def an_address_without_end(_ground: Ground) -> Tried:
    name = "a" * 9000
    return Call("dora", "GET", f"{WHERE}/{name}"), ["plan", "database", name]


@refusal("headers_too_large", then="send fewer", unspoken=OWN_HEADERS)
def headers_without_end(_ground: Ground) -> Tried:
    return Call("dora", "POST", WHERE, {}, {f"X-{number}": "x" for number in range(120)}), []


@refusal("body_too_large", then="send less")
def a_body_without_end(_ground: Ground) -> Tried:
    peer = "x" * (1024 * 1024)
    return submit(inputs={"peer": peer}), [*ORDERS, "--set-json", f'peer="{peer}"']


@refusal("unsupported_media_type", then="application/json", unspoken=OWN_HEADERS)
def a_body_of_another_type(_ground: Ground) -> Tried:
    return Call("dora", "POST", WHERE, headers={"Content-Type": "text/plain"}, content="a database"), []


@refusal("invalid_json", then="", places=[("*", "*")], unspoken=OWN_JSON)
def a_body_that_says_a_thing_twice(_ground: Ground) -> Tried:
    twice = '{"name": "orders", "name": "billing", "contract": "database"}'
    return Call("dora", "POST", WHERE, headers={"Content-Type": "application/json"}, content=twice), []


@refusal("invalid_body", then="", places=[("/name", "pattern")])
def a_name_that_is_none(_ground: Ground) -> Tried:
    return submit("A_b"), ["request", "database", "A_b"]


@refusal("invalid_parameter", then="dry_run", places=[("?dry_rum", "unknown_parameter")], unspoken=OWN_QUERY)
def a_dry_run_that_is_misspelt(_ground: Ground) -> Tried:
    return Call("dora", "POST", f"{WHERE}?dry_rum=true", {"name": "orders", "contract": "database"}), []


@refusal(
    "invalid_page_token",
    then="without page_token",
    unspoken="the command follows the tokens that it is given",
    no_dry_run="it writes nothing",
)
def a_page_of_another_list(ground: Ground) -> Tried:
    return Call("pia", "POST", f"{BUNDLES}/impact?page_token=x", {"files": ground.files()}), []


@refusal("precondition_required", then="ETag", unspoken=OWN_HEADERS)
def a_change_of_what_nobody_read(ground: Ground) -> Tried:
    ground.village.ask("orders", "database")
    return change("orders", {}, inputs={"size": "m"}), []


@refusal("invalid_precondition", then="If-Match", unspoken=OWN_HEADERS)
def a_precondition_that_is_none(ground: Ground) -> Tried:
    ground.village.ask("orders", "database")
    return change("orders", {"If-Match": "three"}, inputs={"size": "m"}), []


@refusal("revision_changed", then="read it again", unspoken="the command has read it just before")
def a_change_of_what_was_changed_since(ground: Ground) -> Tried:
    ground.village.ask("orders", "database")
    return change("orders", {"If-Match": '"77"'}, inputs={"size": "m"}), []


@refusal("invalid_idempotency_key", then="UUID", unspoken=OWN_HEADERS)
def a_key_that_is_none(_ground: Ground) -> Tried:
    body = {"name": "orders", "contract": "database"}
    return Call("dora", "POST", WHERE, body, {"Idempotency-Key": "x" * 1000}), []


@refusal("idempotency_key_reused", then="new key", unspoken=OWN_HEADERS, no_dry_run="it uses no key")
def a_key_of_something_else(ground: Ground) -> Tried:
    key = {"Idempotency-Key": "5f0c6c7e-9c1f-4a9b-8f1c-5b8f0f0f0f0f"}
    assert ground.call(Call("dora", "POST", WHERE, {"name": "a", "contract": "database"}, key)).is_success
    return Call("dora", "POST", WHERE, {"name": "b", "contract": "database"}, key), []


@refusal(
    "policy_denied", then="take another", places=[("/inputs/size", "too-big")], no_dry_run="the plan says so"
)
def what_policy_denies(ground: Ground) -> Tried:
    denial = {"id": "too-big", "msg": "it is too big", "path": "/size", "remediation": "take another"}
    ground.village.doors.engine.deny = [denial]
    return submit(), ORDERS


@refusal("policy_unavailable", then="avow doctor")
def a_policy_engine_that_is_down(ground: Ground) -> Tried:
    ground.village.doors.engine.is_down = True
    return submit(), ORDERS


@refusal("policy_unavailable", then="avow doctor")
def a_policy_engine_that_is_down_when_something_changes(ground: Ground) -> Tried:
    ground.village.ask("orders", "database")
    ground.village.doors.engine.is_down = True
    return act("orders", "upgrade", {"to": "^1.0.0"}), ["upgrade", "orders", "--to", "^1.0.0"]
