"""Makes one outcome of what all policies said.

Called by `Admission` with the raw sets of any engine, so that all engines combine alike.
One denial denies: a contract's policy can therefore only tighten what the organisation
allows, whatever it says. An entry that an author got wrong still denies. Texts are
strangers' texts: they are cut to length and stripped of what could move a terminal's
cursor or a reader's eye, and they come in an order that does not depend on the engine.
"""

import json
import unicodedata
from collections.abc import Callable, Iterable, Mapping

from catalog.digest import Json
from policy.decision import Action, Outcome, Result
from policy.engine import RawSets

MAX_RESULTS = 200
MAX_TEXT = 500
MAX_RULE = 80
NO_REASON = "the policy gives no reason"
_HIDDEN = (
    "Cc",
    "Cf",
    "Cs",
    "Co",
    "Cn",
    "Zl",
    "Zp",
)  # controls, direction marks, halves of pairs, line breaks


def results(sets: Mapping[str, RawSets], mask: Callable[[str], str] = str) -> tuple[Result, ...]:
    """Return what the policies have to say, denials first, in a stable order.

    When there are too many, the last are left out; denials are never left out for warnings.

    Args:
        mask: takes secrets out of a text; applied first, or a cut could leave half of one.
    """
    found = {
        _result(policy, action, entry, mask)
        for policy, raw in sets.items()
        for action, entries in ((Action.DENY, raw.deny), (Action.WARN, raw.warn))
        for entry in entries
    }
    return tuple(sorted(found, key=_order)[:MAX_RESULTS])


def outcome(found: Iterable[Result]) -> Outcome:
    """Return deny when anything denies."""
    return Outcome.DENY if any(result.action is Action.DENY for result in found) else Outcome.ALLOW


def clean(text: str, length: int = MAX_TEXT) -> str:
    """Return one line of visible text, at most so long."""
    shown = "".join(
        " " if unicodedata.category(letter) in _HIDDEN else letter for letter in text[: length * 2]
    )
    line = " ".join(shown.split())
    return line if len(line) <= length else line[: length - 1] + "…"


def _result(policy: str, action: Action, entry: Json, mask: Callable[[str], str]) -> Result:
    members = entry if isinstance(entry, Mapping) else {"msg": entry}

    def text(name: str, length: int = MAX_TEXT) -> str:
        value = members.get(name)
        shown = value if isinstance(value, str) else "" if value is None else _json(value)
        return clean(mask(shown), length)

    path = text("path")
    return Result(
        policy=policy,
        rule=text("id", MAX_RULE) or str(action),
        action=action,
        message=text("msg") or NO_REASON,
        path=path if path.startswith("/") else "",
        remediation=text("remediation"),
    )


def _json(value: Json) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    except RecursionError:
        return ""  # no text for people; that it denies does not depend on it


def _order(result: Result) -> tuple[str, ...]:
    return (str(result.action), result.policy, result.rule, result.path, result.message, result.remediation)
