"""Reading YAML that strangers wrote.

Contracts, workflows and requests come as YAML from people and repositories. Only the part
of YAML that is JSON is read: no aliases (a few hundred bytes of them expand to gigabytes),
no tags, no merge keys, no duplicate keys, no surprises such as `no` meaning false, with
caps on size, depth and count. Everything refused is named with its line.
"""

import re
from collections.abc import Iterator

import yaml

from catalog.digest import Json
from catalog.errors import Finding, Invalid
from catalog.storable import unstorable

MAX_BYTES = 256 * 1024
MAX_DEPTH = 24
MAX_NODES = 20_000
MAX_DIGITS = 20
_ODD_BREAK = re.compile("[\x85\u2028\u2029]")


class _NotJson(yaml.MarkedYAMLError):
    """The document uses a part of YAML that is not read here."""

    def __init__(self, mark: yaml.Mark, code: str, message: str, fix: str) -> None:
        super().__init__(problem=message, problem_mark=mark)
        self.code = code
        self.fix = fix


class _JsonSchemaLoader(yaml.SafeLoader):
    """A loader whose plain scalars resolve as in YAML 1.2's JSON schema, and to nothing else.

    It stops at the first node that is too much, instead of composing what is then refused.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0
        self._nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Compose a node, unless it is an alias, has an anchor or a tag, or is one too many."""
        event = self.peek_event()  # type: ignore[no-untyped-call]  # the stubs leave it untyped
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            message = "aliases (&name, *name) are not allowed"
            raise _NotJson(event.start_mark, "yaml_alias", message, "write the value out")
        if getattr(event, "tag", None) is not None:
            message = "tags (!name) and merge keys are not allowed"
            raise _NotJson(event.start_mark, "yaml_tag", message, "use plain values")
        self._nodes += 1
        self._depth += 1
        if self._depth > MAX_DEPTH or self._nodes > MAX_NODES:
            message = "the document is too deep or has too many values"
            raise _NotJson(event.start_mark, "document_too_deep", message, "simplify it")
        node = super().compose_node(parent, index)
        self._depth -= 1
        if isinstance(node, yaml.ScalarNode):
            node.value = _joined(node.value)
        return node


_JsonSchemaLoader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"true|false", "tf"),
    ("null", r"null|~|", ["n", "~", ""]),
    ("int", r"-?(?:0|[1-9][0-9]*)", "-0123456789"),
    ("float", r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?", "-0123456789"),
):
    _JsonSchemaLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), list(_first)
    )


def _joined(text: str) -> str:
    """Return the text with JSON's escaped surrogate pairs as the one character each stands for."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def read_yaml(text: str, path: str) -> dict[str, Json]:
    """Return the one object that a document holds.

    Args:
        path: the file's name, for findings.

    Raises:
        Invalid: `invalid_document`, findings with `path:line` as the pointer.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise _refused(path, 1, "document_too_large", "the document is larger than 256 KiB", "split it")
    odd = _ODD_BREAK.search(text)
    if odd is not None:
        line = len(re.split("\r\n?|\n", text[: odd.start()]))
        message = "the text holds a line break that JSON does not take for one"
        raise _refused(path, line, "yaml_syntax", message, "write it as an escape in a quoted text")
    try:
        node = yaml.compose(text, Loader=_JsonSchemaLoader)
    except _NotJson as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise _refused(path, line, error.code, str(error.problem), error.fix) from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise _refused(path, line, "yaml_syntax", str(error.problem), "correct the YAML") from error
    except yaml.YAMLError as error:
        raise _refused(
            path, 1, "yaml_syntax", "the text holds characters that YAML does not allow", "remove them"
        ) from error
    if not isinstance(node, yaml.MappingNode):
        raise _refused(path, 1, "not_an_object", "the document must be one mapping", "write key: value pairs")
    _check(node, path)
    value = _value(node)
    assert isinstance(value, dict)  # noqa: S101  # a MappingNode always becomes a dict; tells mypy
    return value


def _check(root: yaml.Node, path: str) -> None:
    for node in _walk(root):
        if isinstance(node, yaml.MappingNode):
            _check_keys(node, path)
        if isinstance(node, yaml.ScalarNode):
            _check_scalar(node, path)


def _walk(node: yaml.Node) -> Iterator[yaml.Node]:
    yield node
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _walk(key)
            yield from _walk(value)
    elif isinstance(node, yaml.SequenceNode):
        for child in node.value:
            yield from _walk(child)


def _check_keys(node: yaml.MappingNode, path: str) -> None:
    seen: set[str] = set()
    for key, _value_node in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode) or not key.tag.endswith(":str"):
            raise _refused(path, line, "key_not_text", "keys must be text", "put the key in quotes")
        if key.value == "<<":
            raise _refused(path, line, "yaml_tag", "merge keys (<<) are not allowed", "write the values out")
        if key.value in seen:
            raise _refused(
                path, line, "duplicate_key", f"the key {key.value[:60]} stands here twice", "remove one"
            )
        seen.add(key.value)


def _check_scalar(node: yaml.ScalarNode, path: str) -> None:
    line = node.start_mark.line + 1
    if node.tag.endswith(":int") and len(node.value) > MAX_DIGITS:
        raise _refused(path, line, "number_out_of_range", "the number is too large", "put it in quotes")
    for found in unstorable(_value(node)):
        raise _refused(path, line, found.code, found.message, found.fix)


def _value(node: yaml.Node) -> Json:
    if isinstance(node, yaml.MappingNode):
        return {key.value: _value(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [_value(child) for child in node.value]
    return _scalar(node.tag.rpartition(":")[2], str(node.value))


def _scalar(kind: str, text: str) -> Json:
    match kind:
        case "bool":
            return text == "true"
        case "null":
            return None
        case "int":
            return int(text)
        case "float":
            return float(text)
        case _:
            return text


def _refused(path: str, line: int, code: str, message: str, fix: str) -> Invalid:
    finding = Finding(pointer=f"{path}:{line}", code=code, message=message, fix=fix)
    return Invalid("invalid_document", f"{path} cannot be read.", findings=(finding,))
