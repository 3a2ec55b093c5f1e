"""A refusal is printed whole, and ends the program with the promised code."""

import pytest

from platform_api.cli.failure import ExitCode, Failure, Problem, Refused, exit_code


@pytest.mark.parametrize(
    ("status", "code", "ends_with"),
    [
        (400, "invalid_json", ExitCode.USAGE),
        (401, "unauthenticated", ExitCode.AUTH),
        (403, "role_missing", ExitCode.AUTH),
        (403, "policy_denied", ExitCode.DENIED),
        (404, "request_not_found", ExitCode.NOT_FOUND),
        (409, "request_exists", ExitCode.CONFLICT),
        (410, "version_gone", ExitCode.NOT_FOUND),
        (412, "revision_changed", ExitCode.CONFLICT),
        (413, "body_too_large", ExitCode.USAGE),
        (422, "invalid_inputs", ExitCode.USAGE),
        (428, "precondition_required", ExitCode.CONFLICT),
        (429, "too_many_streams", ExitCode.OTHER),
        (500, "internal", ExitCode.OTHER),
        (503, "policy_unavailable", ExitCode.OTHER),
    ],
)
def test_every_kind_of_refusal_has_its_exit_code(status: int, code: str, ends_with: ExitCode) -> None:
    assert exit_code(Problem(status, {"code": code})) is ends_with


def test_a_refusal_says_what_where_why_and_what_to_do() -> None:
    problem = Problem(
        403,
        {
            "title": "Denied by policy",
            "status": 403,
            "detail": "Policy denies this: backups must be true in prod",
            "code": "policy_denied",
            "errors": [
                {
                    "pointer": "/inputs/backups",
                    "code": "prod-needs-backups",
                    "detail": "backups must be true in prod",
                    "fix": "--set backups=true",
                },
                {"pointer": "", "code": "naming", "detail": "the name is taken by convention"},
            ],
            "fix": "--set backups=true",
            "decision": "dec_1",
            "trace_id": "t1",
        },
        "7",
    )
    assert list(Refused(problem).lines()) == [
        "Error: Policy denies this: backups must be true in prod",
        "  x  /inputs/backups  backups must be true in prod",
        "       fix: --set backups=true",
        "  x  naming  the name is taken by convention",
        "  try again in 7 s",
        "  (Denied by policy, code policy_denied, decision dec_1, trace t1)",
        "Fix: --set backups=true",
    ]


def test_even_an_empty_problem_is_no_bare_status() -> None:
    lines = list(Refused(Problem(500, {})).lines())
    assert lines == ["Error: the server answered 500 and gave no reason"]


def test_odd_members_of_a_problem_do_no_harm() -> None:
    odd = Problem(422, {"title": 7, "errors": ["text", {"pointer": None}], "fix": None, "code": None})
    assert list(Refused(odd).lines()) == ["Error: 7", "  x  "]


def test_what_a_server_says_cannot_steer_the_terminal() -> None:
    failure = Failure(ExitCode.OTHER, "a\x1b[2Jb", details=["c\rd"], fix="e\x07f")
    assert list(failure.lines()) == ["Error: ab", "  cd", "Fix: ef"]
