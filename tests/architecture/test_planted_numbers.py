"""Each rule of the house catches its violation, and only its violation.

Files are planted in a copy of the real source and the copy is measured, so that a rule which
stopped looking at the tree, or looks at it with one eye, is found out.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.architecture import house
from tests.architecture.house import SOURCE_RULES, Rule
from tests.architecture.measure import measure
from tests.architecture.tree import copy_of_the_source, source_modules

MANY = 400  # enough planted files to move a median of the whole tree
HEAD = '"""A planted module."""\n\n'


def function(lines: int, parameters: str = "", name: str = "planted") -> str:
    """Return a documented function of that many lines beside its docstring."""
    body = "    x = 1\n" * (lines - 1)
    return f'def {name}({parameters}):\n    """Return nothing."""\n{body}\n\n'


def caught(clause: str, comment: str = "") -> str:
    """Return a function with one except clause."""
    return HEAD + f"def f():\n    try:\n        pass\n    {clause}{comment}\n        pass\n"


# What to plant (path and text), and how often.
PLANTS: dict[Rule, tuple[str, str, int]] = {
    house.files_are_short: ("catalog/planted.py", HEAD + "x = 1\n" * 499, 1),
    house.most_files_are_shorter: ("catalog/planted.py", HEAD + "x = 1\n" * 149, MANY),
    house.functions_are_short: ("policy/planted.py", HEAD + function(61), 1),
    house.most_functions_are_shorter: ("policy/planted.py", HEAD + function(10) * 20, MANY),
    house.functions_take_few_positions: ("executors/planted.py", HEAD + function(3, "a, b, c, d, e, f"), 1),
    house.modules_are_documented: ("reconciler/planted.py", "x = 1\n", 1),
    house.public_names_are_documented: ("reconciler/planted.py", HEAD + "def f():\n    pass\n" * 20, MANY),
    house.type_ignores_are_rare: (
        "platform_api/planted.py",
        HEAD + "x = 1  # type: ignore[misc]  # the stub is wrong\n" * 4,
        MANY,
    ),
    house.type_ignores_say_why: ("platform_api/planted.py", HEAD + "x = 1  # type: ignore[misc]\n", 1),
    house.broad_excepts_are_argued: (
        "catalog/planted.py",
        caught("except Exception:", "  # noqa: BLE001"),
        1,
    ),
    house.imports_stand_on_top: ("catalog/planted.py", HEAD + "def f():\n    import os\n", 1),
    house.names_say_something: ("catalog/request_utils.py", HEAD, 1),
}

# The same rules at the last point where they must still be silent.
ALLOWED = {
    "a file at its cap": HEAD + "x = 1\n" * 498,
    "a function at its cap": HEAD + function(60),
    "five parameters by position": HEAD + function(3, "a, b, c, d, e, *, f, g"),
    "a method's receiver": HEAD + 'class A:\n    """A."""\n\n' + "    def f(self, a, b, c, d, e): ...\n",
    "an argued type ignore": HEAD + "x = 1  # type: ignore[misc]  # the stub is wrong\n",
    "an argued broad except": caught(
        "except Exception:", "  # noqa: BLE001 - the loop outlives one bad request"
    ),
    "tidying up and raising again": (
        HEAD + "def f():\n    try:\n        pass\n    except BaseException:\n        pass\n        raise\n"
    ),
    "an argued sixth parameter": (
        HEAD + "def f(a, b, c, d, e, f):  # noqa: PLR0917 - the signature is the library's\n    pass\n"
    ),
    "an ordinary name": HEAD + 'class DataSource:\n    """A."""\n',
}

# Other ways to break the same rules.
ALSO_CAUGHT = {
    "an excuse without a reason": (
        house.functions_take_few_positions,
        HEAD + "def f(a, b, c, d, e, f): ...  # noqa: PLR0917\n",
    ),
    "a bare except": (house.broad_excepts_are_argued, caught("except:", "  # a reason")),
    "a broad except in a tuple": (house.broad_excepts_are_argued, caught("except (OSError, BaseException):")),
    "an ignore without code": (house.type_ignores_say_why, HEAD + "x = 1  # type: ignore  # why\n"),
    "a long nested function": (
        house.functions_are_short,
        HEAD + "def f():\n" + "".join(f"    {line}\n" for line in function(61).splitlines()),
    ),
    "a vague class": (house.names_say_something, HEAD + 'class RequestManager:\n    """A."""\n'),
    "a vague function": (house.names_say_something, HEAD + function(3, name="do_it")),
    "six parameters of a method": (
        house.functions_take_few_positions,
        HEAD + "class A:\n    def f(self, a, b, c, d, e, f): ...\n",
    ),
}


def test_every_rule_has_a_plant() -> None:
    assert set(PLANTS) == set(SOURCE_RULES)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_of_the_source(tmp_path_factory.mktemp("tree"))


@pytest.mark.parametrize("rule", SOURCE_RULES, ids=lambda rule: rule.__name__)
def test_a_planted_violation_is_caught(tree: Path, rule: Rule) -> None:
    name, text, times = PLANTS[rule]
    first = tree / name
    planted = [first, *(first.with_stem(f"{first.stem}_{n}") for n in range(1, times))]
    for path in planted:
        path.write_text(text)
    try:
        complaints = rule(source_modules(tree))
    finally:
        for path in planted:
            path.unlink()
    assert any(first.stem in complaint or "lines, more than" in complaint for complaint in complaints)


@pytest.mark.parametrize(("rule", "text"), ALSO_CAUGHT.values(), ids=ALSO_CAUGHT.keys())
def test_other_shapes_of_a_violation_are_caught(rule: Callable[[object], list[str]], text: str) -> None:
    assert rule([measure("catalog/planted.py", text)]) != []


@pytest.mark.parametrize("text", ALLOWED.values(), ids=ALLOWED.keys())
def test_what_the_numbers_allow_is_left_alone(text: str) -> None:
    module = measure("catalog/planted.py", text)
    per_thing = [rule for rule in SOURCE_RULES if PLANTS[rule][2] == 1]
    assert [complaint for rule in per_thing for complaint in rule([module])] == []
