"""Starters: complete bundles to begin a contract from, one for each kind of capability.

`avow contract init` writes them. They ship as files in `catalog/starters/`, and each is itself
a bundle that can be published, so that tests hold it to what they hold every other bundle to;
a starter becomes somebody's own by the exchange of two words, its name and its owner.
"""

import re
from enum import StrEnum
from pathlib import Path

from catalog.bundle import read_files
from catalog.ids import check_name

STARTERS = Path(__file__).parent / "starters"
NAME, OWNER = "new-capability", "new-team"
_OURS = re.compile(rf"\b(?:{NAME}|{OWNER})\b")


class CapabilityKind(StrEnum):
    """What a capability is made of, which decides how its workflows look."""

    DATABASE = "database"  # postgres steps
    SERVICE = "service"  # a git repository from templates
    INFRASTRUCTURE = "infrastructure"  # terraform
    CONFIGURATION = "configuration"  # ansible, recorded in git
    EXTERNAL_API = "external-api"  # calls to a REST service


def starter(kind: CapabilityKind, name: str, owner: str) -> dict[str, str]:
    """Return the files of a new bundle.

    Raises:
        Invalid: `invalid_name`, of the contract or of its owner.
    """
    words = {NAME: check_name(name, "NAME"), OWNER: check_name(owner, "--owner")}
    files = read_files(STARTERS / kind)
    return {path: _OURS.sub(lambda found: words[found[0]], text) for path, text in files.items()}
