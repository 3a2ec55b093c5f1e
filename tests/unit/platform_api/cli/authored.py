"""Bundles for the tests of the commands for authors: one that is right, and what spoils it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from catalog.starter import CapabilityKind, starter


def written(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def new(folder: Path, kind: CapabilityKind = CapabilityKind.EXTERNAL_API) -> Path:
    """Write a bundle that nothing is wrong with."""
    return written(folder, starter(kind, folder.name, "team-data"))


def edited(folder: Path, file: str = "contract.yaml", **spec: Any) -> Path:
    """Replace or, with None, take away parts of a document's `spec`."""
    document = yaml.safe_load((folder / file).read_text())
    for name, value in spec.items():
        if value is None:
            del document["spec"][name]
        else:
            document["spec"][name] = value
    (folder / file).write_text(json.dumps(document, indent=2))
    return folder
