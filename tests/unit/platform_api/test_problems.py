"""Every refusal is a problem document, with one status per kind and nothing of the inside."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog import errors
from catalog.errors import (
    Conflict,
    Denied,
    Finding,
    Gone,
    Internal,
    Invalid,
    NotFound,
    PlatformError,
    Unavailable,
)
from platform_api import problems
from platform_api.problems import pages, problem, problem_response, status_of, unexpected

HERE = Path(__file__).parents[3]
PACKAGES = ("catalog", "policy", "executors", "reconciler", "platform_api")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Invalid("x", ""), 422),
        (Denied("x", ""), 403),
        (NotFound("x", ""), 404),
        (Conflict("x", ""), 409),
        (Gone("x", ""), 410),
        (Unavailable("x", ""), 503),
        (Internal("x", ""), 500),
        (Denied("unauthenticated", ""), 401),
        (Conflict("revision_changed", ""), 412),
        (Invalid("precondition_required", ""), 428),
        (Invalid("body_too_large", ""), 413),
        (Conflict("too_many_streams", ""), 429),
    ],
    ids=lambda value: getattr(value, "code", value),
)
def test_each_kind_has_one_status_and_some_codes_their_own(error: PlatformError, status: int) -> None:
    assert status_of(error) == status


def test_every_kind_has_a_status() -> None:
    kinds = [
        kind for kind in vars(errors).values() if isinstance(kind, type) and kind.__base__ is PlatformError
    ]
    assert kinds
    assert all(status_of(kind("x", "")) for kind in kinds)


def test_a_problem_says_what_where_and_what_to_do() -> None:
    finding = Finding("/inputs/size", "enum", "must be one of s, m", "did you mean m?")
    error = Invalid("invalid_inputs", "The inputs do not fit.", findings=[finding], fix="correct them")
    assert problem(error, "t1") == {
        "type": "/v1/errors/invalid_inputs",
        "title": "Inputs do not fit the contract",
        "status": 422,
        "detail": "The inputs do not fit.",
        "code": "invalid_inputs",
        "errors": [
            {
                "pointer": "/inputs/size",
                "code": "enum",
                "detail": "must be one of s, m",
                "fix": "did you mean m?",
            }
        ],
        "fix": "correct them",
        "trace_id": "t1",
    }


def test_the_whole_body_has_an_empty_pointer() -> None:
    [place] = problem(Invalid("x", "", findings=[Finding("", "json_syntax", "no")]), "")["errors"]
    assert place["pointer"] == ""


def test_a_retry_is_announced_in_whole_seconds_and_at_least_one() -> None:
    answer = problem_response(Unavailable("policy_unavailable", "", retry_after_seconds=0.2), "t")
    assert answer.headers["Retry-After"] == "1"
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_who_is_not_signed_in_is_told_how() -> None:
    assert (
        problem_response(Denied("unauthenticated", ""), "t").headers["WWW-Authenticate"].startswith("Bearer")
    )


def test_a_fault_of_our_own_tells_nothing_but_the_trace() -> None:
    body = bytes(unexpected("t1").body).decode()
    assert "t1" in body
    assert "Traceback" not in body


def test_there_is_a_page_for_every_code_that_is_raised() -> None:
    raised = set(_codes())
    assert len(raised) > 50
    assert raised - set(pages()) == set(), "write these pages in platform_api/error_pages.yaml"


def test_every_page_says_what_it_means_and_what_to_do() -> None:
    for code, page in pages().items():
        assert page.keys() == {"title", "meaning", "fix"}, code
        assert all(text.strip() for text in page.values()), code
    assert list(pages()) == sorted(pages())


def test_codes_with_a_status_of_their_own_have_a_page() -> None:
    assert set(problems._STATUS_OF_CODE) <= set(pages())


def _codes() -> Iterator[str]:
    for package in PACKAGES:
        for path in (HERE / package).rglob("*.py"):
            yield from _codes_in(ast.parse(path.read_text("utf-8")))


def _codes_in(tree: ast.Module) -> Iterator[str]:
    # Errors of the tree and their own subclasses; a code is a literal first argument.
    kinds = {"Invalid", "Denied", "NotFound", "Conflict", "Gone", "Unavailable", "Internal"}
    own = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and _bases(node) & kinds]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node.func) in kinds | {part.name for part in own}:
            yield from _literal(node)
    for part in own:
        for node in ast.walk(part):
            if isinstance(node, ast.Call) and _name(node.func) == "__init__":
                yield from _literal(node)


def _bases(node: ast.ClassDef) -> set[str]:
    return {_name(base) for base in node.bases}


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")


def _literal(node: ast.Call) -> Iterator[str]:
    first = node.args[0] if node.args else None
    if isinstance(first, ast.Constant) and isinstance(first.value, str):
        yield first.value
