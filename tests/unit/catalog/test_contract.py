"""A contract is taken when its promise can be kept, and refused with every fault at once."""

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

import jsonschema
import pytest

from catalog.composing import child_order
from catalog.contract import SCHEMA, DriftMode, Example, OperationName, Prefer, parse_contract
from catalog.errors import Invalid
from tests.factories import contract_document

CLOSED = {"type": "object", "additionalProperties": False, "properties": {"size": {"enum": ["s", "m"]}}}
OPERATIONS = {
    name: {"executor": "workflow", "definition": f"{name}.yaml"}
    for name in ("provision", "delete", "observe")
}


CHILD = {"name": "network", "contract": "network", "version": "^1.0.0"}
OF_NETWORK = "${children.network.outputs.id}"
ACTION = {"description": "Does it.", "executor": "workflow", "definition": "patch.yaml"}


def refusals(document: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as refused:
        parse_contract(document)
    assert refused.value.code == "invalid_contract"
    assert all(finding.message for finding in refused.value.findings)
    return [
        (finding.pointer.removeprefix("contract.yaml#"), finding.code) for finding in refused.value.findings
    ]


def test_everything_that_a_contract_says_is_read() -> None:
    document = contract_document(
        inputs=CLOSED,
        placement={
            "match": {"kind": "git-server", "labels": {"a": "b"}, "environment": True},
            "prefer": "by-name",
        },
        drift={
            "interval": "6h",
            "mode": "observe",
            "ignore": [
                {"path": "/a/b", "reason": "noise", "until": "2027-01-01"},
                {"path": "/c", "reason": "x"},
            ],
        },
        reconcile={"retry_failed": False, "keep_runs": 7},
        policies=["policy.rego"],
        service_levels={"provision_p95": "5m", "availability": 99.9},
        examples=[{"name": "small", "inputs": {"size": "s"}, "expect": {"decision": "deny"}}],
    )
    contract = parse_contract(document)
    assert (contract.name, contract.version, contract.owner) == ("postgres-database", "1.0.0", "team-data")
    assert contract.placement is not None
    assert (contract.placement.kind, contract.placement.labels) == ("git-server", {"a": "b"})
    assert (contract.placement.same_environment, contract.placement.prefer) == (True, Prefer.BY_NAME)
    assert (contract.drift.interval, contract.drift.mode) == (timedelta(hours=6), DriftMode.OBSERVE)
    assert [rule.until for rule in contract.drift.ignore] == [datetime(2027, 1, 1, tzinfo=UTC), None]
    assert (contract.retry_failed, contract.keep_runs, contract.policy) == (False, 7, "policy.rego")
    assert contract.examples == (Example("small", {"size": "s"}, "dev", "deny"),)


def test_what_a_contract_leaves_out_has_its_published_default() -> None:
    document = contract_document()
    del document["spec"]["placement"], document["spec"]["drift"]
    contract = parse_contract(document)
    assert contract.placement is None
    assert (contract.drift.interval, contract.drift.mode) == (timedelta(minutes=10), DriftMode.REPAIR)
    assert (contract.retry_failed, contract.keep_runs, contract.lifecycle) == (True, 5, "stable")


def test_update_and_repair_fall_back_to_what_is_there() -> None:
    bare = parse_contract(contract_document(operations=OPERATIONS))
    assert bare.operation(OperationName.UPDATE).definition == "provision.yaml"
    assert bare.operation(OperationName.REPAIR).definition == "provision.yaml"
    update = {"executor": "workflow", "definition": "update.yaml"}
    contract = parse_contract(contract_document(operations=OPERATIONS | {"update": update}))
    assert contract.operation(OperationName.REPAIR).definition == "update.yaml"
    assert contract.operation(OperationName.DELETE).definition == "delete.yaml"


@pytest.mark.parametrize(
    ("spec", "pointer", "code"),
    [
        ({"inputs": {"type": "object"}}, "/spec/inputs/additionalProperties", "open_inputs"),
        ({"inputs": CLOSED | {"type": "string"}}, "/spec/inputs/type", "schema_not_object"),
        ({"outputs": {}}, "/spec/outputs/type", "schema_not_object"),
        ({"inputs": CLOSED | {"$ref": "http://x.test"}}, "/spec/inputs/$ref", "schema_remote_reference"),
        ({"outputs": {"type": "object", "pattern": "("}}, "/spec/outputs", "schema_invalid"),
        ({"drift": {"interval": "0s"}}, "/spec/drift/interval", "interval_too_short"),
        ({"drift": {"interval": "999ms"}}, "/spec/drift/interval", "interval_too_short"),
        ({"drift": {"interval": "soon"}}, "/spec/drift/interval", "pattern"),
        ({"drift": {"ignore": [{"path": "/a"}]}}, "/spec/drift/ignore/0/reason", "required"),
        ({"drift": {"ignore": [{"path": "a", "reason": "x"}]}}, "/spec/drift/ignore/0/path", "pattern"),
        (
            {"drift": {"ignore": [{"path": "/a", "reason": "x", "until": "2027-02-30"}]}},
            "/spec/drift/ignore/0/until",
            "format",
        ),
        (
            {"drift": {"ignore": [{"path": "/a", "reason": "x", "until": "0000-01-01"}]}},
            "/spec/drift/ignore/0/until",
            "invalid_date",
        ),
        ({"operations": {"provision": OPERATIONS["provision"]}}, "/spec/operations/delete", "required"),
        ({"operations": OPERATIONS | {"patch": {}}}, "/spec/operations/patch", "unknown_field"),
        (
            {"operations": OPERATIONS | {"update": {"executor": "Work Flow", "definition": "u.yaml"}}},
            "/spec/operations/update/executor",
            "pattern",
        ),
        (
            {"operations": OPERATIONS | {"update": {"executor": "workflow", "definition": "/etc/passwd"}}},
            "/spec/operations/update/definition",
            "pattern",
        ),
        ({"policies": ["a.rego", "b.rego"]}, "/spec/policies", "max_items"),
        ({"waves": []}, "/spec/waves", "unknown_field"),
        (
            {"requires": [{"contract": "network", "version": "newest"}]},
            "/spec/requires/0/version",
            "invalid_range",
        ),
        (
            {"requires": [{"contract": "postgres-database", "version": "*"}]},
            "/spec/requires/0/contract",
            "dependency_cycle",
        ),
        (
            {
                "requires": [
                    {"contract": "network", "version": "1.x"},
                    {"contract": "network", "version": "2.x"},
                ]
            },
            "/spec/requires/1/contract",
            "duplicate_requirement",
        ),
        (
            {"children": [{**CHILD, "contract": "postgres-database"}]},
            "/spec/children/0/contract",
            "dependency_cycle",
        ),
        ({"children": [CHILD, CHILD]}, "/spec/children/1/name", "duplicate_child"),
        ({"children": [{**CHILD, "needs": ["dns"]}]}, "/spec/children/0/needs/0", "unknown_child"),
        ({"children": [{**CHILD, "version": "<1.0.0 >2.0.0"}]}, "/spec/children/0/version", "invalid_range"),
        (
            {"children": [{**CHILD, "inputs": {"a": "x${inputs.size}"}}]},
            "/spec/children/0/inputs/a",
            "malformed_reference",
        ),
        (
            {"children": [{**CHILD, "inputs": {"a": "${steps.a.outputs}"}}]},
            "/spec/children/0/inputs/a",
            "unknown_reference",
        ),
        (
            {"children": [{**CHILD, "inputs": {"a": "${children.dns.outputs.zone}"}}]},
            "/spec/children/0/inputs/a",
            "unknown_child",
        ),
        (
            {"children": [{**CHILD, "inputs": {"a": "${children.network.inputs.zone}"}}]},
            "/spec/children/0/inputs/a",
            "unknown_reference",
        ),
        (
            {
                "children": [
                    {**CHILD, "needs": ["dns"]},
                    {**CHILD, "name": "dns", "inputs": {"n": OF_NETWORK}},
                ]
            },
            "/spec/children",
            "dependency_cycle",
        ),
        ({"actions": {"pause": ACTION}}, "/spec/actions/pause", "reserved_action"),
        (
            {"actions": {"patch": {**ACTION, "inputs": {"type": "object"}}}},
            "/spec/actions/patch/inputs/additionalProperties",
            "open_inputs",
        ),
        (
            {"conversion": {"from": "later", "inputs": {"size": "inputs.size"}}},
            "/spec/conversion/from",
            "invalid_range",
        ),
        (
            {"conversion": {"from": "1.x", "inputs": {"size": "1 +"}}},
            "/spec/conversion/inputs/size",
            "expression_syntax",
        ),
        (
            {"conversion": {"from": "1.x", "inputs": {"size": "request.name"}}},
            "/spec/conversion/inputs/size",
            "unknown_reference",
        ),
        ({"reconcile": {"keep_runs": 0}}, "/spec/reconcile/keep_runs", "minimum"),
        (
            {"inputs": CLOSED, "examples": [{"name": "a", "inputs": {"size": "x"}}]},
            "/spec/examples/0/inputs/size",
            "enum",
        ),
    ],
)
def test_a_fault_is_named_where_it_stands(spec: dict[str, Any], pointer: str, code: str) -> None:
    assert (pointer, code) in refusals(contract_document(**spec))


@pytest.mark.parametrize("version", ["1", "1.0", "v1.0.0", "01.0.0", "1.0.0-", "1.0.0\n", "", "1.0.0-01"])
def test_a_version_that_is_not_semantic_is_refused(version: str) -> None:
    assert ("/metadata/version", "invalid_version") in refusals(contract_document(version=version))


@pytest.mark.parametrize("name", ["", "A", "a--b", "a-", "a" * 64, "a\n", "a/b", "é"])
def test_a_name_that_is_not_plain_is_refused(name: str) -> None:
    assert {pointer for pointer, _ in refusals(contract_document(name=name))} == {"/metadata/name"}


def test_every_fault_is_named_at_once() -> None:
    document = contract_document(version="one", inputs={"type": "object"}, drift={"interval": "0s"})
    assert {code for _, code in refusals(document)} == {
        "invalid_version",
        "open_inputs",
        "interval_too_short",
    }


def test_unknown_fields_are_refused_at_every_level_with_what_was_meant() -> None:
    document = contract_document()
    document["metadata"]["ownr"] = "x"
    with pytest.raises(Invalid) as refused:
        parse_contract(document)
    (finding,) = refused.value.findings
    assert (finding.pointer, finding.fix) == ("contract.yaml#/metadata/ownr", "did you mean owner?")


def test_the_published_schema_is_a_schema_and_takes_what_the_parser_takes() -> None:
    published: Any = deepcopy(SCHEMA)
    jsonschema.Draft202012Validator.check_schema(published)
    jsonschema.validate(contract_document(), published)


def test_a_child_needs_those_that_its_inputs_refer_to_and_comes_after_them() -> None:
    dns = {"name": "dns", "contract": "zone", "version": "*", "inputs": {"network": OF_NETWORK}}
    contract = parse_contract(contract_document(children=[dns, CHILD]))
    assert contract.children[0].needs == ("network",)
    assert child_order({child.name: child.needs for child in contract.children}) == ["network", "dns"]
