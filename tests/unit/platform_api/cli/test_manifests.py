"""Declared things are read as git and the server read them, and refused with their line."""

import pytest

from catalog.errors import Invalid
from platform_api.cli.manifests import Manifest, ManifestKind, read_manifests

REQUEST = """\
apiVersion: avow/v1
kind: Request
metadata: {name: orders-db, project: shop, environment: prod, labels: {tier: gold}}
spec: {contract: postgres, version: 1.0.0, inputs: {size: s, notes: no}}
"""


def refusals(text: str) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as refused:
        read_manifests(text, "a.yaml")
    return [(finding.pointer, finding.code) for finding in refused.value.findings]


def test_a_request_becomes_what_the_api_takes() -> None:
    assert read_manifests(REQUEST, "a.yaml") == [
        Manifest(
            ManifestKind.REQUEST,
            "orders-db",
            "shop",
            {
                "environment": "prod",
                "labels": {"tier": "gold"},
                "contract": "postgres",
                "version": "1.0.0",
                "inputs": {"size": "s", "notes": "no"},
            },
            "a.yaml:1",
        )
    ]


def test_what_git_holds_can_be_applied_as_it_is() -> None:
    text = """\
apiVersion: avow/v1
kind: Request
metadata:
  environment: dev
  generation: 3
  labels: {}
  name: orders-db
  owner: ""
  project: shop
  uid: req_1
spec:
  contract: postgres
  inputs: {}
  version: null
"""
    (manifest,) = read_manifests(text, "a.yaml")
    assert manifest.body == {
        "environment": "dev",
        "labels": {},
        "owner": "",
        "contract": "postgres",
        "inputs": {},
    }


def test_a_file_may_hold_several_documents_and_empty_ones() -> None:
    project = "apiVersion: avow/v1\nkind: Project\nmetadata: {name: shop}\n"
    text = f"# first\n---\n{REQUEST}---\n\n# nothing\n---\n{project}"
    assert [(found.kind, found.place) for found in read_manifests(text, "a.yaml")] == [
        (ManifestKind.REQUEST, "a.yaml:2"),
        (ManifestKind.PROJECT, "a.yaml:10"),
    ]


def test_an_empty_file_declares_nothing() -> None:
    assert read_manifests("", "a.yaml") == []
    assert read_manifests("# nothing\n---\n", "a.yaml") == []


def test_a_fault_in_a_later_document_is_named_with_the_files_line() -> None:
    assert refusals(f"{REQUEST}---\na: 1\na: 2\n") == [("a.yaml:7", "duplicate_key")]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("a: &x 1\nb: *x\n", ("a.yaml:1", "yaml_alias")),
        ("a: !!python/object:os.system x\n", ("a.yaml:1", "yaml_tag")),
        ("- a\n", ("a.yaml:1", "not_an_object")),
        ("a: [\n", ("a.yaml:2", "yaml_syntax")),
        (REQUEST.replace("avow/v1", "v2"), ("/apiVersion", "enum")),
        (REQUEST.replace("kind: Request", "kind: Contract"), ("/kind", "enum")),
        (REQUEST.replace("kind: Request", "kind: [Request]"), ("/kind", "enum")),
        (REQUEST.replace("name: orders-db, ", ""), ("/metadata/name", "required")),
        (REQUEST.replace("environment:", "enviroment:"), ("/metadata/enviroment", "unknown_field")),
        (REQUEST.replace("inputs:", "input:"), ("/spec/input", "unknown_field")),
        (REQUEST + "status: {}\n", ("/status", "unknown_field")),
        ("apiVersion: avow/v1\nkind: Project\nmetadata: {name: a}\nspec: 7\n", ("/spec", "wrong_type")),
        (REQUEST.replace("{size: s, notes: no}", "7"), ("/spec/inputs", "wrong_type")),
        (REQUEST.replace("{tier: gold}", "[a]"), ("/metadata/labels", "wrong_type")),
    ],
    ids=[
        "alias",
        "tag",
        "list",
        "syntax",
        "version",
        "kind",
        "kinds",
        "name",
        "meta",
        "spec",
        "top",
        "type",
        "inputs",
        "labels",
    ],
)
def test_what_is_wrong_is_refused_with_its_place(text: str, where: tuple[str, str]) -> None:
    assert where in refusals(text)


def test_what_a_request_uses_may_be_said_by_name_or_with_the_reason() -> None:
    text = """\
apiVersion: avow/v1
kind: Request
metadata: {name: orders, parent: shop}
spec: {contract: postgres, uses: [net, {request: dns, reason: to be found}]}
"""
    [manifest] = read_manifests(text, "r.yaml")
    assert manifest.body["uses"] == [{"request": "net"}, {"request": "dns", "reason": "to be found"}]
