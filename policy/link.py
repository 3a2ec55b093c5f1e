"""Makes of a bundle the one program that every engine evaluates.

Each module's package is rewritten to one that carries a digest, so that two versions of a
contract, or two revisions of the organisation's policies, never meet under one name in a
server that several processes share. A generated rule then asks every policy for its sets
and adds the revision: one entry point, the same for all engines, whose answer says by
itself which revision gave it. Rewriting keeps every line where it is.

The organisation's modules are shared by all contracts, and a contract adds exactly one
module: a server compiles everything again for each module that it is given. Nothing a
module needs lies in another one: were it lost there, a rule would be undefined and would
deny nothing, unnoticed. So the settings stand at the end of each module that reads them,
and the generated rule at the end of the contract's, under names that depend on a digest of
that very module, so that no author can define or mention them.
"""

import json
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from catalog.digest import Json, JsonObject, digest
from catalog.errors import Unavailable
from policy.engine import Module, PolicyBundle
from policy.lint import CONTRACT, SETTINGS
from policy.rules import dotted, is_base
from policy.tokens import Kind, Token, UnreadableError, tokens

_SCHEME = 1  # part of every digest: what is linked differently must have another name
_DIGITS = 32


@dataclass(frozen=True, slots=True)
class Text:
    """One module of a program under the name that engines know it by.

    Attributes:
        policy: the policy it belongs to, empty for what was generated.
        path: where the author finds it; line numbers are the same here and there.
    """

    name: str
    policy: str
    path: str
    source: str


@dataclass(frozen=True, slots=True)
class Program:
    """A linked bundle.

    Attributes:
        package: the package of the entry point, dots between its parts.
        rule: the entry point's name in it.
        texts: what to load, the entry point's module last.
    """

    revision: str
    package: str
    rule: str
    policies: tuple[str, ...]
    texts: tuple[Text, ...]


def link(bundle: PolicyBundle) -> Program:
    """Return the program that a bundle amounts to.

    Raises:
        Unavailable: `policy_unavailable`, when a module is no Rego at all.
    """
    mark = "e" + _digits(bundle.revision, _SCHEME)
    entry = f"avow.{mark}"
    texts: list[Text] = []
    asked: dict[str, str] = {}
    source, policy, path = f"package {entry}\n\nimport rego.v1\n", "", "entry"
    for module in bundle.modules:
        own = _digits(module.policy, module.source, bundle.data, _SCHEME)
        package = entry if module.policy == CONTRACT else f"avow.m{own}"
        rewritten = _rewritten(module, package, f"settings_{own}", bundle.data)
        asked[module.policy] = _asked(module, package)
        if module.policy == CONTRACT:
            source, policy, path = rewritten, module.policy, module.path
        else:
            texts.append(Text(f"avow_m{own}", module.policy, module.path, rewritten))
    rule = f"answer_{mark}"
    source = f"{source}\n\n{_entry_rule(rule, bundle.revision, asked)}"
    texts.append(Text(f"avow_{mark}", policy, path, source))
    return Program(bundle.revision, entry, rule, tuple(asked), tuple(texts))


def _digits(*parts: Json) -> str:
    return digest(parts).removeprefix("sha256:")[:_DIGITS]


def _rewritten(module: Module, package: str, settings: str, values: JsonObject) -> str:
    try:
        words = tuple(tokens(module.source))
    except UnreadableError as error:
        raise _not_rego(module, error.line) from error
    if len(words) < 2 or not words[0].is_name("package"):  # noqa: PLR2004  # the keyword and a path
        raise _not_rego(module, 1)
    _path, end = dotted(words, 1)
    reads = _settings_reads(words, settings)
    source = module.source
    for first, last, replacement in reversed([(words[1], words[end - 1], package), *reads]):
        source = source[: first.start] + replacement + source[last.end :]
    # Characters as they are: to the embedded engine an escape is not the character it stands for.
    rule = f"\n\n{settings} := {json.dumps(values, ensure_ascii=False)}\n" if reads else ""
    return source + rule


def _settings_reads(words: Sequence[Token], settings: str) -> list[tuple[Token, Token, str]]:
    found = []
    for index, word in enumerate(words):
        if word.is_name("data") and is_base(words, index):
            path, end = dotted(words, index)
            if path == SETTINGS or path.startswith(f"{SETTINGS}."):
                found.append((word, words[end - 1], settings + path.removeprefix(SETTINGS)))
    return found


def _asked(module: Module, package: str) -> str:
    # A set that nobody mentions would be undefined and undo the whole. One that is mentioned but
    # is no set, or nothing at all, must undo the whole: its author meant to say something.
    mentioned = {word.text for word in tokens(module.source) if word.kind is Kind.NAME}
    deny, warn = (f"data.{package}.{name}" if name in mentioned else "[]" for name in ("deny", "warn"))
    return f'{{"deny": {deny}, "warn": {warn}}}'


def _entry_rule(rule: str, revision: str, asked: dict[str, str]) -> str:
    members = ",\n".join(f"\t\t{json.dumps(policy)}: {sets}" for policy, sets in asked.items())
    return f'{rule} := {{\n\t"revision": {json.dumps(revision)},\n\t"policies": {{\n{members}\n\t}},\n}}\n'


def _not_rego(module: Module, line: int) -> Unavailable:
    message = f"The policy {module.policy} is not readable at line {line}."
    return Unavailable("policy_unavailable", message, fix="publish a contract version with a correct policy")


class Linker:
    """Links each bundle once and remembers the latest; safe for several threads."""

    def __init__(self, remembered: int = 512) -> None:
        self._remembered = remembered
        self._programs: OrderedDict[str, Program] = OrderedDict()
        self._lock = threading.Lock()

    def program(self, bundle: PolicyBundle) -> Program:
        """Return the bundle's program."""
        with self._lock:
            known = self._programs.get(bundle.revision)
            if known is not None:
                self._programs.move_to_end(bundle.revision)
                return known
        program = link(bundle)
        with self._lock:
            self._programs[bundle.revision] = program
            while len(self._programs) > self._remembered:
                self._programs.popitem(last=False)
        return program
