"""What is different between versions of a contract, as a person reads it.

Pure, over documents in the server's words. `contract diff` and `publish --plan` print it.
"""

from collections.abc import Iterator

from platform_api.cli.output import Document
from platform_api.cli.tables import plain
from platform_api.cli.terminal import one_line

_INDENT = " " * 9


def compatibility_lines(compatibility: Document, name: str) -> Iterator[str]:
    """Yield how a version that would be published stands to its neighbours."""
    for compared in _documents(compatibility, "compared"):
        yield from compared_lines(compared, name)
    if compatibility.get("publish_as"):
        yield f"It cannot be published as it is; as {_text(compatibility, 'publish_as')} it might."


def compared_lines(compared: Document, name: str) -> Iterator[str]:
    """Yield what is different between two versions, the largest change first."""
    changes = _documents(compared, "changes")
    versions = f"{_text(compared, 'from_version')} -> {_text(compared, 'to_version')}"
    yield f"{one_line(name)} {versions}: {_due(compared, len(changes))}"
    for change in changes:
        yield from _change(change)
    if compared.get("publish_as"):
        yield f"Fix: publish it as {_text(compared, 'publish_as')} or higher, or mend what is named"


def _due(compared: Document, changes: int) -> str:
    if not changes:
        return "the contracts say the same (their other files are not compared)"
    too_low = "" if compared.get("enough") else ", and the version is too low"
    return f"{_text(compared, 'due')} version due{too_low}"


def _change(change: Document) -> Iterator[str]:
    hit = _text(change, "breaks")
    breaks = "" if hit in ("", "nobody") else f"  (breaks the {hit})"
    yield f"  {_text(change, 'due'):<6} {_text(change, 'pointer')}{breaks}"
    yield f"{_INDENT}{_text(change, 'detail')}"
    if change.get("fix"):
        yield f"{_INDENT}fix: {_text(change, 'fix')}"


def _documents(document: Document, name: str) -> list[Document]:
    value = document.get(name)
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _text(document: Document, name: str) -> str:
    return one_line(plain(document.get(name)))
