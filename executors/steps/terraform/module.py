"""Which files of a bundle make a module, and what a module may not hold.

A module's text is a program: functions in it read any file that Avow may read, provisioners run
commands, data sources read other states, and providers and modules are downloaded. All of that is
refused before Terraform sees it, by patterns that would rather refuse too much: a comment may hold
the word, a block cannot do without it. What a plan is really made of is looked at again by
`program`. Pure.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from executors.step import Permanent

MOST_FILES = 50
MOST_CHARACTERS = 256 * 1024
_FOLDER = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}(/[a-z0-9][a-z0-9_-]{0,62}){0,4}\Z")
# A block begins a line or follows a brace. No pattern may take longer than one walk over the text.
_BLOCK = r"(?:^\ufeff?|\{)[ \t]*+(?:%s)\b[ \t]*+(?=[\"\w{])"
_GAP = r"(?:\s|(?:#|//)[^\n]*\n)*+"


@dataclass(frozen=True, slots=True)
class _Refusal:
    """What is not run, and why."""

    pattern: re.Pattern[str]
    code: str
    reason: str


def _block(names: str, code: str, reason: str) -> _Refusal:
    return _Refusal(re.compile(_BLOCK % names, re.MULTILINE), code, reason)


_NEEDS = "terraform_provider_needed"
_REFUSED = "terraform_module_refused"
_REFUSALS = (
    _Refusal(re.compile(r"/\*"), _REFUSED, "write comments with #, so that nothing hides between /* and */"),
    _Refusal(
        re.compile(_BLOCK % "resource" + r'(?!"terraform_data"|terraform_data\b)', re.MULTILINE),
        _NEEDS,
        "only terraform_data resources can be made, because no provider is downloaded",
    ),
    _block("provider|required_providers|ephemeral", _NEEDS, "no provider is downloaded"),
    _block("module", _REFUSED, "no module is downloaded; put the files into one folder"),
    _block("data", _REFUSED, "data sources read what belongs to others; pass values as variables"),
    _block("provisioner", _REFUSED, "provisioners run programs; use a step of its own"),
    _block("backend|cloud", _REFUSED, "the state is kept by Avow"),
    _Refusal(
        re.compile(
            r"\b(?:file|filebase64|fileexists|fileset|filemd5|filesha1|filesha256|filesha512"
            rf"|filebase64sha256|filebase64sha512|templatefile){_GAP}\("
        ),
        _REFUSED,
        "functions that read files are not called; pass values as variables",
    ),
)


def module_files(files: Mapping[str, str], folder: str) -> dict[str, str]:
    """Return the module in a bundle's folder: its `.tf` files by name.

    Raises:
        Permanent: `terraform_module_missing`, `terraform_module_refused`,
            `terraform_provider_needed`; the last two with file and line.
    """
    if _FOLDER.match(folder) is None:
        raise Permanent(
            "terraform_module_missing", "The module is a folder of the bundle, such as terraform."
        )
    found = {
        path.removeprefix(f"{folder}/"): text for path, text in files.items() if path.startswith(f"{folder}/")
    }
    for path in found:
        if path.endswith((".tf.json", ".tofu")) or (path.endswith(".tf") and "/" in path):
            raise Permanent(_REFUSED, f"{folder}/{path}: a module is made of .tf files in one folder.")
    module = {path: text for path, text in found.items() if path.endswith(".tf")}
    if not module:
        raise Permanent("terraform_module_missing", f"The bundle has no .tf file in {folder}.")
    if len(module) > MOST_FILES or sum(map(len, module.values())) > MOST_CHARACTERS:
        raise Permanent(_REFUSED, f"{folder} is larger than {MOST_FILES} files or 256 KiB.")
    for refusal, place in _refused(module, folder):
        raise Permanent(refusal.code, f"{place}: {refusal.reason}.")
    return module


def _refused(module: Mapping[str, str], folder: str) -> Iterator[tuple[_Refusal, str]]:
    for path, text in sorted(module.items()):
        for refusal in _REFUSALS:
            found = refusal.pattern.search(text)
            if found is not None:
                yield refusal, f"{folder}/{path}:{text.count(chr(10), 0, found.end()) + 1}"
