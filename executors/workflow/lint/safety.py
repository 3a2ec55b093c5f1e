"""Rules about what keeps a step safe: an undo, a limit, a key, a look, an end of waiting.

Each looks at single steps. What a step kind does is taken from what it says of itself; a
kind that is not installed here is taken to change things.
"""

from collections.abc import Iterator
from typing import Any

from catalog.schema import escape
from executors.workflow.lint.rule import Hit, Page, Rule, Severity, arguments_of, changes_things

_KEEPS = frozenset({"delete", "observe", "update", "repair"})
"""Operations on what is in use already: an undo would take it away from whoever uses it."""

_TAKES_AWAY = ("delete", "drop", "destroy", "remove", "revoke")
_QUICK = frozenset({"files.render"})  # works on texts in memory alone
_ANEW = ("POST", "PATCH")
_KEY_HEADER = "idempotency-key"


def _no_compensation(page: Page) -> Iterator[Hit]:
    operations = page.source.operations
    if operations and operations <= _KEEPS:
        return
    final = _final_step(page)
    for pointer, step, kind in page.calls():
        takes_away = str(step["uses"]).rpartition(".")[2].startswith(_TAKES_AWAY)
        if changes_things(kind) and "compensate" not in step and step is not final and not takes_away:
            yield page.hit(pointer, f"{step.get('id')} changes things, and nothing takes that back")


def _final_step(page: Page) -> dict[str, Any] | None:
    """Return the step after which nothing can fail any more, None when there is none."""
    steps = page.source.steps
    needed = {need for index in range(len(steps)) for need in _needs(steps, index)}
    last = [step for step in steps if step.get("id") not in needed]
    return last[0] if len(last) == 1 and not page.is_nested else None


def _needs(steps: list[dict[str, Any]], index: int) -> list[str]:
    named = steps[index].get("needs")
    if isinstance(named, list):
        return [str(need) for need in named]
    return [str(steps[index - 1].get("id"))] if index else []


def _no_timeout(page: Page) -> Iterator[Hit]:
    for pointer, step, _kind in page.calls():
        if "timeout" not in step and step["uses"] not in _QUICK:
            message = f"{step.get('id')} says nothing about how long an attempt may take"
            yield page.hit(pointer, message, "add timeout, such as 30s")
    for pointer, step in page.steps():
        wait = step.get("wait")
        if isinstance(wait, dict) and "signal" in wait and "timeout" not in wait and "deadline" not in step:
            message = f"{step.get('id')} waits for a signal for ever"
            yield page.hit(f"{pointer}/wait", message, "add a timeout to the wait")


def _no_idempotency_key(page: Page) -> Iterator[Hit]:
    for pointer, part in _actions(page):
        arguments = arguments_of(part)
        headers = arguments.get("headers")
        for name in headers if isinstance(headers, dict) else {}:
            if str(name).lower() == _KEY_HEADER:
                message = "a key of each step's own goes out; a call that brings another is refused"
                yield page.hit(f"{pointer}/with/headers/{escape(str(name))}", message, "remove the header")
        if "check" in arguments:
            continue
        if part.get("uses") == "http.call" and arguments.get("method") in _ANEW:
            method = arguments["method"]
            yield page.hit(pointer, f"{method} does it anew unless the server honours Idempotency-Key")
        if part.get("uses") == "command.run":
            message = "it runs anew unless the program honours AVOW_IDEMPOTENCY_KEY"
            yield page.hit(pointer, message, "add check, a command that tells whether it is done")


def _no_check(page: Page) -> Iterator[Hit]:
    for pointer, step in page.steps():
        arguments, method = arguments_of(step), arguments_of(step).get("method")
        if step.get("uses") != "http.call" or method in _ANEW or "check" in arguments:
            continue
        if step.get("on_unknown", "observe") in ("observe", "halt"):
            message = f"when the answer to {step.get('id')} is lost, nobody can tell whether it was done"
            yield page.hit(pointer, message)


def _actions(page: Page) -> Iterator[tuple[str, dict[str, Any]]]:
    for pointer, step in page.steps():
        yield pointer, step
        undo = step.get("compensate")
        if isinstance(undo, dict):
            yield f"{pointer}/compensate", undo


def _no_expiry(page: Page) -> Iterator[Hit]:
    for pointer, step in page.steps():
        asked = step.get("approval")
        if isinstance(asked, dict) and "expires" not in asked and "deadline" not in step:
            message = f"{step.get('id')} waits for people for ever"
            yield page.hit(f"{pointer}/approval", message)


RULES: tuple[Rule[Page], ...] = (
    Rule(
        "no-compensation",
        Severity.WARNING,
        "When a later step fails, the run undoes what was done before it. A step with an effect and no "
        "compensation stays behind: an orphan that nobody looks for.",
        "add compensate; or say in a silencing comment what takes it back",
        _no_compensation,
    ),
    Rule(
        "no-timeout",
        Severity.WARNING,
        "Without a limit of its own a step takes the engine's default, which fits nothing in particular; "
        "a wait for a signal has no default and never ends.",
        "say how long it may take",
        _no_timeout,
    ),
    Rule(
        "no-idempotency-key",
        Severity.WARNING,
        "A call is repeated after a crash or a lost answer, under the same key. Where neither the key nor "
        "a check stops it, the second call has a second effect.",
        "add check, or use PUT at a path of its own",
        _no_idempotency_key,
    ),
    Rule(
        "no-check",
        Severity.WARNING,
        "Whether a call took effect is looked up when its answer is lost. Without a check nobody can "
        "tell, and the run gets stuck until a person comes.",
        "add check; or on_unknown: retry where doing it twice does no harm",
        _no_check,
    ),
    Rule(
        "approval-without-expiry",
        Severity.ERROR,
        "People forget, leave and go on holiday. An approval that never expires holds its run, and all "
        "that the run has made so far, for ever.",
        "add expires, and on_expiry where rejecting is not what should follow",
        _no_expiry,
    ),
)
