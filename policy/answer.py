"""Accepts an engine's answer, or nothing.

Both engines hand what they got to `read_answer`. Only an object with exactly the revision
asked for, exactly the policies asked, and a `deny` and a `warn` list for each is an
answer. Everything else (undefined, half, old, of another shape) is the same as silence,
and silence lets nothing through.
"""

import json
from collections.abc import Mapping, Sequence

from catalog.digest import Json
from catalog.errors import Unavailable
from policy.engine import RawSets
from policy.link import Program

RETRY_AFTER_SECONDS = 2.0


def unavailable(reason: str) -> Unavailable:
    """Return the one error for every way of having no decision."""
    return Unavailable(
        "policy_unavailable",
        f"Policy gave no decision: {reason}.",
        fix="try again; see avow doctor when it persists",
        retry_after_seconds=RETRY_AFTER_SECONDS,
    )


def read_answer(answer: Json, program: Program) -> Mapping[str, RawSets]:
    """Return the sets that an answer holds, by policy.

    Raises:
        Unavailable: `policy_unavailable`, when it is anything but a whole answer of this program.
    """
    members = _object(answer, {"revision", "policies"}, "the answer")
    if members["revision"] != program.revision:
        raise unavailable("the answer is of another revision")
    policies = _object(members["policies"], set(program.policies), "the answer's policies")
    return {name: _sets(policies[name]) for name in program.policies}


def strict_json(text: str) -> Json:
    """Return the value that a text stands for, refusing names that stand in an object twice.

    Raises:
        ValueError: when the text is no such JSON.
    """
    try:
        value: Json = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_number)
    except RecursionError as error:
        raise ValueError("it nests too deeply") from error
    return value


def _sets(value: Json) -> RawSets:
    members = _object(value, {"deny", "warn"}, "a policy's answer")
    return RawSets(deny=_list(members["deny"]), warn=_list(members["warn"]))


def _object(value: Json, names: set[str], what: str) -> Mapping[str, Json]:
    if not isinstance(value, Mapping) or set(value) != names:
        raise unavailable(f"{what} has not the agreed shape")
    return value


def _list(value: Json) -> Sequence[Json]:
    if not isinstance(value, list):
        raise unavailable("deny and warn are not both sets")
    return tuple(value)


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name stands here twice")
    return members


def _no_number(constant: str) -> float:
    raise ValueError(constant)
