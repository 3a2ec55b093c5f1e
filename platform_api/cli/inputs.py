"""What somebody asks for, put together from the command line.

Pure. `--set` takes a value as a person writes it: the contract's schema decides whether `16`
is a number or a text; where the schema does not say, it is read as JSON if it is JSON.
`--set-json` takes JSON as it stands. Later ones win over earlier ones, and all of them over
the file.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from catalog.documents import read_yaml
from platform_api.cli.failure import ExitCode, Failure

Schema = Mapping[str, Any]


def inputs_from(
    sets: Sequence[str], json_sets: Sequence[str], inputs: Mapping[str, Any], schema: Schema
) -> dict[str, Any]:
    """Return the inputs, with every setting put in its place.

    Raises:
        Failure: when a setting is not `name=value`, or its JSON is none.
    """
    result: dict[str, Any] = json.loads(json.dumps(inputs))
    for text in sets:
        names, value = _setting(text, "--set")
        _put(result, names, typed(value, _schema_of(schema, names)))
    for text in json_sets:
        names, value = _setting(text, "--set-json")
        _put(result, names, _json(value, text))
    return result


def file_inputs(text: str, path: str) -> dict[str, Any]:
    """Return the inputs that a YAML or JSON file holds."""
    return read_yaml(text, path)


def typed(text: str, schema: Schema) -> Any:
    """Return a value as the schema wants it, or as JSON would read it."""
    wanted = schema.get("type")
    types = wanted if isinstance(wanted, list) else [wanted]
    if "string" in types or any(isinstance(option, str) for option in schema.get("enum", ())):
        return text
    try:
        value = strict_json(text)
    except ValueError:
        return text
    is_certain = wanted is not None or isinstance(value, bool | int | float | None)
    return value if is_certain else text


def strict_json(text: str) -> Any:
    """Return the value of a JSON text, of the part of JSON that every reader agrees on.

    Raises:
        ValueError: it is none: no JSON, not finite, or nested without end.
    """
    try:
        return json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except RecursionError as error:
        raise ValueError("it nests too deeply") from error


def pairs(texts: Sequence[str], option: str) -> dict[str, str]:
    """Return `name=value` texts as a mapping."""
    found = (text.partition("=") for text in texts)
    return {_checked(name, equals, option): value for name, equals, value in found}


def _setting(text: str, option: str) -> tuple[list[str], str]:
    name, equals, value = text.partition("=")
    return _checked(name, equals, option).split("."), value


def _checked(name: str, equals: str, option: str) -> str:
    if not equals or not all(name.split(".")):
        raise Failure(ExitCode.USAGE, f"{option} takes name=value.", fix=f"write {option} size=s")
    return name


def _json(value: str, text: str) -> Any:
    try:
        return strict_json(value)
    except ValueError as error:
        raise Failure(
            ExitCode.USAGE,
            f"--set-json {text.partition('=')[0]}: the value is not JSON: {error}.",
            fix="quote it for the shell: --set-json 'sizes=[1, 2]'",
        ) from error


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("the number is too large")
    return number


def _put(target: dict[str, Any], names: Sequence[str], value: object) -> None:
    for name in names[:-1]:
        inner = target.get(name)
        target[name] = inner if isinstance(inner, dict) else {}
        target = target[name]
    target[names[-1]] = value


def _schema_of(schema: Schema, names: Sequence[str]) -> Schema:
    for name in names:
        properties = schema.get("properties")
        found = properties.get(name) if isinstance(properties, Mapping) else None
        schema = found if isinstance(found, Mapping) else {}
    return schema
