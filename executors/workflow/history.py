"""What the API shows of a run beyond its row: its steps.

They are not stored anywhere: they are read off the fold of the journal, beside the
definition that the run follows. A run that was migrated followed others before, which are
kept, so that each entry can be read beside the one that it was written by.
"""

from catalog.db import Tx
from catalog.digest import JsonObject
from executors import definitions, runs
from executors.workflow.events import decode
from executors.workflow.journal import run_of
from executors.workflow.milestones import Migrated
from executors.workflow.spec import parse_workflow
from executors.workflow.view import StepView, step_views


def steps(tx: Tx, project: str, run_id: str) -> list[StepView]:
    """Return every step of a run, begun or not, in the order of the workflow.

    Raises:
        NotFound: `run_not_found`, also for another project's run.
    """
    workflow = parse_workflow(runs.definition(tx, project, run_id))
    return list(step_views(workflow, run_of(runs.entries(tx, run_id))))


def definition_at(tx: Tx, project: str, run_id: str, seq: int) -> JsonObject:
    """Return the workflow document that a run followed when an entry of its journal was written.

    Raises:
        NotFound: `run_not_found`, also for another project's run.
    """
    now = runs.definition(tx, project, run_id)
    for entry in runs.entries(tx, run_id, seq):
        if entry.type == Migrated.__name__:
            migrated = decode(entry.type, entry.body)
            assert isinstance(migrated, Migrated)  # noqa: S101  # by its name; tells mypy
            return definitions.former(tx, run_id)[migrated.former]
    return now
