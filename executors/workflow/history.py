"""What the API shows of a run beyond its row: its steps.

They are not stored anywhere: they are read off the fold of the journal, beside the
definition that the run started with.
"""

from catalog.db import Tx
from executors import runs
from executors.workflow.journal import run_of
from executors.workflow.spec import parse_workflow
from executors.workflow.view import StepView, step_views


def steps(tx: Tx, project: str, run_id: str) -> list[StepView]:
    """Return every step of a run, begun or not, in the order of the workflow.

    Raises:
        NotFound: `run_not_found`, also for another project's run.
    """
    workflow = parse_workflow(runs.definition(tx, project, run_id))
    return list(step_views(workflow, run_of(runs.entries(tx, run_id))))
