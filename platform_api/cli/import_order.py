"""The imports of a generated module, in the order in which linters want them.

Pure. Generators and linters differ where a name is imported under another one as well.
"""

import ast
import sys
from collections.abc import Iterator, Sequence

_WIDTH = 88
_FUTURE = "__future__"


def with_sorted_imports(text: str) -> str:
    """Return a module with its `from ... import ...` sorted; one that imports otherwise as it is."""
    body = ast.parse(text).body
    found = [node for node in body if isinstance(node, ast.ImportFrom)]
    if not found or any(isinstance(node, ast.Import) for node in body):
        return text
    lines = text.splitlines(keepends=True)
    before, after = lines[: found[0].lineno - 1], lines[found[-1].end_lineno :]
    return "".join([*before, "\n\n".join(_sections(found)), "\n", *after])


def _sections(nodes: Sequence[ast.ImportFrom]) -> Iterator[str]:
    modules = {str(node.module) for node in nodes}
    standard = modules & sys.stdlib_module_names
    for section in (modules & {_FUTURE}, standard - {_FUTURE}, modules - standard - {_FUTURE}):
        if section:
            yield "\n".join(line for module in sorted(section) for line in _lines(module, nodes))


def _lines(module: str, nodes: Sequence[ast.ImportFrom]) -> Iterator[str]:
    names = [alias for node in nodes if node.module == module for alias in node.names]
    plain = sorted({alias.name for alias in names if alias.asname is None}, key=_rank)
    line = f"from {module} import {', '.join(plain)}"
    if len(line) > _WIDTH:
        line = f"from {module} import (\n{''.join(f'    {name},{chr(10)}' for name in plain)})"
    yield from [line] if plain else []
    for alias in sorted((each for each in names if each.asname), key=lambda each: _rank(each.name)):
        yield f"from {module} import {alias.name} as {alias.asname}"


def _rank(name: str) -> tuple[bool, bool, str]:
    """Return what names are ordered by: constants, then classes, then the rest."""
    return not name.isupper(), not name[0].isupper(), name
