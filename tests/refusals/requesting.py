"""What asking, changing, upgrading, pinning and rolling back are refused for."""

from collections.abc import Sequence

from tests.refusals.ground import Call, Ground, act, change, submit
from tests.refusals.row import refusal

Tried = tuple[Call, Sequence[str]]
ORDERS = ["request", "database", "orders"]
NUMBERS = {
    "type": "object",
    "additionalProperties": False,
    "required": ["gib"],
    "properties": {"gib": {"type": "integer"}},
}
SECRET = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"key": {"type": "string", "x-sensitive": True}},
}


@refusal("contract_not_found", then="avow get contracts")
def a_contract_that_nobody_published(_ground: Ground) -> Tried:
    return submit(contract="nothing"), ["request", "nothing", "orders"]


@refusal("contract_not_found", then="avow get contracts")
def a_version_that_nobody_published(_ground: Ground) -> Tried:
    return submit(version="7.0.0"), [*ORDERS, "--version", "7.0.0"]


@refusal("invalid_inputs", then="avow explain database", places=[("/inputs/size", "enum")])
def inputs_that_do_not_fit(_ground: Ground) -> Tried:
    return submit(inputs={"size": "xl"}), [*ORDERS, "--set", "size=xl"]


@refusal("invalid_inputs", then="avow explain", places=[("/inputs/key", "secret_value_refused")])
def a_secret_written_out(ground: Ground) -> Tried:
    ground.publish("vault", "1.0.0", spec={"inputs": SECRET})
    inputs = {"key": "hunter2"}
    return submit(contract="vault", inputs=inputs), ["request", "vault", "orders", "--set", "key=hunter2"]


@refusal("invalid_inputs", then="avow explain database", places=[("/inputs/gib", "required")])
def inputs_that_do_not_fit_the_newer_version(ground: Ground) -> Tried:
    ground.village.ask("orders", "database", version="1.0.0")
    ground.publish(version="2.0.0", spec={"inputs": NUMBERS})
    return act("orders", "upgrade", {"to": "2.0.0"}), ["upgrade", "orders", "--to", "2.0.0"]


@refusal("request_exists", then="avow status orders")
def a_name_that_is_taken(ground: Ground) -> Tried:
    ground.village.ask("orders", "database")
    return submit(), ORDERS


@refusal("request_not_found", then="avow get requests")
def a_request_that_nobody_made(_ground: Ground) -> Tried:
    return act("nobody", "upgrade", {}), ["upgrade", "nobody"]


@refusal("request_deleted", then="request it anew")
def a_request_that_is_gone(ground: Ground) -> Tried:
    ground.village.ask("orders", "database")
    ground.village.delete("orders")
    return act("orders", "pin"), ["pin", "orders"]


@refusal("request_deleting", then="avow wait orders --for deleted")
def a_request_that_is_going(ground: Ground) -> Tried:
    ground.village.ask("orders", "database")
    ground.village.delete("orders", settles=False)
    return act("orders", "upgrade", {"to": "1.0.0"}), ["upgrade", "orders", "--to", "1.0.0"]


@refusal("field_immutable", then="avow delete orders", places=[("/contract", "field_immutable")])
def a_change_of_the_contract(ground: Ground) -> Tried:
    ground.village.ask("orders", "database")
    return change("orders", contract="network"), ["apply", "-f", ground.manifest("orders", "network")]


@refusal("used_request_missing", then="", places=[("/uses/0", "used_request_missing")])
def a_use_of_nothing(_ground: Ground) -> Tried:
    return submit(uses=["nothing"]), [*ORDERS, "--uses", "nothing"]


@refusal("duplicate_use", then="once", places=[("/uses/1", "duplicate_use")])
def a_use_said_twice(ground: Ground) -> Tried:
    ground.village.ask("net", "database")
    file = ground.manifest("orders", uses=["net", "net"])
    return submit(uses=["net", "net"]), ["apply", "-f", file]


@refusal("dependency_cycle", then="take it out", places=[("/uses/0", "dependency_cycle")])
def a_use_of_itself(_ground: Ground) -> Tried:
    return submit(uses=["orders"]), [*ORDERS, "--uses", "orders"]


@refusal(
    "dependency_cycle",
    then="without the other",
    places=[("/uses/0", "dependency_cycle")],
    no_dry_run="the ring is looked for under the lock",
)
def a_ring_of_uses(ground: Ground) -> Tried:
    ground.village.ask("orders", "database")
    ground.village.ask("billing", "database", uses=["orders"])
    return change("orders", uses=["billing"]), ["apply", "-f", ground.manifest("orders", uses=["billing"])]


@refusal("used_request_leaving", then="avow keep net")
def a_use_of_what_is_going(ground: Ground) -> Tried:
    ground.village.ask("net", "database")
    ground.village.delete("net", settles=False)
    return submit(uses=["net"]), [*ORDERS, "--uses", "net"]


@refusal("version_draft", then="avow get contracts database")
def a_draft(ground: Ground) -> Tried:
    ground.publish(version="2.0.0", draft=True)
    return submit(version="2.0.0"), [*ORDERS, "--version", "2.0.0"]


@refusal("version_retired", then="2.0.0")
def a_version_that_has_ended(ground: Ground) -> Tried:
    ground.publish(version="2.0.0")
    ground.move("1.0.0", "deprecated", replacement="2.0.0")
    ground.move("1.0.0", "retired")
    return submit(version="1.0.0"), [*ORDERS, "--version", "1.0.0"]


@refusal("version_unresolvable", then="avow get contracts database")
def a_range_that_nothing_fits(_ground: Ground) -> Tried:
    return submit(version="^9.0.0"), [*ORDERS, "--version", "^9.0.0"]


@refusal("version_unresolvable", then="avow get contracts database")
def an_upgrade_to_a_range_that_nothing_fits(ground: Ground) -> Tried:
    ground.village.ask("orders", "database")
    return act("orders", "upgrade", {"to": "^9.0.0"}), ["upgrade", "orders", "--to", "^9.0.0"]


@refusal("not_delivered", then="avow wait orders")
def a_pin_to_what_is_not_there_yet(ground: Ground) -> Tried:
    ground.call(submit())
    return act("orders", "pin"), ["pin", "orders"]


@refusal("nothing_to_roll_back", then="avow upgrade orders --to VERSION")
def a_way_back_that_leads_nowhere(ground: Ground) -> Tried:
    ground.village.ask("orders", "database")
    return act("orders", "rollback"), ["rollback", "orders"]


@refusal("contract_not_found", then="avow get contracts")
def a_way_back_to_what_was_deleted(ground: Ground) -> Tried:
    ground.village.ask("orders", "database", version="1.0.0")
    ground.publish(version="2.0.0")
    ground.village.change("orders", version="2.0.0", inputs={"size": "m"})
    ground.move("1.0.0", "deprecated")
    ground.move("1.0.0", "retired")
    gone = ground.village.doors(
        "pia", "DELETE", "/v1/contracts/database/versions/1.0.0", headers={"If-Match": "*"}
    )
    assert gone.is_success, gone.text
    return act("orders", "rollback"), ["rollback", "orders"]


@refusal("owned_by_parent", then="avow status site")
def an_upgrade_of_a_child(ground: Ground) -> Tried:
    children = [{"name": "db", "contract": "database", "version": "*"}]
    ground.publish("site", "1.0.0", spec={"children": children})
    ground.village.ask("site", "site")
    return act("site-db", "upgrade", {"to": "1.0.0"}), ["upgrade", "site-db", "--to", "1.0.0"]
