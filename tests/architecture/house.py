"""The numbers and names that the source is held to.

Each rule takes measured modules and returns its complaints, one line each; an empty answer
means that the rule holds. `test_numbers` applies them to this tree and `test_planted_numbers`
to a tree in which each is broken on purpose.

The numbers are what well-kept projects of this kind keep to; a median and a tail are held as
well as a cap, because the tail is where readers get lost.
"""

import math
import re
import statistics
from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePosixPath

from tests.architecture.measure import Class, Function, Module

Rule = Callable[[Sequence[Module]], list[str]]

FILE_MEDIAN, FILE_P90, FILE_CAP = 150, 320, 500
FUNCTION_MEDIAN, FUNCTION_P90, FUNCTION_CAP = 9, 30, 60
STUB_LINES = 2
POSITIONAL_CAP = 5
DOCUMENTED_SHARE = 0.9
IGNORES_PER_1000_LINES = 1.0
BROAD_EXCEPTS = 12

VAGUE_WORDS = frozenset(
    {"base", "common", "data", "handler", "handlers", "helper", "helpers", "info", "job", "jobs"}
    | {"manager", "managers", "misc", "process", "processes", "util", "utils"}
)
SHADOWING_NAMES = frozenset({"celery", "git", "platform", "queue"})
VAGUE_CLASS = re.compile(r"(Manager|Helper|Util|Utils|Handler|Data|Info|Process|Job|Service)$")


def files_are_short(modules: Sequence[Module]) -> list[str]:
    """Complain about files beyond the cap."""
    return [f"{m.path}: {m.lines} lines, cap {FILE_CAP}" for m in modules if m.lines > FILE_CAP]


def most_files_are_shorter(modules: Sequence[Module]) -> list[str]:
    """Complain when files are long as a rule."""
    sizes = [module.lines for module in modules]
    return list(_spread("file", sizes, FILE_MEDIAN, FILE_P90))


def functions_are_short(modules: Sequence[Module]) -> list[str]:
    """Complain about functions beyond the cap."""
    return [
        f"{module.path}:{function.at} {function.name}: {function.lines} lines, cap {FUNCTION_CAP}"
        for module in modules
        for function in module.functions
        if function.lines > FUNCTION_CAP
    ]


def most_functions_are_shorter(modules: Sequence[Module]) -> list[str]:
    """Complain when functions are long as a rule; stubs would flatter and are left out."""
    sizes = [f.lines for module in modules for f in module.functions if f.lines > STUB_LINES]
    return list(_spread("function", sizes, FUNCTION_MEDIAN, FUNCTION_P90))


def functions_take_few_positions(modules: Sequence[Module]) -> list[str]:
    """Complain about calls that a reader would have to count."""
    return [
        f"{module.path}:{function.at} {function.name}: {function.positional} positional parameters"
        for module in modules
        for function in module.functions
        if function.positional > POSITIONAL_CAP and not function.excuse
    ]


def modules_are_documented(modules: Sequence[Module]) -> list[str]:
    """Complain about files that do not say what they are."""
    return [f"{module.path}: no module docstring" for module in modules if not module.is_documented]


def public_names_are_documented(modules: Sequence[Module]) -> list[str]:
    """Complain when too many public functions and classes lack a docstring, and name them."""
    public = [
        (f"{module.path}:{named.at} {named.name}", named.is_documented)
        for module in modules
        for named in _definitions(module)
        if named.is_public and not named.name.startswith("__")
    ]
    bare = [place for place, is_documented in public if not is_documented]
    enough = len(public) - len(bare) >= DOCUMENTED_SHARE * len(public)
    return [] if enough else [f"{place}: no docstring" for place in bare]


def type_ignores_are_rare(modules: Sequence[Module]) -> list[str]:
    """Complain when the type checker is silenced more than now and then."""
    ignores = [f"{module.path}:{at}" for module in modules for at in module.type_ignores]
    allowed = max(1.0, sum(m.lines for m in modules) / 1000 * IGNORES_PER_1000_LINES)
    return [] if len(ignores) <= allowed else [f"{place}: one type ignore too many" for place in ignores]


def type_ignores_say_why(modules: Sequence[Module]) -> list[str]:
    """Complain about a silenced type checker without code or reason."""
    reasoned = re.compile(r"type:\s*ignore\[[\w, -]+\]\s*[-#]+\s*\S+")
    return [
        f"{module.path}:{at}: {text}: needs a code and a reason"
        for module in modules
        for at, text in module.type_ignores.items()
        if not reasoned.search(text)
    ]


def broad_excepts_are_argued(modules: Sequence[Module]) -> list[str]:
    """Complain about bare excepts, broad ones without a comment, and too many of them."""
    clauses = [
        (f"{module.path}:{clause.at}", clause) for module in modules for clause in module.broad_excepts
    ]
    faults = [f"{place}: bare except" for place, clause in clauses if clause.is_bare]
    faults += [f"{place}: broad except without a reason" for place, clause in clauses if not clause.reason]
    if len(clauses) > BROAD_EXCEPTS:
        faults += [f"{place}: one of {len(clauses)} broad excepts" for place, _ in clauses]
    return faults


def imports_stand_on_top(modules: Sequence[Module]) -> list[str]:
    """Complain about imports inside functions: they hide an edge of the import graph."""
    return [f"{module.path}:{at}: import in a function" for module in modules for at in module.inner_imports]


def names_say_something(modules: Sequence[Module]) -> list[str]:
    """Complain about names under which anything could stand."""
    return [complaint for module in modules for complaint in _name_complaints(module)]


def _definitions(module: Module) -> tuple[Function | Class, ...]:
    return (*module.functions, *module.classes)


def _name_complaints(module: Module) -> Iterator[str]:
    path = PurePosixPath(module.path)
    if VAGUE_WORDS & set(path.stem.split("_")) or path.stem.endswith("_service"):
        yield f"{path}: vague module name"
    if path.stem in SHADOWING_NAMES and path.parent.name != "steps":
        yield f"{path}: module named like something else"
    for named in module.classes:
        serves_http = named.name.endswith("Handler") and path.parts[0] == "platform_api"
        if VAGUE_CLASS.search(named.name) and not serves_http:
            yield f"{path}:{named.at} {named.name}: vague class name"
    for function in module.functions:
        if function.name.startswith("do_"):
            yield f"{path}:{function.at} {function.name}: vague function name"


def _spread(what: str, sizes: list[int], median: int, p90: int) -> Iterator[str]:
    if not sizes:
        return
    middle, tail = statistics.median(sizes), sorted(sizes)[math.ceil(0.9 * len(sizes)) - 1]
    if middle > median:
        yield f"the median {what} has {middle:g} lines, more than {median}"
    if tail > p90:
        yield f"one {what} in ten has {tail} lines or more, which is more than {p90}"


SOURCE_RULES: tuple[Rule, ...] = (
    files_are_short,
    most_files_are_shorter,
    functions_are_short,
    most_functions_are_shorter,
    functions_take_few_positions,
    modules_are_documented,
    public_names_are_documented,
    type_ignores_are_rare,
    type_ignores_say_why,
    broad_excepts_are_argued,
    imports_stand_on_top,
    names_say_something,
)

# Tests take fixtures for parameters and name their claims, so only these fit them.
TEST_RULES: tuple[Rule, ...] = (
    files_are_short,
    functions_are_short,
    modules_are_documented,
    type_ignores_say_why,
    broad_excepts_are_argued,
    imports_stand_on_top,
)
