"""Every refusal of publish, request, delete and plan, over HTTP and by a command, which say the same."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from platform_api.cli.failure import Problem, Refused, exit_code
from platform_api.problems import pages
from tests.refusals import acting, anywhere, deleting, planning, publishing, requesting
from tests.refusals.complete import ARGUED, codes_of_the_surfaces
from tests.refusals.ground import Ground, open_ground
from tests.refusals.row import ROWS, Row

SURFACES = (acting, anywhere, deleting, planning, publishing, requesting)
"""Whose import fills the table."""


@pytest.fixture
def ground(
    row: Row, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Ground]:
    with open_ground(tmp_path, capsys, monkeypatch, row.settings(tmp_path)) as opened:
        yield opened


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_refusal_says_what_where_why_and_what_next_alike_by_http_and_by_command(
    row: Row, ground: Ground
) -> None:
    call, words = row.provoke(ground)
    answer = ground.call(call)
    document = answer.json()
    assert document["code"] == row.code, document
    assert answer.status_code < 500 or row.code.endswith(("unavailable", "unreachable", "unknown")), document
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (document["type"], document["title"]) == (f"/v1/errors/{row.code}", pages()[row.code]["title"])
    assert document["detail"], "it says why"
    assert document["fix"], "it says what to do"
    fixes = [document["fix"], *(place.get("fix", "") for place in document.get("errors", []))]
    assert any(row.then in fix for fix in fixes), fixes
    _check_places(row, document)
    if not row.no_dry_run and not row.unspoken:
        dry = ground.call(call.dry()).json()
        assert (dry.get("code"), dry.get("errors")) == (row.code, document.get("errors")), dry
    if row.unspoken:
        said = list(Refused(Problem(answer.status_code, document)).lines())
    else:
        ended = ground.avow(call.who, words)
        assert (ended.code, ended.out) == (exit_code(Problem(answer.status_code, document)), "")
        said = ended.err.splitlines()
    _check_said(said, document, is_own=row.code == "unauthenticated")


def _check_places(row: Row, document: Mapping[str, Any]) -> None:
    found = document.get("errors", [])
    assert len(found) == len(row.places), found
    for (pointer, code), place in zip(row.places, found, strict=True):
        start = pointer.rstrip("*")
        assert place["pointer"] == pointer or (start != pointer and place["pointer"].startswith(start)), place
        assert code in ("*", place["code"]), place
        assert place["detail"], place


def _check_said(said: list[str], document: Mapping[str, Any], *, is_own: bool) -> None:
    """See that a person reads all that a program is told."""
    assert said[0] == f"Error: {document['detail']}"
    for place in document.get("errors", []):
        where = place["pointer"] or place["code"]
        assert f"  x  {where}  {place['detail']}" in said
        assert not place.get("fix") or f"       fix: {place['fix']}" in said
    for user in document.get("used_by", []):
        assert any(line.startswith(f"  used by {user['kind']} {user['ref']}") for line in said)
    assert any(f"code {document['code']}" in line for line in said)
    assert said[-1] == f"Fix: {document['fix']}" or (is_own and said[-1].startswith("Fix: "))


def test_the_table_is_complete() -> None:
    walked = {row.code for row in ROWS} | {code for row in ROWS for _, code in row.places}
    needed = codes_of_the_surfaces()
    assert needed <= walked | set(ARGUED), "provoke these, or say in ARGUED why that cannot be"
    assert not walked & set(ARGUED), "these are provoked"
    assert set(ARGUED) <= needed, "nobody answers these any more"


@pytest.mark.parametrize(
    "text",
    [
        'raise Conflict("run_ended", "no")',
        'def publish():\n    """Publish.\n\n    Raises:\n        Conflict: `run_ended`.\n    """',
    ],
    ids=["raised", "documented"],
)
def test_a_new_refusal_asks_for_its_row(text: str, tmp_path: Path) -> None:
    for module, is_ours in (("platform_api/commands/planted.py", True), ("executors/runs.py", False)):
        (tmp_path / module).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / module).write_text(text)
        assert codes_of_the_surfaces(tmp_path) == ({"run_ended"} if is_ours else set())
        (tmp_path / module).unlink()


def test_every_code_that_may_be_answered_has_its_page() -> None:
    assert {row.code for row in ROWS} | codes_of_the_surfaces() <= set(pages())


def test_no_two_rows_are_called_the_same() -> None:
    assert len({str(row) for row in ROWS}) == len(ROWS)
