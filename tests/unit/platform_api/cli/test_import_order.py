"""The imports of a generated module stand as linters want them, and nothing else is moved."""

import subprocess
import sys
from pathlib import Path

import pytest

from platform_api.cli.import_order import with_sorted_imports

MIXED = '''"""Models."""

from __future__ import annotations

from typing import Annotated
from typing import Annotated as Annotated_aliased
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, RootModel, StringConstraints, conint
from datetime import date as date_aliased
x = Annotated_aliased[int, Field()]
'''
SORTED = '''"""Models."""

from __future__ import annotations

from datetime import date as date_aliased
from typing import Annotated, Any, Literal
from typing import Annotated as Annotated_aliased

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    StringConstraints,
    conint,
)
x = Annotated_aliased[int, Field()]
'''


def test_imports_are_sorted_and_what_follows_stays() -> None:
    assert with_sorted_imports(MIXED) == SORTED
    assert with_sorted_imports(SORTED) == SORTED


def test_a_linter_agrees(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(SORTED.replace("x =", "\nx ="))
    words = ("ruff", "check", "--isolated", "--select=I", "module.py")
    found = subprocess.run([sys.executable, "-m", *words], cwd=tmp_path, capture_output=True, check=False)
    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize("text", ["x = 1\n", "import os\nfrom b import c\nfrom a import d\n"])
def test_a_module_that_imports_otherwise_is_left_alone(text: str) -> None:
    assert with_sorted_imports(text) == text
