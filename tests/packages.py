"""Packages that a test wrote, imported for as long as it needs them."""

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

Load = Callable[[str], Any]


@contextmanager
def imported_from(folder: Path) -> Iterator[Load]:
    """Give an import that finds a folder's packages, all of which are forgotten at the end.

    Another module's tests write packages of the same names elsewhere: what stayed imported
    would be theirs.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        try:
            yield importlib.import_module
        finally:
            for name in [each for each, held in sys.modules.items() if _lies_in(folder, held)]:
                del sys.modules[name]


def _lies_in(folder: Path, module: Any) -> bool:
    file: str = getattr(module, "__file__", None) or ""
    return Path(file).is_relative_to(folder)
