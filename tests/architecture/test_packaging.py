"""What is installed is the five packages, whole, and nothing else."""

import subprocess
import sys
import tomllib
import zipfile
from importlib import import_module
from pathlib import Path

import pytest

from tests.architecture.tree import PACKAGES, ROOT, copy_of_the_source, tracked_files

SERVER_PACKAGES = (
    "alembic",
    "celery",
    "executors",
    "fastapi",
    "git",
    "policy",
    "reconciler",
    "sqlalchemy",
    "uvicorn",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return the names in a wheel built from a copy that also has tests."""
    tree = copy_of_the_source(tmp_path_factory.mktemp("tree"))
    (tree / "tests").mkdir()
    (tree / "tests" / "__init__.py").touch()
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", "out"]
    built = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return zipfile.ZipFile(next((tree / "out").glob("*.whl"))).namelist()


def test_the_wheel_holds_the_five_packages_and_nothing_else(wheel: list[str]) -> None:
    tops = {name.partition("/")[0] for name in wheel}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)


def test_every_file_of_the_packages_ships(wheel: list[str]) -> None:
    ours = {path for path in tracked_files() if path.partition("/")[0] in PACKAGES}
    assert ours - set(wheel) == set()


def test_every_entry_point_leads_somewhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = [project["scripts"], *project["entry-points"].values()]
    for module, _, attribute in (target.partition(":") for group in groups for target in group.values()):
        assert hasattr(import_module(module), attribute), f"{module}:{attribute}"


def test_the_command_line_loads_no_server(tmp_path: Path) -> None:
    program = f"import sys, platform_api.cli.main; print(sorted(set(sys.modules) & set({SERVER_PACKAGES!r})))"
    run = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.stdout.strip(), run.stderr) == ("[]", "")
