"""The rule about copies: one control that stands in several workflows.

It needs all workflows of all bundles at once, so it is asked apart from the rules that look
at one. A control is an approval, a condition on who asks, or a look that decides about
another step. The copies after the first are named, each with where the first one is.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from catalog.digest import canonical_json
from executors.port import Effect
from executors.workflow.lint.buried import paths_of
from executors.workflow.lint.rule import Hit, Page, Rule, Severity, arguments_of

_WHO_DECIDES = ("groups", "assignees", "quorum", "evidence")


def copied_controls(pages: Iterable[Page]) -> Iterator[tuple[Page, Hit]]:
    """Yield every control that an earlier workflow has as well."""
    first: dict[bytes, tuple[Page, str]] = {}
    for page in pages:
        found = dict(_controls(page))
        for control, (pointer, what) in found.items():
            if control in first:
                other, step = first[control]
                where = f"{other.folder.shown}{other.source.path}"
                yield page, page.hit(pointer, f"the same {what} stands in {where}, step {step}")
        for control, (pointer, _what) in found.items():
            first.setdefault(control, (page, _id_at(page, pointer)))


def _controls(page: Page) -> Iterator[tuple[bytes, tuple[str, str]]]:
    deciding = _deciding(page)
    for pointer, step in page.steps():
        asked, condition = step.get("approval"), step.get("if")
        if isinstance(asked, dict):
            who = {name: asked[name] for name in _WHO_DECIDES if name in asked}
            yield canonical_json({"approval": who}), (f"{pointer}/approval", "approval")
        if any(path[0] == "request" for path in paths_of(condition)):
            yield canonical_json({"if": " ".join(str(condition).split())}), (f"{pointer}/if", "condition")
        kind = page.kinds.get(str(step.get("uses")))
        if step.get("id") in deciding and kind is not None and kind.effect is Effect.READ:
            look: dict[str, Any] = {"uses": step["uses"], "with": arguments_of(step)}
            yield canonical_json(look), (pointer, "deciding look")


def _deciding(page: Page) -> frozenset[str]:
    read = (path for _, step in page.steps() for path in paths_of(step.get("if")))
    return frozenset(path[1] for path in read if path[0] == "steps" and len(path) > 1)


def _id_at(page: Page, pointer: str) -> str:
    return str(page.source.steps[int(pointer.split("/")[2])].get("id"))


def _nothing(_page: Page) -> Iterator[Hit]:
    return iter(())


RULE: Rule[Page] = Rule(
    "copied-control",
    Severity.WARNING,
    "A control that stands in several workflows is changed in one and forgotten in another. The "
    "organisation's policy is asked for all of them.",
    "make it policy; or put it into one workflow file that the others run",
    _nothing,
)
