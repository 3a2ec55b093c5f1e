"""Which paths may be written, in a repository or in a jail.

A path that looks harmless here may not be where it ends up: `..` and links leave the folder,
`.git/config` written by a commit is read at checkout, "a" and "A" are one file on some disks,
an invisible character makes two names look the same. So only plain relative paths pass, and a
set of paths only if no two of them can meet. Pure.
"""

import re
import unicodedata
from collections.abc import Iterable

from catalog.errors import Finding, Invalid

MAX_PATH_BYTES = 1024
MAX_NAME_BYTES = 255
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})  # control, format, surrogate, separators


def check_paths(paths: Iterable[str]) -> None:
    """Refuse a set of paths when one of them is unfit or two of them collide.

    Raises:
        Invalid: `path_refused`, with a finding per path.
    """
    findings = []
    files: dict[str, str] = {}
    folders: set[str] = set()
    for path in paths:
        folded = path.casefold()
        above = _folders(folded)
        reason = path_fault(path) or _collision(path, files, folders, above)
        files[folded] = path
        folders |= above
        if reason:
            findings.append(Finding(f"/{path!a}", "path_refused", reason, "choose a plain relative path"))
    if findings:
        first = findings[0]
        message = f"The path {first.pointer[1:][:120]} cannot be written: {first.message}."
        raise Invalid("path_refused", message, findings=findings)


def path_fault(path: str) -> str:
    """Return why a path is unfit for a repository, empty when it is fit."""
    if not path or path.startswith("/") or "\\" in path:
        return "it is not a relative path with forward slashes"
    if any(unicodedata.category(character) in _INVISIBLE for character in path):
        return "it holds control, invisible or broken characters"
    if unicodedata.normalize("NFC", path) != path:
        return "it is not in the composed Unicode form (NFC)"
    if len(path.encode()) > MAX_PATH_BYTES:
        return "it is longer than 1024 bytes"
    return next((fault for name in path.split("/") if (fault := _name_fault(name))), "")


def _name_fault(name: str) -> str:
    if name in {"", ".", ".."}:
        return "it has an empty, . or .. part"
    if len(name.encode()) > MAX_NAME_BYTES:
        return "a part is longer than 255 bytes"
    # What a case-blind or NTFS disk takes for .git: other case, short name, trailing dots, streams.
    plain = unicodedata.normalize("NFKC", name).casefold().partition(":")[0].rstrip(" .")
    if plain == ".git" or re.match(r"git~[0-9]", plain):
        return "git keeps its own files under this name"
    if plain == ".gitmodules" or re.match(r"gitmod~[0-9]|gi7eba~[0-9]", plain):
        return "submodules are not written"
    if name != name.strip(" ") or name.endswith("."):
        return "a part begins or ends with a blank or ends with a dot"
    return ""


def _folders(path: str) -> set[str]:
    parts = path.split("/")
    return {"/".join(parts[:depth]) for depth in range(1, len(parts))}


def _collision(path: str, files: dict[str, str], folders: set[str], above: set[str]) -> str:
    folded = path.casefold()
    if folded in files:
        return "another path differs from it in case only" if files[folded] != path else "it is named twice"
    if folded in folders or above & files.keys():
        return "another path uses the same name as a folder or a file"
    return ""
