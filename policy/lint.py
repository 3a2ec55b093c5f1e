"""Says what is wrong with a policy before anybody depends on it.

`check_module` runs at publish time and when the organisation's policies are loaded, in
addition to the engine's own compiler. It holds authors to a portable subset of Rego v1 in
which both engines answer alike and a slip of the pen is an error instead of a rule that
never fires: known functions, declared names, paths that exist in the input, sets for
`deny` and `warn`. What it refuses, it refuses with the line and the way out.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import islice

from catalog.errors import Finding
from policy.capabilities import ALLOWED, refusal
from policy.document import SHAPE
from policy.engine import Module
from policy.rules import (
    ParsedModule,
    Statement,
    dotted,
    is_set_rule,
    mentions,
    parse_module,
    undeclared,
)
from policy.tokens import Kind, Token, UnreadableError

MAX_MODULE_BYTES = 64 * 1024
MAX_STATEMENTS = 500
MAX_WORDS = 1000
MAX_DEPTH = 32
MAX_PATTERN = 200
MAX_FINDINGS = 50
ORGANISATION = "org/"
CONTRACT = "contract"
SETTINGS = "data.avow.settings"
_SETS = ("deny", "warn")
_POLICY_NAME = re.compile(r"org/[a-z][a-z0-9_]{0,62}\Z|contract\Z")
_PLAIN_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]*[1-9])?\Z")
_VERBS = re.compile(r"%[sv%]")
# Lookaround and named groups, classes by property, back references, and a quantifier over
# a group that ends in one: the last is what makes a backtracking engine run for ever, except
# where each round begins with a separator that the rest of it cannot match: ^[a-z]+(-[a-z]+)*$.
_WORDS_IN_ROW = re.compile(r"\((?:[-_/:@,]|\\\.)\[(?:[A-Za-z0-9]-[A-Za-z0-9]|[A-Za-z0-9])+\][*+]\)[*+]")
_BAD_PATTERN = re.compile(r"\(\?|\\[pPAzQ1-9]|[*+}]\??\)[*+{]|\)[*+{][^)]*\)[*+{]")


def check_module(module: Module, settings: Collection[str] = ()) -> tuple[Finding, ...]:
    """Return what is wrong with a module, in the order of its lines.

    Args:
        settings: names that `data.avow.settings` holds; a contract's policy has none.
    """
    if _POLICY_NAME.match(module.policy) is None:
        return (
            _finding(module, 1, "policy_name", "the policy's name is not usable", "use lower-case words"),
        )
    if len(module.source.encode("utf-8", "surrogatepass")) > MAX_MODULE_BYTES:
        return (_finding(module, 1, "policy_too_large", "the module is larger than 64 KiB", "split it"),)
    try:
        parsed = parse_module(module.source)
    except UnreadableError as error:
        message = "there is a character here that the portable subset of Rego does not know"
        return (_finding(module, error.line, "unreadable", message, "use plain strings and operators"),)
    found = tuple(islice(_size(module, parsed), 1)) or tuple(
        islice(_all(module, parsed, settings), MAX_FINDINGS)
    )
    return tuple(sorted(set(found), key=lambda finding: (_line(finding), finding.code, finding.message)))


def package_of(policy: str) -> str:
    """Return the package that a policy's module must name: `avow.policies.naming`, `avow.contract`."""
    return f"avow.policies.{policy.removeprefix(ORGANISATION)}" if policy != CONTRACT else "avow.contract"


def _all(module: Module, parsed: ParsedModule, settings: Collection[str]) -> Iterator[Finding]:
    yield from _head(module, parsed)
    yield from _sets(module, parsed)
    yield from _recursion(module, parsed)
    for rule in parsed.rules:
        yield from _form(module, rule)
        yield from _names(module, rule, parsed, settings)
        yield from _arguments(module, rule)


def _size(module: Module, parsed: ParsedModule) -> Iterator[Finding]:
    # Every later check may then look at a rule as often as it likes.
    if len(parsed.statements) > MAX_STATEMENTS:
        yield _finding(
            module, 1, "policy_too_large", f"there are more than {MAX_STATEMENTS} rules", "split it"
        )
    for part in parsed.statements:
        line, depth = part.first.line, 0
        if len(part.words) > MAX_WORDS:
            yield _finding(module, line, "rule_too_long", f"the rule has over {MAX_WORDS} words", "split it")
        for word in part.words:
            depth += word.is_sign("(", "[", "{") - word.is_sign(")", "]", "}")
            if depth > MAX_DEPTH:
                yield _finding(module, line, "too_deep", f"brackets nest over {MAX_DEPTH} deep", "flatten it")
        if depth != 0:
            yield _finding(module, line, "brackets", "brackets do not match", "close what is open")


def _head(module: Module, parsed: ParsedModule) -> Iterator[Finding]:
    wanted = package_of(module.policy)
    first = parsed.statements[0] if parsed.statements else None
    if first is None or first.first.text != "package" or _path(first) != wanted:
        line = first.first.line if first else 1
        yield _finding(
            module, line, "package", f"the package must be {wanted}", f"begin with: package {wanted}"
        )
    imports = [part for part in parsed.statements if part.first.is_name("import")]
    if "rego.v1" not in map(_path, imports):
        message = "the module does not say that it is written in Rego v1"
        yield _finding(module, 1, "import_rego_v1", message, "add below the package: import rego.v1")
    for part in imports:
        if _path(part) != "rego.v1":
            line, fix = part.first.line, "remove it; write the path out where it is used"
            yield _finding(module, line, "import_refused", "only rego.v1 may be imported", fix)


def _path(statement: Statement) -> str:
    path, end = dotted(statement.words, 1) if len(statement.words) > 1 else ("", 1)
    return path if end == len(statement.words) else ""


def _sets(module: Module, parsed: ParsedModule) -> Iterator[Finding]:
    if not any(map(parsed.declares_set, _SETS)):
        message = "the module defines neither deny nor warn"
        yield _finding(module, 1, "no_rules", message, "write: deny contains {…} if {…}")
    for rule in parsed.rules:
        if rule.name in _SETS and (len(rule.words) < 2 or not is_set_rule(rule)):  # noqa: PLR2004  # a head of one word
            message = f"{rule.name} must be a set here, or it would be read as something else"
            yield _finding(
                module, rule.first.line, "not_a_set", message, f"write: {rule.name} contains … if {{…}}"
            )


def _recursion(module: Module, parsed: ParsedModule) -> Iterator[Finding]:
    graph = mentions(parsed.rules)
    for rule in parsed.rules:
        if rule.name in _reachable(graph, rule.name):
            message = f"the rule {rule.name} leads back to itself"
            yield _finding(module, rule.first.line, "recursion", message, "break the circle")


def _reachable(graph: Mapping[str, Collection[str]], start: str) -> set[str]:
    seen: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += graph[name]
    return seen


def _form(module: Module, rule: Statement) -> Iterator[Finding]:
    depth = 0
    for index, word in enumerate(rule.words):
        before = rule.words[index - 1] if index else None
        if depth == 0 and word.is_sign("{") and _ends_head(before):
            yield _finding(module, word.line, "v0_syntax", "the body lacks its if", "write: … if {")
        if depth == 0 and word.is_name("every"):
            message = "the embedded engine cannot read every outside of a body in braces"
            yield _finding(module, word.line, "every_inline", message, "write: if { every … { … } }")
            return
        depth += word.is_sign("(", "[", "{") - word.is_sign(")", "]", "}")
        yield from _refused_words(module, rule, index)


def _refused_words(module: Module, rule: Statement, index: int) -> Iterator[Finding]:
    word = rule.words[index]
    if word.is_sign("="):
        yield _finding(module, word.line, "unification", "= assigns or compares, as it likes", "use := or ==")
    elif word.is_sign("%"):
        message = "the embedded engine computes wrong remainders (of 30 by 3, for instance)"
        yield _finding(module, word.line, "remainder", message, "have it computed and read input.facts")
    elif word.is_name("with"):
        message = "with is refused: it can end the embedded engine's process"
        yield _finding(module, word.line, "with_refused", message, "test with a table file")
    elif word.kind is Kind.NUMBER and not _PLAIN_NUMBER.match(word.text):
        message = "OPA takes 100.0 for 1, and the engines read exponents differently"
        yield _finding(module, word.line, "number", message, "write the number without .0 and exponent")
    elif word.is_name("some") and rule.words[index - 1].is_sign("|") and _is_pair(rule.words, index):
        message = "the embedded engine cannot read two variables right after the bar"
        yield _finding(module, word.line, "some_pair", message, "write {k: v | some k, v in …} or a rule")


def _ends_head(before: Token | None) -> bool:
    if before is None:
        return False
    is_value = before.kind in (Kind.STRING, Kind.NUMBER, Kind.RAW) or before.is_sign("]", ")")
    return is_value or (
        before.kind is Kind.NAME and before.text not in {"if", "else", "contains", "in", "not"}
    )


def _is_pair(words: Sequence[Token], index: int) -> bool:
    following = words[index + 1 : index + 3]
    is_pair = len(following) == 2 and following[1].is_sign(",")  # noqa: PLR2004  # name and comma
    opening = next((w for w in reversed(words[:index]) if w.is_sign("[", "{")), None)
    is_object = opening is not None and any(w.is_sign(":") for w in words[words.index(opening) : index])
    return is_pair and not is_object


def _names(
    module: Module, rule: Statement, parsed: ParsedModule, settings: Collection[str]
) -> Iterator[Finding]:
    places = {word.start: index for index, word in enumerate(rule.words)}
    for word in undeclared(rule):
        index = places[word.start]
        path, end = dotted(rule.words, index)
        if end < len(rule.words) and rule.words[end].is_sign("(") and _touches(rule.words, end):
            yield from _function(module, word, path, parsed.rule_names)
        elif word.text == "input":
            yield from _input(module, word, path, rule.words[end : end + 1])
        elif word.text == "data":
            yield from _setting(module, word, path, settings)
        elif word.text not in parsed.rule_names:
            known = [*parsed.rule_names, "input", "data"]
            message = f"nothing here is called {word.text}"
            fix = _did_you_mean(word.text, known) or f"declare it: some {word.text} in …, or {word.text} := …"
            yield _finding(module, word.line, "unknown_name", message, fix)


def _touches(words: Sequence[Token], index: int) -> bool:
    return words[index - 1].end == words[index].start


def _function(module: Module, word: Token, path: str, rules: Collection[str]) -> Iterator[Finding]:
    if path in ALLOWED or path in rules:
        return
    known = refusal(path)
    if known is not None:
        yield _finding(module, word.line, "function_refused", f"{path} is refused: {known.reason}", known.fix)
        return
    fix = _did_you_mean(path, [*ALLOWED, *rules]) or "use a function of the portable subset"
    yield _finding(module, word.line, "unknown_function", f"there is no function {path}", fix)


def _input(module: Module, word: Token, path: str, following: Sequence[Token]) -> Iterator[Finding]:
    _root, *keys = path.split(".")
    if not keys:
        if following and following[0].is_sign("["):
            message = "input[…] hides which member is read"
            yield _finding(module, word.line, "input_path", message, "write input.request, input.inputs, …")
        return
    if keys[0] not in SHAPE:
        yield _no_member(module, word, f"input.{keys[0]}", [f"input.{key}" for key in SHAPE])
        return
    members = SHAPE[keys[0]]
    if members is not None and len(keys) > 1 and keys[1] not in members:
        parent = f"input.{keys[0]}"
        yield _no_member(module, word, f"{parent}.{keys[1]}", [f"{parent}.{key}" for key in members])


def _no_member(module: Module, word: Token, path: str, known: Sequence[str]) -> Finding:
    fix = _did_you_mean(path, known) or "use one of " + ", ".join(sorted(known))
    return _finding(module, word.line, "input_path", f"the input has no {path}", fix)


def _setting(module: Module, word: Token, path: str, settings: Collection[str]) -> Iterator[Finding]:
    name = path.removeprefix(f"{SETTINGS}.").partition(".")[0]
    if module.policy == CONTRACT:
        message = "a contract's policy sees its input and nothing else"
        yield _finding(module, word.line, "data_refused", message, "read it from input")
    elif not path.startswith(f"{SETTINGS}."):
        message = f"only {SETTINGS}.… can be read"
        yield _finding(module, word.line, "data_refused", message, "put the value into settings.json")
    elif name not in settings:
        fix = _did_you_mean(name, settings) or "add it to settings.json"
        yield _finding(module, word.line, "unknown_setting", f"settings.json has no {name}", fix)


def _arguments(module: Module, rule: Statement) -> Iterator[Finding]:
    for index, word in enumerate(rule.words):
        if word.kind is not Kind.NAME or (index and rule.words[index - 1].is_sign(".")):
            continue
        path, end = dotted(rule.words, index)
        first = rule.words[end + 1] if end + 1 < len(rule.words) and rule.words[end].is_sign("(") else None
        if (
            path == "sprintf"
            and first is not None
            and (not _is_text(first) or "%" in _VERBS.sub("", first.text))
        ):
            message = "the format must be a literal with %s for text and %v for the rest"
            yield _finding(module, word.line, "format", message, "the engines print other verbs differently")
        if path == "regex.match" and first is not None and not _is_plain_pattern(first):
            message = "the pattern must be a short literal without groups such as (?…), \\p{…}, \\1 or (a+)+"
            yield _finding(module, word.line, "pattern", message, "write a plain pattern between backticks")


def _is_text(word: Token) -> bool:
    return word.kind in (Kind.STRING, Kind.RAW)


def _is_plain_pattern(word: Token) -> bool:
    if not _is_text(word) or len(word.text) > MAX_PATTERN:
        return False
    return not _BAD_PATTERN.search(_WORDS_IN_ROW.sub("", word.text))


def _did_you_mean(word: str, known: Collection[str]) -> str:
    close = get_close_matches(word, sorted(known), n=1)
    return f"did you mean {close[0]}?" if close else ""


def _finding(module: Module, line: int, code: str, message: str, fix: str) -> Finding:
    return Finding(pointer=f"{module.path}:{line}", code=code, message=message, fix=fix)


def _line(finding: Finding) -> int:
    return int(finding.pointer.rpartition(":")[2])
