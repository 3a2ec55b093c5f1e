"""Writes the next version: `python -m platform_api.migrations "what changed"`; for developers."""

import sys
import tempfile
from pathlib import Path

from platform_api import migrations


def main() -> None:
    """Compare the newest version with the tables, on a database that is thrown away."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'draft.db'}"
        migrations.upgrade(url)
        migrations.revise(url, " ".join(sys.argv[1:]) or "change")


if __name__ == "__main__":
    main()
