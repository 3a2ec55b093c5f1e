"""What the publishing of a contract means to the contracts around it, and to requests on those."""

from datetime import datetime

from catalog import requests, requirements
from catalog.contract import Contract
from catalog.db import Tx
from catalog.dependencies import needs_of, relation_findings
from catalog.errors import Invalid
from reconciler import workqueue
from reconciler.workqueue import Lane

_AT_ONCE = 1000
_SPEC = "contract.yaml#/spec"


def check_relations(tx: Tx, contract: Contract) -> None:
    """Pass a contract that forms no ring with published ones, and asks for nothing contradictory.

    Called once the publishing transaction holds the audit trail's head, so that of two contracts
    that close a ring together the second one sees the first.

    Raises:
        Invalid: `dependency_cycle`, `dependency_conflict`.
    """
    needs = needs_of(contract)
    if not needs:
        return
    # A draft stands on no shelf, so what it needs is named as well.
    found = dict(requirements.shelf(tx, [contract.name, *(need.contract for need in needs)]))
    found[contract.name] = {**found[contract.name], contract.version: needs}
    findings = relation_findings(found, (contract.name, contract.version), _SPEC)
    if findings:
        raise Invalid(findings[0].code, "The contract cannot stand beside what it needs.", findings=findings)


def wake_requests(tx: Tx, name: str, lane: Lane, now: datetime, *, dependents: bool = False) -> None:
    """Wake every request on a contract.

    Args:
        dependents: also those on contracts that need it, directly or through others.
    """
    names = {name} | (requirements.dependent_names(tx, name) if dependents else frozenset())
    # In one order over all of them, as everybody who wakes several requests does.
    uids = sorted(uid for each in names for uid in requests.uids(tx, requests.Filter(contract=each)))
    for start in range(0, len(uids), _AT_ONCE):
        workqueue.wake_many(tx, uids[start : start + _AT_ONCE], lane, now)
