"""A contract bundle: the folder that a platform team publishes.

    postgres-database/
      contract.yaml      what is promised
      provision.yaml …   what the operations name, in the executors' own formats
      policy.rego        what this contract forbids, only ever tighter than the organisation
      policy_test.yaml   examples and tests
      templates/ docs/   whatever the workflows and the readers need

A bundle is text files under short, plain paths, nothing else: no links, no executables to
run here, no way out of the folder. Its digest covers every file, and identifies the
revision for ever.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import cast

from catalog.contract import OPERATIONS, Contract, OperationName, parse_contract
from catalog.digest import JsonObject, digest
from catalog.documents import read_yaml
from catalog.errors import Finding, Invalid
from catalog.storable import storable_text, unstorable

CONTRACT_FILE = "contract.yaml"
MAX_FILES = 200
MAX_FILE_BYTES = 256 * 1024
MAX_BUNDLE_BYTES = 2 * 1024 * 1024
MAX_PATH = 200
_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}\Z|\.[A-Za-z0-9_][A-Za-z0-9_.-]{0,98}\Z")
_REFUSED_SEGMENTS = frozenset({".git", ".hg", ".svn"})


@dataclass(frozen=True, slots=True)
class Bundle:
    """A checked bundle: its files by relative path, its contract, its digest."""

    contract: Contract
    files: Mapping[str, str]
    digest: str

    @property
    def policy(self) -> str | None:
        """Return the text of the policy that the contract brings; None when it brings none."""
        return None if self.contract.policy is None else self.files[self.contract.policy]

    def definition(self, name: OperationName) -> JsonObject:
        """Return the parsed definition of an operation."""
        path = self.contract.operation(name).definition
        return _definition(self.files[path], path)

    def action_definition(self, name: str) -> JsonObject:
        """Return the parsed definition of an action that the contract has."""
        path = self.contract.actions[name].definition
        return _definition(self.files[path], path)

    def definition_for(self, name: str) -> JsonObject:
        """Return the parsed definition of an operation, or of an action that the contract has."""
        return self.definition(OperationName(name)) if name in OPERATIONS else self.action_definition(name)


@lru_cache(maxsize=512)
def _definition(text: str, path: str) -> JsonObject:
    # Every look at a request needs one, and reading YAML costs more than the rest of a pass.
    return read_yaml(text, path)


def bundle_from_files(files: Mapping[str, str]) -> Bundle:
    """Return the bundle that these files make.

    Raises:
        Invalid: `invalid_bundle` or `invalid_contract`, with every finding at once.
    """
    findings = tuple(_file_findings(files))
    if findings:
        raise Invalid("invalid_bundle", "The bundle cannot be published as it is.", findings=findings)
    if CONTRACT_FILE not in files:
        missing = Finding(CONTRACT_FILE, "contract_missing", "the bundle has no contract.yaml", "add it")
        raise Invalid("invalid_bundle", "The bundle has no contract.", findings=(missing,))
    contract = parse_contract(read_yaml(files[CONTRACT_FILE], CONTRACT_FILE), CONTRACT_FILE)
    absent = tuple(_absent_files(contract, files))
    if absent:
        raise Invalid("invalid_bundle", "The bundle lacks files that its contract names.", findings=absent)
    return Bundle(contract=contract, files=dict(files), digest=digest(cast("JsonObject", dict(files))))


def read_bundle(folder: Path) -> Bundle:
    """Return the bundle in a folder.

    Raises:
        Invalid: as for `bundle_from_files`, and for links and files that are not text.
    """
    return bundle_from_files(read_files(folder))


def read_files(folder: Path) -> dict[str, str]:
    """Return the text files below a folder by relative path, refusing links and binaries."""
    if not folder.is_dir():
        raise Invalid(
            "invalid_bundle", f"{folder} is not a folder.", fix="name the folder that holds contract.yaml"
        )
    files: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            raise _refused(name, "link", "links are not allowed in a bundle", "copy the file")
        if path.is_dir() or "__pycache__" in name.split("/"):
            continue
        if not path.is_file():
            raise _refused(name, "not_text", "only plain files are allowed", "remove it")
        if path.stat().st_size > MAX_FILE_BYTES or len(files) >= MAX_FILES:
            raise _refused(
                name, "bundle_too_large", "at most 200 files of 256 KiB", "remove what is not needed"
            )
        try:
            files[name] = path.read_bytes().decode("utf-8")
        except UnicodeDecodeError as error:
            raise _refused(
                name, "not_text", "only UTF-8 text files are allowed", "remove the file"
            ) from error
    return files


def _file_findings(files: Mapping[str, str]) -> Iterator[Finding]:
    if len(files) > MAX_FILES or sum(map(_bytes, files.values())) > MAX_BUNDLE_BYTES:
        yield Finding("", "bundle_too_large", "at most 200 files and 2 MiB", "remove what is not needed")
    lower: set[str] = set()
    folders = {folder for path in files for folder in _folders(path.lower())}
    for path, content in files.items():
        segments = path.split("/")
        plain = all(_SEGMENT.match(part) and part.lower() not in _REFUSED_SEGMENTS for part in segments)
        if not plain or len(path) > MAX_PATH:
            message = "the path is longer than 200 characters or not plain"
            yield Finding(
                storable_text(path[:MAX_PATH]),
                "bad_path",
                message,
                "use letters, digits, dot, dash, underscore",
            )
            continue
        if path.lower() in lower | folders:
            message = "two paths differ only in case, or one is the folder of another"
            yield Finding(path, "path_collision", message, "rename one")
        lower.add(path.lower())
        if _bytes(content) > MAX_FILE_BYTES or any(unstorable(content)):
            message = "the file is larger than 256 KiB, or holds NUL or half a character"
            yield Finding(path, "bad_file", message, "replace it")


def _folders(path: str) -> Iterator[str]:
    parts = path.split("/")
    return ("/".join(parts[:end]) for end in range(1, len(parts)))


def _bytes(content: str) -> int:
    return len(content.encode("utf-8", "surrogatepass"))


def _absent_files(contract: Contract, files: Mapping[str, str]) -> Iterator[Finding]:
    named = {
        f"/spec/operations/{name}/definition": part.definition for name, part in contract.operations.items()
    }
    named |= {f"/spec/actions/{name}/definition": part.definition for name, part in contract.actions.items()}
    if contract.policy is not None:
        named["/spec/policies/0"] = contract.policy
    for pointer, path in named.items():
        if path not in files:
            yield Finding(
                f"{CONTRACT_FILE}#{pointer}", "file_missing", f"{path} is not in the bundle", "add the file"
            )


def _refused(path: str, code: str, message: str, fix: str) -> Invalid:
    return Invalid(
        "invalid_bundle", "The bundle cannot be read.", findings=(Finding(path, code, message, fix),)
    )
