"""Whatever a server answers and whatever a shell hands over, nothing ends in a traceback."""

import os
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from platform_api.cli.impacts import impact_lines
from platform_api.cli.plans import plan_lines
from platform_api.cli.standing import end_lines, status_lines, tree_lines, why_lines
from platform_api.cli.step_tree import step_lines
from platform_api.cli.story import RunStory, told
from platform_api.cli.verdict import Goal, verdict
from tests.unit.platform_api.cli.conftest import Avow
from tests.unit.platform_api.cli.documents import NOW, entry, event, plan, request, run, why
from tests.unit.platform_api.cli.stub import Said, Stub
from tests.unit.platform_api.cli.test_main import ROOT, environment

scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("2026-11-21T12:00:00Z")


def names_of(document: Any) -> set[str]:
    """Return every name at any depth."""
    if isinstance(document, dict):
        return set(document).union(*map(names_of, document.values()))
    return set().union(*map(names_of, document)) if isinstance(document, list) else set()


KNOWN = sorted(
    names_of(
        [
            request(),
            run(),
            why(),
            plan("deny"),
            event(1, "x"),
            entry(1, "AttemptFailed", failure={"message": ""}),
        ]
    )
    | {
        "items",
        "next_page_token",
        "newest",
        "modules",
        "engine",
        "checks",
        "version",
        "steps",
        "runs",
        "git",
        "head",
        *("summary", "outcomes", "left_alone", "by_rule", "findings", "approvals", "estimate", "work"),
    }
)
anything = st.recursive(
    scalars,
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.sampled_from(KNOWN), parts, max_size=6),
    max_leaves=25,
)
documents = st.dictionaries(st.sampled_from(KNOWN), anything, max_size=10)


@given(documents)
def test_every_pure_part_takes_any_document(document: dict[str, Any]) -> None:
    list(status_lines(document, NOW))
    list(tree_lines(document, NOW))
    list(end_lines(document, 1.0))
    list(why_lines(document, NOW))
    list(plan_lines(document, "a", document))
    list(impact_lines(document, "a"))
    list(step_lines([document]))
    list(told(document))
    verdict(document, Goal.READY)
    verdict(document, Goal.DELETED)


@given(
    st.lists(
        documents | documents.map(lambda body: {"seq": 1, "type": "AttemptFailed", "body": body}), max_size=4
    )
)
def test_a_story_takes_any_journal(journal: list[dict[str, Any]]) -> None:
    story = RunStory()
    for line in journal:
        list(story.tell(line))


@pytest.mark.parametrize(
    "words",
    [
        ["get", "requests"],
        ["get", "policies"],
        ["get", "contract", "a"],
        ["get", "token", "a"],
        ["status", "a", "--tree"],
        ["why", "a"],
        ["plan", "a", "b", "--set", "x=1"],
        ["delete", "a"],
        ["cancel", "a"],
        ["doctor"],
        ["version"],
        ["audit"],
        ["token", "revoke", "a"],
        ["wait", "a", "--timeout", "1ms"],
    ],
    ids=lambda words: "-".join(words[:2]),
)
def test_no_answer_whatever_ends_in_a_traceback(avow: Avow, stub: Stub, words: list[str]) -> None:
    @settings(max_examples=4, suppress_health_check=list(HealthCheck))
    @given(documents, st.sampled_from([200, 202, 404, 422, 500]), st.sampled_from(["table", "yaml"]))
    def answered(document: dict[str, Any], status: int, output: str) -> None:
        kind = "application/json" if status < 300 else "application/problem+json"
        document.pop("next_page_token", None)  # a server that never ends a list is another matter
        stub.otherwise = Said(document, status, {"Content-Type": kind})
        assert 0 <= avow(*words, "-o", output).code <= 9

    answered()


def test_bytes_that_are_no_text_are_refused(stub: Stub) -> None:
    words = [b"get", b"requests", b"na\xffme"]
    ended = subprocess.run(
        [os.fsencode(sys.executable), b"-m", b"platform_api.cli.main", *words],
        env=environment(AVOW_URL=stub.url),
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    assert ended.returncode == 2
    assert b"is not UTF-8 text" in ended.stderr


@pytest.mark.parametrize(
    "token", ["avow\nX-Evil: 1", "avow\u0142", "avow\x00"], ids=["line", "letter", "nul"]
)
def test_a_token_that_is_no_header_is_refused(avow: Avow, token: str) -> None:
    ended = avow("get", "requests", "--token", token)
    assert ended.code == 4
    assert ended.err.startswith("Error: The token holds characters that no token has.")
    assert token not in ended.err
