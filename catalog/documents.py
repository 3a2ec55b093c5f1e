"""Reading YAML that strangers wrote.

Contracts, workflows and requests come as YAML from people and repositories. Only the part
of YAML that is JSON is read: no aliases (a few hundred bytes of them expand to gigabytes),
no tags, no merge keys, no duplicate keys, no surprises such as `no` meaning false, with
caps on size, depth and count. Everything refused is named with its line.
"""

import math
import re
from collections.abc import Iterator

import yaml

from catalog.digest import Json
from catalog.errors import Finding, Invalid

MAX_BYTES = 256 * 1024
MAX_DEPTH = 24
MAX_NODES = 20_000

_TAGS = {
    "tag:yaml.org,2002:map",
    "tag:yaml.org,2002:seq",
    "tag:yaml.org,2002:str",
    "tag:yaml.org,2002:int",
    "tag:yaml.org,2002:float",
    "tag:yaml.org,2002:bool",
    "tag:yaml.org,2002:null",
}


class _JsonSchemaLoader(yaml.SafeLoader):
    """A loader whose plain scalars resolve as in YAML 1.2's JSON schema, and to nothing else."""


_JsonSchemaLoader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"true|false", "tf"),
    ("null", r"null|~|", ["n", "~", ""]),
    ("int", r"-?(?:0|[1-9][0-9]{0,17})", "-0123456789"),
    ("float", r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?", "-0123456789"),
):
    _JsonSchemaLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), list(_first)
    )


def read_yaml(text: str, path: str) -> dict[str, Json]:
    """Return the one object that a document holds.

    Args:
        path: the file's name, for findings.

    Raises:
        Invalid: `invalid_document`, findings with `path:line` as the pointer.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise _refused(path, 1, "document_too_large", "the document is larger than 256 KiB", "split it")
    try:
        node = yaml.compose(text, Loader=_JsonSchemaLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise _refused(path, line, "yaml_syntax", str(error.problem), "correct the YAML") from error
    except yaml.YAMLError as error:
        raise _refused(
            path, 1, "yaml_syntax", "the text holds characters that YAML does not allow", "remove them"
        ) from error
    except RecursionError as error:
        raise _refused(path, 1, "document_too_deep", "the document nests too deeply", "flatten it") from error
    if not isinstance(node, yaml.MappingNode):
        raise _refused(path, 1, "not_an_object", "the document must be one mapping", "write key: value pairs")
    _check(node, path)
    value = _value(node)
    assert isinstance(value, dict)  # noqa: S101  # a MappingNode always becomes a dict; tells mypy
    return value


def _check(root: yaml.Node, path: str) -> None:
    seen: set[int] = set()
    for count, (node, depth) in enumerate(_walk(root, 0)):
        line = node.start_mark.line + 1
        if id(node) in seen:
            raise _refused(
                path, line, "yaml_alias", "aliases (&name, *name) are not allowed", "write the value out"
            )
        seen.add(id(node))
        if depth > MAX_DEPTH or count > MAX_NODES:
            raise _refused(
                path,
                line,
                "document_too_deep",
                "the document is too deep or has too many values",
                "simplify it",
            )
        if node.tag not in _TAGS:
            raise _refused(
                path, line, "yaml_tag", "tags (!name) and merge keys are not allowed", "use plain values"
            )
        if isinstance(node, yaml.MappingNode):
            _check_keys(node, path)
        if isinstance(node, yaml.ScalarNode):
            _check_scalar(node, path)


def _walk(node: yaml.Node, depth: int) -> Iterator[tuple[yaml.Node, int]]:
    yield node, depth
    if depth > MAX_DEPTH:
        return
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _walk(key, depth + 1)
            yield from _walk(value, depth + 1)
    elif isinstance(node, yaml.SequenceNode):
        for child in node.value:
            yield from _walk(child, depth + 1)


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
    if "\x00" in node.value or any("\ud800" <= letter <= "\udfff" for letter in node.value):
        raise _refused(
            path, line, "bad_character", "NUL and lone surrogates are not allowed", "remove the character"
        )
    if node.tag.endswith(":float") and not math.isfinite(float(node.value)):
        raise _refused(path, line, "number_out_of_range", "the number is too large", "use a smaller number")


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
