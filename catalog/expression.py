"""Expressions in documents that strangers wrote: CEL, the Common Expression Language.

The one door to the CEL library. An expression is admitted only within static limits (length,
nesting, comprehensions, patterns), because its cost is paid by whoever runs it; and how much
work it is over the values at hand is bounded again before each evaluation. It has no time, no
randomness and no effects, so that the same values give the same answer in every replay.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import isfinite
from typing import Any

import cel

from catalog.digest import Json, JsonObject
from catalog.expression_patterns import pattern_cost
from catalog.expression_work import COMPREHENSIONS, TooMuch, work

MAX_LENGTH = 1_000
MAX_DEPTH = 12
MAX_COMPREHENSIONS = 4
MAX_NESTED = 2
"""So many comprehensions may stand in one another; each walks a whole list for every element."""

MAX_PATTERNS = 1_000
"""What its patterns come to at most; see `catalog.expression_patterns`."""

FUNCTIONS = frozenset(
    {"size", "contains", "startsWith", "endsWith", "matches", "has", "all", "exists", "exists_one", "map"}
    | {"filter", "int", "uint", "double", "string", "bool", "bytes", "type", "dyn", "timestamp", "duration"}
    | {"getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getHours"}
    | {"getMinutes", "getSeconds", "getMilliseconds"}
)

_TOKENS = re.compile(
    r"""//[^\n]*"""
    r"""|(?:[bB]?[rR]|[rR][bB])(?:\"{3}.*?\"{3}|'{3}.*?'{3}|"[^"]*"|'[^']*')"""  # raw: nothing is escaped
    r"""|[bB]?(?:\"{3}(?:\\.|[^\\])*?\"{3}|'{3}(?:\\.|[^\\])*?'{3}|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')"""
    r"""|[A-Za-z_][A-Za-z0-9_]*|[0-9][A-Za-z0-9.]*|\S""",
    re.DOTALL,
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_WORDS = frozenset({"true", "false", "null", "in"})
_LITERAL = re.compile(r"""([rR]?)(\"{3}|'{3}|"|')(.*)\2\Z""", re.DOTALL)
_PLAIN_TEXT = re.compile(r"""(["'])([A-Za-z0-9_-]+)\1\Z""")
_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")


class Unanswerable(Exception):
    """The expression has no answer over these values; the message holds none of them."""


class Unfit(Unanswerable):
    """The expression cannot be admitted; `code` is stable.

    One that was admitted by an earlier release and is not any more has no answer, whatever the values.
    """

    def __init__(self, code: str, message: str, fix: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.fix = fix


@dataclass(frozen=True, slots=True)
class Expression:
    """An admitted expression.

    Attributes:
        roots: the names that it takes from outside.
        paths: what follows each root where it is written out: `("steps", "build", "outputs")`.
        tokens: what it is made of, if its work may be more than reading its values once.
    """

    text: str
    roots: frozenset[str]
    paths: tuple[tuple[str, ...], ...]
    tokens: tuple[str, ...]
    program: Any

    def holds(self, roots: JsonObject) -> bool:
        """Return whether it is true.

        Raises:
            Unanswerable: it is not true or false, a value is missing or of another type.
        """
        answer = self._answer(roots)
        if not isinstance(answer, bool):
            raise Unanswerable("it is neither true nor false")
        return answer

    def value(self, roots: JsonObject) -> Json:
        """Return what it comes to.

        Raises:
            Unanswerable: it comes to nothing that JSON has, a value is missing or of another type.
        """
        answer = self._answer(roots)
        if not _is_json(answer):
            raise Unanswerable("it comes to something that JSON does not have")
        return _plain(answer)

    def _answer(self, roots: JsonObject) -> Any:
        values = {name: _plain(roots[name]) for name in self.roots if name in roots}
        try:
            if self.tokens:
                work(self.tokens, values)
            return self.program.execute(values)
        except TooMuch as error:
            raise Unanswerable(str(error)) from error
        except KeyError as error:
            raise Unanswerable("it asks for a field that is not there") from error
        except (TypeError, ValueError, ArithmeticError, LookupError, RuntimeError) as error:
            raise Unanswerable("it cannot be worked out over these values") from error


@lru_cache(maxsize=1024)
def expression(text: str) -> Expression:
    """Return an admitted expression.

    Raises:
        Unfit: it is too long, too costly, or no CEL.
    """
    if len(text) > MAX_LENGTH:
        raise Unfit("expression_too_long", f"an expression has at most {MAX_LENGTH} characters", "shorten it")
    tokens = [match.group() for match in _TOKENS.finditer(text)]
    tokens = [token for token in tokens if not token.startswith("//")]
    walks = _check_cost(tokens)
    try:
        program = cel.compile(text)
    except ValueError as error:
        raise Unfit("expression_syntax", "this is not an expression in CEL", "correct it") from error
    bound = _bound(tokens)
    paths = tuple(path for path in _paths(tokens) if path[0] not in bound)
    roots = frozenset(program.variables()) - bound
    return Expression(text, roots, paths, tuple(tokens) if walks or "+" in tokens else (), program)


def _check_cost(tokens: Sequence[str]) -> int:
    """Return how many comprehensions there are, unless anything is too deep or too much."""
    depth, walks, walked, deepest, patterns = 0, 0, list[bool](), 0, 0
    for place, token in enumerate(tokens):
        if token in _OPENING:
            is_walk = place > 1 and _is_comprehension(tokens, place)
            walked.append(is_walk)
            walks += is_walk
            depth += 1
            deepest = max(deepest, sum(walked))
        elif token in _CLOSING and walked:
            walked.pop()
            depth -= 1
        elif _is_call(tokens, place):
            _check_call(token)
            patterns += _pattern_cost(tokens, place, is_walked=any(walked))
        if depth > MAX_DEPTH:
            raise Unfit("expression_too_deep", f"it nests more than {MAX_DEPTH} levels", "flatten it")
    if walks > MAX_COMPREHENSIONS or deepest > MAX_NESTED:
        message = f"at most {MAX_COMPREHENSIONS} lists are walked, and {MAX_NESTED} within one another"
        raise Unfit("expression_too_costly", message, "split the step, or prepare the list before it")
    if patterns > MAX_PATTERNS:
        message = f"its patterns come to more than {MAX_PATTERNS} characters when repetitions are written out"
        raise Unfit("expression_too_costly", message, r"repeat fewer times, and write [a-z0-9_] for \w")
    return walks


def _pattern_cost(tokens: Sequence[str], place: int, *, is_walked: bool) -> int:
    """Return what the pattern of a `matches` comes to, which is made ready anew at each use; else 0."""
    if tokens[place] != "matches":
        return 0
    if is_walked:
        message = "matches does not stand inside all, exists, exists_one, filter or map"
        raise Unfit("expression_too_costly", message, "use startsWith, endsWith or contains there")
    is_alone = "".join(tokens[place + 1 : place + 4 : 2]) == "()"
    literal = _LITERAL.match(tokens[place + 2]) if is_alone else None
    cost = pattern_cost(literal[3], is_raw=bool(literal[1])) if literal is not None else None
    if cost is None:
        message = "matches takes a pattern that is written out, with no flag but (?i) and no [ within [ ]"
        raise Unfit("expression_too_costly", message, "write it like x.matches('^[a-z]{1,20}$')")
    return cost


def _is_comprehension(tokens: Sequence[str], place: int) -> bool:
    """Say whether a bracket opens what a comprehension does with each element."""
    return tokens[place] == "(" and tokens[place - 1] in COMPREHENSIONS and tokens[place - 2] == "."


def _is_call(tokens: Sequence[str], place: int) -> bool:
    follows = tokens[place + 1] if place + 1 < len(tokens) else ""
    return follows == "(" and _NAME.match(tokens[place]) is not None and tokens[place] not in _WORDS


def _check_call(name: str) -> None:
    if name not in FUNCTIONS:
        known = ", ".join(sorted(FUNCTIONS))
        raise Unfit("unknown_function", f"there is no function {name[:40]}", f"use one of {known}")


def _bound(tokens: Sequence[str]) -> frozenset[str]:
    """Return the names that comprehensions give to their elements."""
    places = range(2, len(tokens) - 1)
    return frozenset(tokens[place + 1] for place in places if _is_comprehension(tokens, place))


def _paths(tokens: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for place, token in enumerate(tokens):
        is_root = _NAME.match(token) is not None and token not in _WORDS and not _is_call(tokens, place)
        if is_root and (place == 0 or tokens[place - 1] != ".") and not _is_field_name(tokens, place):
            yield (token, *_following(tokens, place + 1))


def _is_field_name(tokens: Sequence[str], place: int) -> bool:
    """Say whether a name is the key of a written-out message, which CEL allows without quotes."""
    before = tokens[place - 1] if place else ""
    after = tokens[place + 1] if place + 1 < len(tokens) else ""
    return before in ("{", ",") and after == ":" and "?" not in tokens[:place]


def _following(tokens: Sequence[str], place: int) -> Iterator[str]:
    """Yield the names that follow a root, written `.name` or `["name"]`."""
    while place + 1 < len(tokens):
        if tokens[place] == "." and _NAME.match(tokens[place + 1]) and not _is_call(tokens, place + 1):
            yield tokens[place + 1]
            place += 2
        elif tokens[place] == "[" and (plain := _PLAIN_TEXT.match(tokens[place + 1])):
            yield plain[2]
            place += 3
        else:
            return


def _plain(value: Json) -> Json:
    """Return a value of plain dicts and lists; the library takes nothing else."""
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(part) for part in value]
    return value


def _is_json(value: object) -> bool:
    if isinstance(value, Mapping):
        return all(isinstance(name, str) and _is_json(part) for name, part in value.items())
    if isinstance(value, list):
        return all(map(_is_json, value))
    return (
        value is None or isinstance(value, bool | int | str) or (isinstance(value, float) and isfinite(value))
    )
