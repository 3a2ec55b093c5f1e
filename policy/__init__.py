"""May it? Answers every question with a decision and never acts.

The rest of Avow uses what is named here. Three engines stand behind `PolicyEngine`:
`StaticEngine` for tests, `policy.embedded.EmbeddedEngine`, and `policy.opa.OpaEngine` over
an OPA server. The last two are imported by wiring alone, since each brings a library that
an installation may lack.
"""

from policy.admit import Admission, Timing
from policy.bundle import SHIPPED, contract_module, organisation
from policy.decision import Action, Decision, EnforcementPoint, Outcome, Result
from policy.document import Query
from policy.engine import EngineState, Module, PolicyBundle, PolicyEngine, StaticEngine
from policy.testing import CaseOutcome, run_table

__all__ = [
    "SHIPPED",
    "Action",
    "Admission",
    "CaseOutcome",
    "Decision",
    "EnforcementPoint",
    "EngineState",
    "Module",
    "Outcome",
    "PolicyBundle",
    "PolicyEngine",
    "Query",
    "Result",
    "StaticEngine",
    "Timing",
    "contract_module",
    "organisation",
    "run_table",
]
