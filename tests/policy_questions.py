"""Questions to policy, and small policies to ask them of, for the tests of every engine.

Values only: nothing here starts an engine or a server.
"""

from typing import Any

from catalog.actor import Actor, Grant, Role
from catalog.digest import JsonObject
from policy.bundle import bundle_of, contract_module
from policy.decision import EnforcementPoint
from policy.document import Query
from policy.engine import PolicyBundle
from policy.testing import BASE, merged
from tests.factories import a_contract, a_request

ACTOR = Actor("user:ada", (Grant(Role.DEVELOPER, "shop"), Grant(Role.AUDITOR, "other")))


def a_query(**fields: Any) -> Query:
    """Return a question about `a_request()`."""
    values: dict[str, Any] = {
        "request": a_request(),
        "contract": a_contract(),
        "operation": "create",
        "enforcement_point": EnforcementPoint.ADMISSION,
        "actor": ACTOR,
    }
    return Query(**(values | fields))


def asking(**inputs: Any) -> JsonObject:
    """Return an input document with these inputs."""
    return merged(BASE, {"inputs": inputs})


def a_policy(rules: str) -> PolicyBundle:
    """Return a bundle of one contract's policy with these rules, which need not pass the linter."""
    return bundle_of([contract_module(f"package avow.contract\n\nimport rego.v1\n\n{rules}\n")], {})
