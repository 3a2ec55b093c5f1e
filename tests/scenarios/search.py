"""Where a secret's value has come to rest: in the database, in files, in git, in what was written out.

The secret store itself is the one place that it may be in. Knows no module of Avow.
"""

import base64
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import sqlalchemy as sa

from tests.scenarios.rig import Rig

STORE = "secrets"


def places_of(rig: Rig, value: str, *more: Path) -> list[str]:
    """Return every place outside the secret store that holds a value, plain or in another spelling.

    Args:
        more: folders besides the installation's own, of repositories for instance.
    """
    needles = _spellings(value)
    found = [place for place, content in _contents(rig, more) if any(needle in content for needle in needles)]
    return sorted(set(found))


def _spellings(value: str) -> tuple[bytes, ...]:
    raw = value.encode()
    # Whatever stands before it shifts base64 by nothing, one or two letters.
    shifted = (base64.b64encode(b"x" * pad + raw)[4 if pad else 0 : -4] for pad in range(3))
    return (raw, raw.hex().encode(), *shifted)


def _contents(rig: Rig, more: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    yield "output", rig.output().encode()
    yield from _rows(rig.database_url)
    store = rig.folder / STORE
    for folder in (rig.folder, *more):
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_relative_to(store):
                yield str(path.relative_to(folder)), path.read_bytes()
        for head in [*folder.rglob("HEAD")]:
            yield f"git {head.parent.name}", _objects(head.parent)


def _rows(url: str) -> Iterator[tuple[str, bytes]]:
    engine = sa.create_engine(url)
    try:
        with engine.connect() as connection:
            for name in sa.inspect(engine).get_table_names():
                for row in connection.execute(sa.select(sa.text("*")).select_from(sa.table(name))):
                    yield name, b" ".join(map(_bytes, row))
    finally:
        engine.dispose()


def _bytes(value: object) -> bytes:
    return bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()


def _objects(repository: Path) -> bytes:
    command = ["git", "--git-dir", str(repository), "cat-file", "--batch-all-objects", "--batch"]
    return subprocess.run(command, capture_output=True, check=True).stdout
