"""A Rego module taken apart: its package, its rules, and which names each rule may use.

Both engines of the field forgive a misspelt name in their own way; the embedded one reads
it as "undefined", and a denial that is undefined denies nothing. `policy.lint` therefore
asks here for every name that nobody declared. Declared means: bound by `:=`, `some`,
`every` or as a parameter, within brackets that enclose the use. Variables that spring up
from an index (`xs[i]` without `some i`) are not in the portable subset.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from policy.tokens import Kind, Token, tokens

KEYWORDS = frozenset(
    {"as", "contains", "default", "else", "every", "false", "if", "import", "in", "not", "null", "package"}
    | {"some", "true", "with"}
)
_OPEN = {"(": ")", "[": "]", "{": "}"}
_ROOT = -1


@dataclass(frozen=True, slots=True)
class Statement:
    """Words that belong together: the package line, an import, or one rule with its body."""

    words: tuple[Token, ...]

    @property
    def first(self) -> Token:
        """Return the word it begins with."""
        return self.words[0]

    @property
    def name(self) -> str:
        """Return the rule's name; for the others the keyword."""
        is_default = self.first.text == "default" and len(self.words) > 1
        return self.words[1].text if is_default else self.first.text


@dataclass(frozen=True, slots=True)
class ParsedModule:
    """A module's statements in order."""

    statements: tuple[Statement, ...]

    @property
    def rules(self) -> tuple[Statement, ...]:
        """Return what is neither the package line nor an import."""
        return tuple(part for part in self.statements if not part.first.is_name("package", "import"))

    @property
    def rule_names(self) -> frozenset[str]:
        """Return the names that rules have here."""
        return frozenset(rule.name for rule in self.rules)

    def declares_set(self, name: str) -> bool:
        """Say whether a rule of this name adds to a set: `deny contains …`."""
        return any(len(rule.words) > 1 and rule.name == name and is_set_rule(rule) for rule in self.rules)


def parse_module(source: str) -> ParsedModule:
    """Return the module's statements; each begins in the first column, as `opa fmt` writes them.

    Raises:
        UnreadableError: where the text holds something that is no Rego word.
    """
    statements: list[list[Token]] = []
    depth = 0
    for word in tokens(source):
        begins = depth == 0 and word.column == 1 and word.kind is Kind.NAME and word.text != "else"
        if begins or not statements:
            statements.append([])
        statements[-1].append(word)
        depth += _depth_change(word)
    return ParsedModule(tuple(Statement(tuple(words)) for words in statements))


def is_set_rule(rule: Statement) -> bool:
    """Say whether a rule's head is `name contains …`."""
    return rule.words[1].is_name("contains") and rule.first.text != "default"


def dotted(words: Sequence[Token], index: int) -> tuple[str, int]:
    """Return the path `a.b.c` that begins at a name, and the index after it."""
    parts = [words[index].text]
    index += 1
    while index + 1 < len(words) and words[index].is_sign(".") and words[index + 1].kind is Kind.NAME:
        parts.append(words[index + 1].text)
        index += 2
    return ".".join(parts), index


def is_base(words: Sequence[Token], index: int) -> bool:
    """Say whether a word is a name that stands for itself, not a key after a dot."""
    return words[index].kind is Kind.NAME and not (index > 0 and words[index - 1].is_sign("."))


def undeclared(rule: Statement) -> Iterator[Token]:
    """Yield the base names within a rule that neither a keyword nor the rule itself explains.

    Names of rules, imports and functions are among them; the caller knows those.
    """
    scopes = _Scopes(rule.words)
    for index, word in enumerate(rule.words):
        if is_base(rule.words, index) and word.text not in KEYWORDS and not scopes.knows(index, word.text):
            yield word


@dataclass(slots=True)
class _Scopes:
    """Which names are declared within which brackets of a rule."""

    words: tuple[Token, ...]
    partner: dict[int, int] = field(default_factory=dict)
    group_of: list[int] = field(default_factory=list)
    parent_of: dict[int, int] = field(default_factory=lambda: {_ROOT: _ROOT})
    declared: dict[int, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._pair()
        self._nest()
        self._declare_parameters()
        body = self._body_start()
        for index, word in enumerate(self.words):
            if word.is_name("some", "every"):
                self._declare_iterated(index)
            elif word.is_sign(":=") and (index > body or self.group_of[index] != _ROOT):
                self._declare_assigned(index)

    def knows(self, index: int, name: str) -> bool:
        if name == "_":
            return True
        group = self.group_of[index]
        while name not in self.declared.get(group, ()):
            if group == _ROOT:
                return False
            group = self.parent_of[group]
        return True

    def _pair(self) -> None:
        waiting: list[int] = []
        for index, word in enumerate(self.words):
            if word.is_sign(*_OPEN):
                waiting.append(index)
            elif word.is_sign(*_OPEN.values()) and waiting:
                opening = waiting.pop()
                self.partner |= {opening: index, index: opening}

    def _nest(self) -> None:
        # A rule's own body is one scope with its head, which uses what the body binds.
        group, open_groups = _ROOT, list[int]()
        for index, word in enumerate(self.words):
            if word.is_sign(*_OPEN):
                self.group_of.append(group)
                open_groups.append(group)
                is_body = group == _ROOT and index > 0 and self.words[index - 1].is_name("if", "else")
                if not is_body:
                    self.parent_of[index] = group
                    group = index
            elif word.is_sign(*_OPEN.values()) and open_groups:
                group = open_groups.pop()
                self.group_of.append(group)
            else:
                self.group_of.append(group)

    def _body_start(self) -> int:
        roots = (i for i, w in enumerate(self.words) if w.is_name("if") and self.group_of[i] == _ROOT)
        return next(roots, len(self.words))

    def _declare_parameters(self) -> None:
        is_function = len(self.words) > 1 and self.words[1].is_sign("(")
        if is_function and self.words[1].start == self.words[0].end:
            self._declare_names(1, self.partner.get(1, 1), _ROOT)

    def _declare_iterated(self, index: int) -> None:
        group, place = self.group_of[index], index + 1
        while place < len(self.words) and not self.words[place].is_name("in"):
            end = max(place, self.partner.get(place, place))
            self._declare_names(place, end, group)
            place = end + 1
            if place >= len(self.words) or not self.words[place].is_sign(","):
                return
            place += 1

    def _declare_assigned(self, index: int) -> None:
        before = index - 1
        self._declare_names(min(before, self.partner.get(before, before)), before, self.group_of[index])

    def _declare_names(self, start: int, end: int, group: int) -> None:
        names = {
            self.words[i].text
            for i in range(max(start, 0), end + 1)
            if is_base(self.words, i) and self.words[i].text not in KEYWORDS
        }
        self.declared.setdefault(group, set()).update(names)


def _depth_change(word: Token) -> int:
    if word.kind is not Kind.SIGN:
        return 0
    return (word.text in _OPEN) - (word.text in _OPEN.values())


def mentions(rules: Sequence[Statement]) -> Mapping[str, frozenset[str]]:
    """Return which rules each rule mentions, itself included when its body does, by name."""
    names = {rule.name for rule in rules}
    found: dict[str, set[str]] = {name: set() for name in names}
    for rule in rules:
        head = rule.words[1] if rule.first.text == "default" else rule.first
        found[rule.name].update(w.text for w in undeclared(rule) if w.text in names and w is not head)
    return {name: frozenset(others) for name, others in found.items()}
