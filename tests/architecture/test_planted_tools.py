"""The import law, the type checker, the linter and the formatter each catch their violation.

The tools run as `make check` runs them, with this repository's settings, in a copy of the
source in which one thing is broken. Every contract of the import law has a plant of its own;
a new contract without one fails.
"""

import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, copy_of_the_source

HEAD = '"""A planted module."""\n\n'

Run = subprocess.CompletedProcess[str]


def contract_ids() -> list[str]:
    """Return the ids of the import law's contracts."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return [contract["id"] for contract in settings["tool"]["importlinter"]["contracts"]]


# For each contract, imports to add: the file that gets one, and what it imports.
IMPORTS = {
    "layers": [("catalog/errors.py", "reconciler")],
    "no-cycles": [("policy/planted_a.py", "policy.planted_b"), ("policy/planted_b.py", "policy.planted_a")],
    "pure": [("reconciler/plan.py", "reconciler.planted"), ("reconciler/planted.py", "sqlalchemy")],
    "pure-time": [("executors/workflow/decide.py", "time")],
    "door-git": [("reconciler/planted.py", "git")],
    "door-cel": [("executors/workflow/planted.py", "cel")],
    "door-celery": [("executors/workflow/planted.py", "celery")],
    "door-temporal": [("executors/workflow/planted.py", "temporalio")],
    "door-models": [("platform_api/cli/planted.py", "datamodel_code_generator")],
    "door-opentelemetry": [("reconciler/planted.py", "opentelemetry")],
    "tracing-by-name": [("platform_api/planted.py", "platform_api.tracing")],
    "door-opa": [("policy/planted.py", "opa_client")],
    "door-regopy": [("policy/planted.py", "regopy")],
    "door-http": [("reconciler/planted.py", "fastapi")],
    "door-alembic": [("platform_api/planted.py", "alembic")],
    "door-signing": [("catalog/planted.py", "securesystemslib")],
    "door-psycopg": [("catalog/planted.py", "psycopg")],
    "steps-apart": [
        ("executors/steps/planted_a.py", "executors.steps.planted_b"),
        ("executors/steps/planted_b.py", "os"),
    ],
    "client": [
        ("platform_api/cli/planted.py", "platform_api.planted"),
        ("platform_api/planted.py", "sqlalchemy"),
    ],
    "client-serve": [("platform_api/planted.py", "platform_api.cli.serve")],
}

TEN_WAYS = "".join(f"    if x == '{n}':\n        y += '{n}'\n" for n in "abcdefghij")

# For each rule of the linter that the house leans on, a file that breaks it.
LINT = {
    "BLE001": "def f() -> None:\n    try:\n        print()\n    except Exception:\n        pass\n",
    "C901": f"def f(x: str, y: str) -> str:\n{TEN_WAYS}    return y\n",
    "D103": "def f() -> int:\n    return 1\n",
    "DTZ005": "import datetime\n\nnow = datetime.datetime.now()\n",
    "E501": f"x = '{'x' * 110}'\n",
    "E722": "try:\n    x = 1\nexcept:\n    x = 2\n",
    "ERA001": "# x = f(1)\n",
    "FBT001": "def f(flag: bool) -> None: ...\n",
    "PLC0415": "def f() -> None:\n    import os\n",
    "PGH003": "x = 1  # type: ignore\n",
    "S602": "import subprocess\n\nsubprocess.run('ls | wc', shell=True, check=True)\n",
    "T201": "print(1)\n",
    "TD003": "# TODO: later\n",
    "TID251": "import os\n\nx = os.environ\n",
    "TID252": "from . import errors\n",
}

TYPES = {
    "no-untyped-def": "def f(x):\n    return x\n",
    "return-value": "def f() -> int:\n    return 'one'\n",
    "type-arg": "def f(x: list) -> None: ...\n",
    "ignore-without-code": "x: int = 'one'  # type: ignore\n",
    "unused-ignore": "x: int = 1  # type: ignore[assignment]\n",
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_of_the_source(tmp_path_factory.mktemp("tree"))


def run(tree: Path, *command: str | Path) -> Run:
    """Run a tool in the copy."""
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)


def lint_imports(tree: Path, *arguments: str) -> Run:
    program = Path(sys.executable).with_name("lint-imports")
    return run(tree, program, "--no-logo", *arguments)


def ruff(tree: Path, *arguments: str) -> Run:
    return run(tree, sys.executable, "-m", "ruff", *arguments)


def mypy(tree: Path, file: str) -> Run:
    return run(tree, sys.executable, "-m", "mypy", file)


@contextmanager
def planted(tree: Path, name: str, addition: str) -> Iterator[None]:
    """Add to a file of the copy, which need not exist, until the block ends."""
    path = tree / name
    before = path.read_text() if path.exists() else None
    path.write_text((before or HEAD) + addition)
    try:
        yield
    finally:
        if before is None:
            path.unlink()
        else:
            path.write_text(before)


def test_every_contract_has_a_plant() -> None:
    assert set(IMPORTS) == set(contract_ids())


def test_the_import_law_holds(tree: Path) -> None:
    kept = lint_imports(tree)
    assert kept.returncode == 0, kept.stdout + kept.stderr
    assert f"Contracts: {len(IMPORTS)} kept, 0 broken." in kept.stdout


@pytest.mark.parametrize("contract", contract_ids())
def test_a_violation_of_the_import_law_is_caught(tree: Path, contract: str) -> None:
    with contextmanager(_all_planted)(tree, IMPORTS[contract]):
        broken = lint_imports(tree, "--contract", contract)
    assert broken.returncode == 1, broken.stdout + broken.stderr
    assert "Contracts: 0 kept, 1 broken." in broken.stdout


def _all_planted(tree: Path, imports: list[tuple[str, str]]) -> Iterator[None]:
    if not imports:
        yield
        return
    (name, imported), *rest = imports
    with planted(tree, name, f"\nimport {imported}\n"):
        yield from _all_planted(tree, rest)


@pytest.mark.parametrize(("code", "text"), LINT.items(), ids=LINT.keys())
def test_the_linter_catches_its_violation(tree: Path, code: str, text: str) -> None:
    with planted(tree, "catalog/planted.py", text):
        found = ruff(tree, "check", "--no-cache", "--output-format=concise", "catalog/planted.py")
    assert found.returncode == 1, found.stderr
    assert f": {code} " in found.stdout


def test_the_formatter_catches_another_hand(tree: Path) -> None:
    with planted(tree, "catalog/planted.py", "x = { 'a':1 }\n"):
        found = ruff(tree, "format", "--check", "--no-cache", "catalog/planted.py")
    assert found.returncode == 1, found.stderr


@pytest.mark.parametrize(("code", "text"), TYPES.items(), ids=TYPES.keys())
def test_the_type_checker_catches_its_violation(tree: Path, code: str, text: str) -> None:
    with planted(tree, "catalog/planted.py", text):
        found = mypy(tree, "catalog/planted.py")
    assert found.returncode == 1, found.stderr
    assert f"[{code}]" in found.stdout


def test_a_clean_file_pleases_them_all(tree: Path) -> None:
    with planted(tree, "catalog/planted.py", '\ndef f() -> int:\n    """Return one."""\n    return 1\n'):
        runs = [
            ruff(tree, "check", "--no-cache", "catalog/planted.py"),
            ruff(tree, "format", "--check", "--no-cache", "catalog/planted.py"),
            mypy(tree, "catalog/planted.py"),
        ]
    assert [found.stdout for found in runs if found.returncode] == []
