"""What deleting a request, and ending and deleting a version of a contract, are refused for."""

from collections.abc import Sequence

from tests.refusals.ground import ANY, BUNDLES, Call, Ground, submit
from tests.refusals.row import refusal
from tests.village import WHERE

Tried = tuple[Call, Sequence[str]]
OLD = f"{BUNDLES}/database/versions/1.0.0"
NUMBERS = {
    "type": "object",
    "additionalProperties": False,
    "required": ["gib"],
    "properties": {"gib": {"type": "integer"}},
}
CONVERSION = {"from": "^1.0.0", "inputs": {"gib": "1", "size": "null", "peer": "null"}}


def delete(name: str = "orders") -> Call:
    """Return the call that gives a request back."""
    return Call("dora", "DELETE", f"{WHERE}/{name}", headers=ANY)


@refusal("request_not_found", then="avow get requests")
def a_request_that_never_was(_ground: Ground) -> Tried:
    return delete("nobody"), ["delete", "nobody"]


@refusal("in_use", then="avow delete net --when-unused")
def a_request_that_another_uses(ground: Ground) -> Tried:
    ground.village.ask("net", "database")
    ground.village.ask("orders", "database", uses=[{"request": "net", "reason": "to be reached"}])
    return delete("net"), ["delete", "net"]


@refusal("owned_by_parent", then="avow status site")
def a_child(ground: Ground) -> Tried:
    children = [{"name": "db", "contract": "database", "version": "*"}]
    ground.publish("site", "1.0.0", spec={"children": children})
    ground.village.ask("site", "site")
    return delete("site-db"), ["delete", "site-db"]


@refusal("contract_not_found", then="avow get contracts")
def a_version_that_never_was(_ground: Ground) -> Tried:
    where = f"{BUNDLES}/database/versions/7.0.0"
    return Call("pia", "DELETE", where, headers=ANY), ["delete", "database@7.0.0"]


@refusal("role_missing", then="ask an administrator")
def a_version_of_another_team(_ground: Ground) -> Tried:
    return Call("dora", "DELETE", OLD, headers=ANY), ["delete", "database@1.0.0"]


@refusal("lifecycle_move", then="avow deprecate database@1.0.0")
def a_version_that_is_published(_ground: Ground) -> Tried:
    return Call("pia", "DELETE", OLD, headers=ANY), ["delete", "database@1.0.0"]


@refusal("version_in_use", then="avow laggards database@1.0.0", places=[("", "request")])
def a_version_for_which_inputs_are_written(ground: Ground) -> Tried:
    ground.publish(version="2.0.0", spec={"inputs": NUMBERS, "conversion": CONVERSION})
    ground.call(submit(version="1.0.0"))
    moved = {"version": "2.0.0"}  # and nothing is delivered yet, so it still takes the old version's defaults
    assert ground.call(Call("dora", "PATCH", f"{WHERE}/orders", moved, ANY)).is_success
    ground.move("1.0.0", "deprecated")
    ground.move("1.0.0", "retired")
    return Call("pia", "DELETE", OLD, headers=ANY), ["delete", "database@1.0.0"]


@refusal("version_in_use", then="avow laggards database@1.0.0", places=[("", "request"), ("", "contract")])
def the_end_of_a_version_in_use(ground: Ground) -> Tried:
    ground.village.ask("orders", "database", version="1.0.0")
    ground.publish("shop", "1.0.0", spec={"requires": [{"contract": "database", "version": "^1.0.0"}]})
    ground.move("1.0.0", "deprecated")
    return Call("pia", "PUT", f"{OLD}/lifecycle", {"state": "retired"}, ANY), ["retire", "database@1.0.0"]


@refusal("lifecycle_move", then="deprecated")
def the_end_of_a_version_that_is_published(_ground: Ground) -> Tried:
    return Call("pia", "PUT", f"{OLD}/lifecycle", {"state": "retired"}, ANY), ["retire", "database@1.0.0"]


@refusal("invalid_lifecycle", then="", places=[("/replacement", "replacement_unfit")])
def a_replacement_by_itself(_ground: Ground) -> Tried:
    terms = {"state": "deprecated", "replacement": "1.0.0"}
    words = ["deprecate", "database@1.0.0", "--replacement", "1.0.0"]
    return Call("pia", "PUT", f"{OLD}/lifecycle", terms, ANY), words
