"""What the tables are held to: they follow the import law, and they know their tenant.

Each rule takes the tables by package and returns its complaints. Foreign keys point the way
imports point, or a package could not be read (or one day stored) without those above it. A
table without a project is visible to every tenant, so each one is argued here.
"""

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

Tables = Mapping[str, Sequence[sa.Table]]

BELOW: dict[str, frozenset[str]] = {
    "catalog": frozenset(),
    "policy": frozenset({"catalog"}),
    "executors": frozenset({"catalog"}),
    "reconciler": frozenset({"catalog", "policy", "executors"}),
    "platform_api": frozenset({"catalog", "policy", "executors", "reconciler"}),
}

PLATFORM_WIDE: dict[str, str] = {
    "catalog_projects": "its name is the project",
    "catalog_contracts": "published for everybody",
    "catalog_canaries": "a share of the requests of all projects",
    "catalog_requirements": "what a published version needs, for everybody",
    "catalog_lifecycles": "where a published version stands for everybody",
    "catalog_contract_tombstones": "what was published once, for everybody",
    "catalog_contract_controls": "pauses a contract for everybody, and outdates old signatures of it",
    "catalog_destinations": "owned by the platform; says itself which projects may use it",
    "platform_api_delegations": "an absence holds wherever its giver has a vote",
    "platform_api_idempotency": "a row is found only by the subject whose answer it repeats",
    "platform_api_tallies": "counts over all projects; what may be scraped names none",
    "platform_api_tokens": "a token may reach several projects or the platform itself",
    "reconciler_leases": "the right to act on a shared thing, such as a git remote",
    "reconciler_git_branches": "where the branches that all projects share stand",
}


def prefix_complaints(tables: Tables) -> list[str]:
    """Complain about tables that do not carry their package's name."""
    return [
        f"{table.name}: defined in {package}, so it must be named {package}_..."
        for package, table in _each(tables)
        if not table.name.startswith(f"{package}_")
    ]


def foreign_key_complaints(tables: Tables) -> list[str]:
    """Complain about foreign keys that point up or sideways."""
    owners = {table.name: package for package, table in _each(tables)}
    return [
        f"{table.name}.{key.parent.name} -> {target}: {package} may not know {owners.get(target, 'that')}"
        for package, table in _each(tables)
        for key in table.foreign_keys
        for target in [key.target_fullname.rpartition(".")[0]]
        if owners.get(target) not in BELOW[package] | {package}
    ]


def project_complaints(tables: Tables) -> list[str]:
    """Complain about tables that do not say whose rows they hold, or say it only sometimes."""
    return [
        f"{table.name}: needs a project column that is never null, or a reason in PLATFORM_WIDE"
        for _, table in _each(tables)
        if table.name not in PLATFORM_WIDE
        if "project" not in table.columns or table.columns["project"].nullable
    ]


def stale_exception_complaints(tables: Tables) -> list[str]:
    """Complain about exceptions that excuse nothing and would excuse a later table unseen."""
    known = {table.name: table for _, table in _each(tables)}
    return [
        f"{name}: excused in PLATFORM_WIDE, but there is no such table or it has a project"
        for name in PLATFORM_WIDE
        if name not in known or "project" in known[name].columns
    ]


def _each(tables: Tables) -> list[tuple[str, sa.Table]]:
    return [(package, table) for package, owned in tables.items() for table in owned]
