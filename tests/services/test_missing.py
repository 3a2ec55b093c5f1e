"""A missing service is never mistaken for a passing test.

Each claim runs a small test run of its own, with an empty PATH, so that no server program
can be found.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services import temporal
from tests.services.missing import MARK, summary_lines

ROOT = Path(__file__).parents[2]


def run_without_redis(tmp_path: Path, workers: int, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run one Redis test where no Redis can be found."""
    empty = tmp_path / "empty"
    empty.mkdir()
    test = "tests/services/test_servers.py::test_the_shared_redis_answers"
    without = ["-p", "no:cacheprovider", "-p", "no:schemathesis"]
    options = ["-q", *without, f"-n{workers}", f"--basetemp={tmp_path / 'inner'}"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, test],
        cwd=ROOT,
        env={**os.environ, "PATH": str(empty), "REQUIRE_SERVICES": "", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_missing_service_skips_and_is_named_at_the_end(tmp_path: Path) -> None:
    run = run_without_redis(tmp_path, 1)  # a worker of its own, so the name must travel to the summary
    assert run.returncode == 0, run.stdout
    assert "services missing" in run.stdout
    assert "Redis is not here; make services installs it (1 skipped)" in run.stdout


def test_a_missing_service_fails_when_services_are_required(tmp_path: Path) -> None:
    run = run_without_redis(tmp_path, 0, REQUIRE_SERVICES="1")
    assert run.returncode == 1, run.stdout
    assert "Redis is not here" in run.stdout


def test_what_cannot_be_built_here_is_skipped_even_when_services_are_required(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("REQUIRE_SERVICES", "1")
    monkeypatch.setattr(temporal, "PROGRAMS", tmp_path)
    monkeypatch.setattr(temporal, "CANNOT", tmp_path / "no-temporal")
    with pytest.raises(pytest.fail.Exception, match="Temporal is not here; make services builds it"):
        temporal.program()
    temporal.CANNOT.write_text("Go could not build it\n")
    with pytest.raises(pytest.skip.Exception, match="Temporal is not here; Go could not build it"):
        temporal.program()


def test_the_summary_counts_tests_by_service_and_leaves_other_skips_alone() -> None:
    reasons = [f"Skipped: {MARK}Redis", f"Skipped: {MARK}OPA", f"Skipped: {MARK}Redis", "Skipped: on Windows"]
    assert summary_lines(reasons) == ["OPA (1 skipped)", "Redis (2 skipped)"]
