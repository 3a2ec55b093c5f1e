"""Which codes publish, request, delete and plan can answer with, by the source; and which need no row.

A code counts when a module that is not another door's own names it: as a literal, or in a docstring
under `Raises:`. So a new refusal is missed by nobody: its row is asked for until it is there.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from platform_api.problems import pages

ROOT = Path(__file__).parents[2]
PACKAGES = ("catalog", "executors", "platform_api", "policy", "reconciler")

OTHER_DOORS = (
    # what runs, approvals and their steps refuse while they work, or when somebody steers them
    "executors.workflow",
    "executors.temporal",
    "executors.steps",
    "executors.swift",
    "executors.runs",
    "executors.dead_letters",
    "executors.secrets",
    "executors.outbound",
    "executors.paths",
    "executors.port",
    "executors.registry",
    "executors.twin",
    "platform_api.approval_views",
    "platform_api.commands.approvals",
    "platform_api.commands.delegations",
    "platform_api.commands.migrations",
    "platform_api.commands.retrying",
    "platform_api.commands.runs",
    "platform_api.commands.steering",
    "platform_api.delegations",
    "platform_api.routes.approvals",
    "platform_api.routes.delegations",
    "platform_api.routes.dead_letters",
    "platform_api.routes.migrations",
    "platform_api.routes.runs",
    # the fleet, tokens, projects, events, the trail, and what says how things are
    "catalog.events",
    "catalog.fleet_store",
    "catalog.projects",
    "platform_api.commands.destinations",
    "platform_api.commands.projects",
    "platform_api.commands.tokens",
    "platform_api.routes.audit",
    "platform_api.routes.destinations",
    "platform_api.routes.errors",
    "platform_api.routes.events",
    "platform_api.routes.health",
    "platform_api.routes.policy",
    "platform_api.routes.projects",
    "platform_api.routes.tokens",
    "platform_api.streams",
    "platform_api.tokens",
    # what ends a program at its start, and what needs no server
    "platform_api.authoring",
    "platform_api.bootstrap",
    "platform_api.cli",
    "platform_api.keys",
    "platform_api.lookups",
    "platform_api.migrations",
    "platform_api.observing",
    "platform_api.serve",
    "platform_api.settings",
    "platform_api.signing",
    "platform_api.spans",
    "policy.testing",
    # works, and answers nobody
    "reconciler",
    # the table of statuses, which names codes of everywhere
    "platform_api.problems",
)
"""Modules whose refusals are not those of publish, request, delete and plan."""

_WRITES = "fetching a bundle writes nothing to git"
_EARLIER = "what is read first refuses it: "
_START = "it keeps the program from starting"

ARGUED = {
    "bad_request": "needs a line that breaks in the middle of a body",
    "body_too_slow": "needs a line that is slow; tests/integration/test_api_events.py has one",
    "database_unavailable": "needs a database that is down; tests/unit/catalog/test_db.py has one",
    "decision_not_found": "is answered to whoever reads decisions",
    "git_author_refused": _WRITES,
    "git_branch_refused": _WRITES,
    "git_commit_refused": _WRITES,
    "git_directory_in_use": _WRITES,
    "git_disk_full": "needs a disk that is full",
    "git_file_too_large": _WRITES,
    "git_message_refused": _WRITES,
    "git_missing": "needs a server without git",
    "git_name_refused": _WRITES,
    "git_source_broken": "needs a clone that the server's own disk has damaged",
    "git_timeout": "needs a repository that takes longer than a minute",
    "git_url_refused": _EARLIER + "an address that is none lies within no AVOW_BUNDLE_SOURCES",
    "input_not_json": _EARLIER + "inputs come out of JSON",
    "invalid_archive": "archives are read by the command; tests/unit/platform_api/cli has them",
    "invalid_duration": _EARLIER + "the contract's schema, as invalid_contract",
    "invalid_name": _EARLIER + "the body's and the contract's schemas",
    "invalid_opa_url": _START,
    "invalid_settings": _START,
    "path_refused": _WRITES,
    "signing_missing": _START,
}
"""Codes that need no row, each with the reason."""

_RAISES = re.compile(r"^\s*Raises:\n((?:\s+.*\n?)+)", re.MULTILINE)
_OTHERWISE = re.compile(r"as for `\w+`")
_CODE = re.compile(r"`([a-z]+(?:_[a-z]+)+)`")


def codes_of_the_surfaces(root: Path = ROOT) -> set[str]:
    """Return every code that these surfaces may answer with.

    Args:
        root: where the packages lie.
    """
    known = set(pages())
    found: set[str] = set()
    for package in PACKAGES:
        for path in (root / package).rglob("*.py"):
            module = ".".join(path.relative_to(root).with_suffix("").parts)
            if not any(module == other or module.startswith(f"{other}.") for other in OTHER_DOORS):
                tree = ast.parse(path.read_text("utf-8"))
                found |= set(_literals(tree)) & known | set(_documented(tree))
    return found


def _literals(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _documented(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            said = _RAISES.search((ast.get_docstring(node) or "") + "\n")
            yield from _CODE.findall(_OTHERWISE.sub("", said[1])) if said else ()
