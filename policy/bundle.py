"""Gathers what is evaluated together: the organisation's policies, then a contract's own.

Wiring calls `organisation` once at start; `Admission` adds each contract's `policy.rego`
to what it returned. A directory holds one module per policy (`naming.rego` is `org/naming`)
and at most one `settings.json`, the values that its policies read as `data.avow.settings`.
A later directory's settings replace those of an earlier one by name, which is how an
operator turns the knobs of the shipped policies without editing them.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from catalog.digest import Json, JsonObject, digest
from catalog.errors import Finding, Invalid
from policy.document import plain_numbers
from policy.engine import Module, PolicyBundle
from policy.lint import CONTRACT, MAX_MODULE_BYTES, ORGANISATION, check_module

SHIPPED = Path(__file__).parent / "rego"
"""The policies that come with Avow."""

MAX_MODULES = 100
SETTINGS_FILE = "settings.json"


def organisation(directories: Sequence[Path] = (SHIPPED,)) -> PolicyBundle:
    """Return the organisation's bundle, checked.

    Raises:
        Invalid: `invalid_policy`, with every finding at once.
    """
    modules = [module for directory in directories for module in _modules(directory)]
    settings: dict[str, Json] = {}
    for directory in directories:
        settings |= _settings(directory / SETTINGS_FILE)
    return _checked(modules, settings)


def proposed(
    present: PolicyBundle, files: Mapping[str, str] | None, settings: Mapping[str, Json]
) -> PolicyBundle:
    """Return the organisation's bundle as it would be, checked.

    Args:
        files: what the operator's folder would hold, `*.rego` and `settings.json`; None leaves it as it is.
        settings: laid over all others.

    Raises:
        Invalid: `invalid_policy`, with every finding at once.
    """
    if files is None:
        return _checked(list(present.modules), {**present.data, **settings})
    modules = _modules(SHIPPED) + [
        Module(f"{ORGANISATION}{Path(name).stem}", name, source)
        for name, source in files.items()
        if name != SETTINGS_FILE
    ]
    own = _parsed(files.get(SETTINGS_FILE, "{}"), Path(SETTINGS_FILE))
    return _checked(modules, {**_settings(SHIPPED / SETTINGS_FILE), **own, **settings})


def _checked(modules: Sequence[Module], settings: Mapping[str, Json]) -> PolicyBundle:
    findings = [*_duplicates(modules), *(f for module in modules for f in check_module(module, settings))]
    if len(modules) > MAX_MODULES:
        fix = "bring several rules into one module"
        findings.append(Finding("", "too_many_policies", f"there are more than {MAX_MODULES} modules", fix))
    if findings:
        raise Invalid(
            "invalid_policy", "The organisation's policies cannot be used.", findings=tuple(findings)
        )
    return bundle_of(modules, settings)


def with_contract(bundle: PolicyBundle, source: str, path: str = "policy.rego") -> PolicyBundle:
    """Return the bundle with a contract's own policy beside the organisation's.

    Nothing a contract says takes away from the others: each policy has its own package, and
    any denial denies. The source was checked when the contract was published.
    """
    shared = [module for module in bundle.modules if module.policy != CONTRACT]
    return bundle_of([*shared, contract_module(source, path)], bundle.data)


def contract_module(source: str, path: str = "policy.rego") -> Module:
    """Return a contract's policy as a module."""
    return Module(policy=CONTRACT, path=path, source=source)


def bundle_of(modules: Sequence[Module], settings: JsonObject) -> PolicyBundle:
    """Return the bundle of these modules, identified by their content."""
    ordered = tuple(sorted(modules, key=lambda module: module.policy))
    content: list[Json] = [[module.policy, module.source] for module in ordered]
    plain = {name: plain_numbers(value) for name, value in settings.items()}
    return PolicyBundle(revision=digest({"modules": content, "settings": plain}), modules=ordered, data=plain)


def _modules(directory: Path) -> list[Module]:
    if not directory.is_dir():
        raise _unreadable(directory, "it is no folder", "name the folder that holds the .rego files")
    names = sorted(path for path in directory.glob("*.rego") if not path.stem.endswith("_test"))
    return [Module(f"{ORGANISATION}{path.stem}", str(path), _text(path)) for path in names]


def _settings(path: Path) -> Mapping[str, Json]:
    return _parsed(_text(path), path) if path.exists() else {}


def _parsed(text: str, path: Path) -> Mapping[str, Json]:
    try:
        settings = json.loads(text, parse_constant=_no_number)
    except ValueError as error:
        raise _unreadable(path, "it is no JSON", "correct the file") from error
    if not isinstance(settings, dict) or not all(name.isidentifier() for name in settings):
        raise _unreadable(path, "it is no object with plain names", "write one object of settings")
    return settings


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_MODULE_BYTES:
            raise _unreadable(path, "it is larger than 64 KiB", "split it")
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, "it cannot be read as UTF-8 text", "correct the file") from error


def _duplicates(modules: Sequence[Module]) -> list[Finding]:
    seen: dict[str, str] = {}
    found = []
    for module in modules:
        if module.policy in seen:
            message = f"{seen[module.policy]} defines {module.policy} already"
            found.append(Finding(f"{module.path}:1", "duplicate_policy", message, "rename one of the files"))
        seen[module.policy] = module.path
    return found


def _no_number(constant: str) -> float:
    raise ValueError(constant)


def _unreadable(path: Path, reason: str, fix: str) -> Invalid:
    finding = Finding(f"{path}:1", "policy_unreadable", reason, fix)
    return Invalid("invalid_policy", f"{path} cannot be used.", findings=(finding,))
