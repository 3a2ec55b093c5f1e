"""The statements on runs that are executed thousands of times a second, as text for each database.

What SQLAlchemy does around a statement costs more than these statements themselves, so they
go to the driver as they are (`Tx.swift`). On PostgreSQL each is one way there and back for any
number of rows, which go in as one JSON document, and parts that belong together are one
statement. On SQLite, where a statement costs next to nothing, they are plain. Called by
`executors.runs` and `executors.claims` alone; the tables are in `executors.tables`.
"""
# ruff: noqa: S608  # put together from our own words only

from functools import lru_cache

from catalog import events
from catalog.db import CHANNEL
from catalog.line import Texts

SETTINGS = (
    # A plan that was made while the tables were empty would read them from end to end for ever,
    "SET enable_seqscan = off",
    # and planning each time anew takes longer than any of these statements.
    "SET plan_cache_mode = force_generic_plan",
)
"""What PostgreSQL is told on the lines over which these statements go."""

_LITE, _POST = "sqlite", "postgresql"
_MARK = {_LITE: "?", _POST: "%s"}

# ------------------------------------------------------------------------------------ start

RUN_COLUMNS = (
    *("id", "project", "request_uid", "idempotency_key", "operation", "contract_digest"),
    *("definition", "context", "created_at", "priority", "due_at", "seq", "state"),
)
_RUN = ", ".join(RUN_COLUMNS)
HAS_KEY: Texts = {_LITE: "SELECT 1 FROM executors_runs WHERE idempotency_key = ?"}
ADMIT_ORDER: Texts = {
    _LITE: "INSERT INTO executors_newest_orders (project, request_uid, fence) VALUES (?, ?, ?)"
    " ON CONFLICT (project, request_uid) DO UPDATE SET fence = excluded.fence"
    " WHERE executors_newest_orders.fence <= excluded.fence RETURNING 1"
}
ADD_RUN: Texts = {
    _LITE: f"INSERT INTO executors_runs ({_RUN}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
}
START: Texts = {
    # The parts of one statement see the tables as they were before it. Two that start the same
    # key at once meet in `stored`.
    _POST: f"""
    WITH given AS MATERIALIZED (
      SELECT * FROM jsonb_to_record(%s::jsonb) AS given (
        id text, project text, request_uid text, idempotency_key text, operation text,
        contract_digest text, definition jsonb, context jsonb, created_at timestamptz,
        priority smallint, due_at timestamptz, seq int, state text,
        newest bigint, type text, body jsonb, told jsonb)
    ), known AS MATERIALIZED (
      SELECT FROM executors_runs WHERE idempotency_key = %s
    ), admitted AS (
      INSERT INTO executors_newest_orders AS seen (project, request_uid, fence)
      SELECT project, request_uid, newest FROM given WHERE NOT EXISTS (SELECT FROM known)
      ON CONFLICT (project, request_uid) DO UPDATE SET fence = excluded.fence
      WHERE seen.fence <= excluded.fence
      RETURNING fence
    ), stored AS (
      INSERT INTO executors_runs ({_RUN})
      SELECT {_RUN} FROM given WHERE EXISTS (SELECT FROM admitted)
      ON CONFLICT (idempotency_key) DO NOTHING
      RETURNING id
    ), journal AS (
      INSERT INTO executors_run_events (run_id, seq, project, type, body)
      SELECT id, seq, project, type, body FROM given WHERE EXISTS (SELECT FROM stored)
    ), told AS (
      {events.inserted_from("stored, given, jsonb_to_recordset(given.told)")}
    )
    SELECT (SELECT count(*) FROM stored), (SELECT count(*) FROM admitted), (SELECT count(*) FROM known),
      (SELECT pg_notify('{CHANNEL}', %s) FROM stored WHERE %s <> '')
    """
}
REPORT: Texts = {
    dialect: "SELECT state, id, outputs, facts, message, step, attempts, next_attempt_at,"
    " CASE WHEN EXISTS (SELECT 1 FROM executors_definitions AS former WHERE former.run_id = run.id)"
    " THEN contract_digest ELSE '' END"
    f" FROM executors_runs AS run WHERE idempotency_key = {mark}"
    for dialect, mark in _MARK.items()
}

ENTRIES: Texts = {
    dialect: "SELECT seq, type, body FROM executors_run_events"
    f" WHERE run_id = {mark} AND seq > {mark} ORDER BY seq LIMIT {mark}"
    for dialect, mark in _MARK.items()
}


@lru_cache(maxsize=64)
def adding_entries(count: int) -> Texts:
    """Return how so many entries are added to journals."""
    columns = "(run_id, seq, project, type, body)"
    rows = {_LITE: "(?, ?, ?, ?, ?)", _POST: "(%s, %s, %s, %s, %s::jsonb)"}
    return {
        dialect: f"INSERT INTO executors_run_events {columns} VALUES {', '.join([row] * count)}"
        for dialect, row in rows.items()
    }


# ------------------------------------------------------------------------------------ claim
# A claim takes parameters in this order: owner, end of the lease, then what chooses the runs.
# The times and limits of a choice are the same values again and again.

_BEGUN = "fence > 0 AND due_at IS NOT NULL AND priority = {priority} AND due_at <= {time}"
_NEW = "fence = 0 AND due_at IS NOT NULL AND priority = {priority} AND due_at <= {time}"
PRIORITIES = (0, 1, 2)
_TIME = {_LITE: "?", _POST: "%s::timestamptz"}
_TEXT = {_LITE: "", _POST: "::text"}  # documents come as text, because the same text is read but once


def _taking(dialect: str, choice: str) -> str:
    mark, text = _MARK[dialect], _TEXT[dialect]
    return (
        f"UPDATE executors_runs SET owner = {mark}, fence = fence + 1, due_at = {mark} WHERE {choice}"
        " RETURNING id, project, request_uid, idempotency_key, operation, contract_digest,"
        f" definition{text}, context{text}, created_at, fence, seq, mail"
    )


def _taking_first(where: str) -> Texts:
    """Return how the first so many of some runs are claimed; `where` has {mark} for its values."""
    first = f"SELECT id FROM executors_runs WHERE {where} ORDER BY due_at LIMIT {{mark}}"
    lite = first.format(mark=_MARK[_LITE], time=_TIME[_LITE])
    post = first.format(mark=_MARK[_POST], time=_TIME[_POST])
    return {
        _LITE: _taking(_LITE, f"id IN ({lite})"),
        _POST: _taking(_POST, f"id = ANY (ARRAY({post} FOR UPDATE SKIP LOCKED))"),
    }


def _some_of_each(dialect: str) -> str:
    """Return the query for so many due runs of each class; its values are time and limit, six times."""
    parts = [
        f"SELECT * FROM (SELECT id FROM executors_runs WHERE {where} LIMIT {_MARK[dialect]}) AS part"
        for template in (_BEGUN, _NEW)
        for priority in PRIORITIES
        for where in [template.format(priority=priority, time=_TIME[dialect])]
    ]
    return " UNION ALL ".join(parts)


_NAMED = "id = {mark} AND (due_at <= {time} OR (fence = 0 AND due_at IS NOT NULL))"
TAKE_ONE: Texts = {  # a run that nobody has claimed yet is due whatever a skewed clock says
    _LITE: _taking(_LITE, _NAMED.format(mark="?", time=_TIME[_LITE])),
    _POST: _taking(_POST, _NAMED.format(mark="%s", time=_TIME[_POST])),
}
TAKE_FEW: Texts = {
    # All that is due, unless that is more than the limit: then there is a choice, and it must be fair.
    _LITE: f"WITH due AS ({_some_of_each(_LITE)}) "
    + _taking(_LITE, "id IN (SELECT id FROM due) AND (SELECT count(*) FROM due) <= ?"),
    _POST: f"WITH due AS MATERIALIZED ({_some_of_each(_POST)}), free AS MATERIALIZED ("
    " SELECT id FROM executors_runs WHERE id = ANY (ARRAY(SELECT id FROM due)) AND due_at <= %s::timestamptz"
    " AND (SELECT count(*) FROM due) <= %s FOR UPDATE SKIP LOCKED) "
    + _taking(_POST, "id = ANY (ARRAY(SELECT id FROM free))"),
}
TAKE_BEGUN: Texts = _taking_first(_BEGUN.replace("{priority}", "{mark}"))
# Priority orders the runs of one project: its place among the others does not depend on what it says.
TAKE_NEW: Texts = _taking_first(_NEW.replace("{priority}", "{mark}") + " AND project = {mark}")
HEADS: Texts = {
    # One look at the head of each class: begun before new, then by priority.
    dialect: " UNION ALL ".join(
        f"SELECT {int(template is _NEW)}, {priority}, (SELECT due_at FROM executors_runs WHERE"
        f" {template.format(priority=priority, time=_TIME[dialect])} ORDER BY {order} LIMIT 1)"
        for template, order in ((_BEGUN, "due_at"), (_NEW, "project"))
        for priority in PRIORITIES
    )
    for dialect in (_LITE, _POST)
}
NEXT: Texts = {
    dialect: " UNION ALL ".join(
        "SELECT * FROM (SELECT due_at FROM executors_runs WHERE fence > 0 AND due_at IS NOT NULL"
        f" AND priority = {priority} AND due_at > {_TIME[dialect]} ORDER BY due_at LIMIT 1) AS part"
        for priority in PRIORITIES
    )
    for dialect in (_LITE, _POST)
}


def _next_waiting(after: str) -> str:
    """Return the query for the first project after another that has runs which nobody has begun."""
    # By order and limit: what a plan makes of a minimum may read the whole backlog.
    firsts = " UNION ALL ".join(
        "SELECT (SELECT project FROM executors_runs WHERE fence = 0 AND due_at IS NOT NULL"
        f" AND priority = {priority} AND project > {after} ORDER BY project LIMIT 1) AS project"
        for priority in PRIORITIES
    )
    return f"SELECT min(project) FROM ({firsts}) AS firsts"


WAITING: Texts = {
    # Jumps from project to project along the index, once for each priority; of each project, how many
    # of its runs are being driven.
    dialect: f"""
    WITH RECURSIVE waiting (project) AS (
      {_next_waiting(mark)}
      UNION ALL
      SELECT ({_next_waiting("waiting.project")})
      FROM waiting WHERE waiting.project IS NOT NULL
    )
    SELECT project, (
      SELECT count(*) FROM executors_runs AS held WHERE held.owner <> '' AND held.project = waiting.project)
    FROM waiting WHERE project IS NOT NULL LIMIT {mark}
    """
    for dialect, mark in _MARK.items()
}

# ------------------------------------------------------------------------------------- save

KEEP: Texts = {
    _LITE: "UPDATE executors_runs SET seq = ?, state = ?, step = ?, attempts = ?, message = ?,"
    # What a run came to is no longer so once it is tried again.
    " next_attempt_at = ?, outputs = NULL, facts = NULL, ended_at = NULL"
    " WHERE id = ? AND fence = ? AND seq = ? AND mail = ? RETURNING 1"
}
RELEASE: Texts = {
    _LITE: "UPDATE executors_runs SET seq = ?, state = ?, step = ?, attempts = ?, message = ?,"
    " next_attempt_at = ?, owner = '', due_at = ?, outputs = ?, facts = ?, ended_at = ?"
    " WHERE id = ? AND fence = ? AND seq = ? AND mail = ? RETURNING 1"
}
SAVE: Texts = {
    _POST: f"""
    WITH given AS MATERIALIZED (
      SELECT * FROM jsonb_to_recordset(%s::jsonb) AS given (
        id text, fence int, seq int, mail int, last int, state text, step text, attempts int,
        message text, next_attempt_at timestamptz, releases bool, due_at timestamptz, outputs jsonb,
        facts jsonb, ended_at timestamptz, entries jsonb, told jsonb)
    ), saved AS (
      UPDATE executors_runs AS run SET seq = given.last, state = given.state, step = given.step,
        attempts = given.attempts, message = given.message, next_attempt_at = given.next_attempt_at,
        owner = CASE WHEN given.releases THEN '' ELSE run.owner END,
        due_at = CASE WHEN given.releases THEN given.due_at ELSE run.due_at END,
        outputs = given.outputs, facts = given.facts, ended_at = given.ended_at
      FROM given
      WHERE run.id = ANY (%s) AND run.id = given.id AND run.fence = given.fence
        AND run.seq = given.seq AND run.mail = given.mail
      RETURNING run.id, run.project, given.entries, given.told
    ), journal AS (
      INSERT INTO executors_run_events (run_id, seq, project, type, body)
      SELECT saved.id, new.seq, saved.project, new.type, new.body
      FROM saved, jsonb_to_recordset(saved.entries) AS new (seq int, type text, body jsonb)
    ), told AS (
      {events.inserted_from("saved, jsonb_to_recordset(saved.told)")}
    )
    SELECT id FROM saved
    """
}
