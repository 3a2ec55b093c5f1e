"""Measures Python source: sizes, docstrings, comments and the habits that hide trouble.

Called by the rules in `house`. It states facts about one file and judges nothing, so that
a planted file and a real one are measured alike.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

Definition = ast.FunctionDef | ast.AsyncFunctionDef
Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef

_DIRECTIVE = re.compile(r"#\s*(noqa(:\s*[A-Z0-9, ]+)?|type:\s*ignore(\[[^\]]*\])?|pragma:[^-]*)")


@dataclass(frozen=True, slots=True)
class Function:
    """A function or method.

    Attributes:
        lines: from `def` to its end, without its docstring: explaining is not length.
        positional: parameters that may be passed by position, `self` and `cls` aside.
        excuse: what is written beside the linter's own leave to take more of them.
        is_public: reachable by a name without underscores from outside the module.
    """

    name: str
    at: int
    lines: int
    positional: int
    excuse: str
    is_public: bool
    is_documented: bool


@dataclass(frozen=True, slots=True)
class Class:
    """A class."""

    name: str
    at: int
    is_public: bool
    is_documented: bool


@dataclass(frozen=True, slots=True)
class Except:
    """An `except` clause that swallows everything, with what is written beside it.

    One that ends by raising again what it caught only tidies up, and is not counted.
    """

    at: int
    is_bare: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Module:
    """Everything measured about one file."""

    path: str
    lines: int
    is_documented: bool
    doc_lines: int
    comments: dict[int, str]
    functions: tuple[Function, ...]
    classes: tuple[Class, ...]
    broad_excepts: tuple[Except, ...]
    inner_imports: tuple[int, ...]

    @property
    def type_ignores(self) -> dict[int, str]:
        """Return the comments that silence the type checker, by line."""
        return {at: text for at, text in self.comments.items() if re.search(r"type:\s*ignore", text)}


@cache  # the same tree is measured once for every planted violation
def measure(path: str, source: str) -> Module:
    """Return what there is to know about a file."""
    tree = ast.parse(source, filename=path)
    comments = _comments(source)
    nodes = list(ast.walk(tree))
    documented = [node for node in nodes if isinstance(node, Documented)]
    return Module(
        path=path,
        lines=len(source.splitlines()),
        is_documented=ast.get_docstring(tree) is not None,
        doc_lines=sum(_doc_lines(node) for node in documented),
        comments=comments,
        functions=tuple(_functions(tree, comments, is_public=True)),
        classes=tuple(_class(node) for node in nodes if isinstance(node, ast.ClassDef)),
        broad_excepts=tuple(_broad_excepts(nodes, comments)),
        inner_imports=tuple(_inner_imports(nodes)),
    )


def reason_in(comment: str) -> str:
    """Return what a comment says beside directives to tools."""
    return _DIRECTIVE.sub("", comment).strip("#- \t:")


def _comments(source: str) -> dict[int, str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.start[0]: token.string for token in tokens if token.type == tokenize.COMMENT}


def _doc_lines(node: Documented) -> int:
    if ast.get_docstring(node, clean=False) is None:
        return 0
    docstring = node.body[0]
    return (docstring.end_lineno or docstring.lineno) - docstring.lineno + 1


def _functions(parent: ast.AST, comments: dict[int, str], *, is_public: bool) -> Iterator[Function]:
    for node in ast.iter_child_nodes(parent):
        named_public = is_public and not getattr(node, "name", "").startswith("_")
        if isinstance(node, Definition):
            comment = comments.get(node.lineno, "")
            yield _function(node, comment, is_method=isinstance(parent, ast.ClassDef), is_public=named_public)
            yield from _functions(node, comments, is_public=False)
        else:
            yield from _functions(node, comments, is_public=named_public)


def _function(node: Definition, comment: str, *, is_method: bool, is_public: bool) -> Function:
    decorators = {decorator.id for decorator in node.decorator_list if isinstance(decorator, ast.Name)}
    has_receiver = is_method and "staticmethod" not in decorators
    return Function(
        name=node.name,
        at=node.lineno,
        lines=(node.end_lineno or node.lineno) - node.lineno + 1 - _doc_lines(node),
        positional=len(node.args.posonlyargs) + len(node.args.args) - has_receiver,
        excuse=reason_in(comment) if "PLR0917" in comment else "",
        is_public=is_public,
        is_documented=ast.get_docstring(node) is not None,
    )


def _class(node: ast.ClassDef) -> Class:
    return Class(node.name, node.lineno, not node.name.startswith("_"), ast.get_docstring(node) is not None)


def _broad_excepts(nodes: list[ast.AST], comments: dict[int, str]) -> Iterator[Except]:
    for node in nodes:
        if isinstance(node, ast.ExceptHandler) and _swallows_everything(node):
            beside = (comments.get(line, "") for line in (node.lineno - 1, node.lineno, node.lineno + 1))
            yield Except(node.lineno, node.type is None, " ".join(map(reason_in, beside)).strip())


def _swallows_everything(clause: ast.ExceptHandler) -> bool:
    last = clause.body[-1]
    if isinstance(last, ast.Raise) and last.exc is None:
        return False
    named = {node.id for node in ast.walk(clause.type or clause) if isinstance(node, ast.Name)}
    return clause.type is None or bool(named & {"Exception", "BaseException"})


def _inner_imports(nodes: list[ast.AST]) -> Iterator[int]:
    for function in nodes:
        if isinstance(function, Definition):
            imports = (node for node in ast.walk(function) if isinstance(node, ast.Import | ast.ImportFrom))
            yield from (node.lineno for node in imports)
