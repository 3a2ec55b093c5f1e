"""`files.render`: fills placeholders in a bundle's templates.

A placeholder is `[[ inputs.name ]]`: two brackets, a blank, a dotted path into the step's
`values`, a blank, two brackets. `[[ inputs.name | json ]]` writes the value as JSON, quotes
included, which is also what YAML wants around text that somebody else chose. A literal `[[ `
is written with one bracket more: `[[[ `. There is nothing else, no conditions and no loops:
template languages can be made to run for ever, and these values come from requests. The paths
of the files to make may hold placeholders as well; a value stands for one name in them.
"""

import json
import re
from collections.abc import Mapping

from catalog.digest import Json, JsonObject
from executors.arguments import Arguments, taking
from executors.boundary import doing
from executors.paths import check_paths
from executors.port import Effect
from executors.step import Permanent, StepCall
from executors.steps import StepSettings

MOST_FILES = 200
LARGEST_FILE = 256 * 1024
LARGEST_TOTAL = 1024 * 1024
_FOLDER = "templates/"
_OPENING = re.compile(r"\[{2,} ")
_PLACEHOLDER = re.compile(r"\[\[ ([A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*)( \| json)? \]\]")
_UNPRINTED = re.compile("[\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]")


class Render:
    """Templates and values in, files out; touches nothing."""

    name = "files.render"
    effect = Effect.READ
    schema = taking(
        {
            "templates": {
                "description": "template path (below templates/) by the path of the file to make, "
                "which may hold placeholders",
                "type": "object",
                "minProperties": 1,
                "maxProperties": MOST_FILES,
                "additionalProperties": {"type": "string", "pattern": f"^{_FOLDER}"},
            },
            "values": {"type": "object"},
        }
    )

    def __init__(self, settings: StepSettings) -> None:
        self._secrets = settings.secrets

    def run(self, call: StepCall) -> Mapping[str, Json]:
        """Return `files`, content by path, and `paths`, the same paths in order."""
        arguments = Arguments(call.arguments)
        with doing(self._secrets, call):
            values = arguments.members("values")
            templates = _placed(arguments.texts_by_name("templates"), values)
            files = {
                target: filled(_template(call, source), values, source)
                for target, source in templates.items()
            }
            if sum(map(len, files.values())) > LARGEST_TOTAL:
                raise Permanent("files_too_large", "The rendered files are larger than 1 MiB together.")
            return {"files": files, "paths": sorted(files)}

    def observe(self, call: StepCall) -> Mapping[str, Json]:
        """Return the same again: it depends on nothing but its arguments."""
        return self.run(call)


def _placed(templates: Mapping[str, str], values: JsonObject) -> dict[str, str]:
    """Return the templates by the paths of the files that they become."""
    paths = [_path(target, values) for target in templates]
    check_paths(paths)
    return dict(zip(paths, templates.values(), strict=True))


def _path(target: str, values: JsonObject) -> str:
    names = [filled(name, values, f"the path {target}") for name in target.split("/")]
    if any("/" in name for name in names):
        raise Permanent("value_unfit", f"the path {target}: a value holds a slash, and stands for one name.")
    return "/".join(names)


def filled(template: str, values: JsonObject, source: str) -> str:
    """Return the template with every placeholder replaced; replaced text is not looked at again.

    Raises:
        Permanent: `template_invalid` with the place, `value_unfit`, `files_too_large`.
    """
    parts: list[str] = []
    done = size = 0
    for opening in _OPENING.finditer(template):
        parts.append(template[done : opening.start()])
        if len(opening.group()) > len("[[ "):
            parts.append(opening.group()[1:])
            done = opening.end()
        else:
            text, done = _replaced(template, opening.start(), values, source)
            parts.append(text)
        size += len(parts[-1]) + len(parts[-2])
        if size > LARGEST_FILE:  # checked on the way: a few placeholders can make a large file
            break
    whole = "".join((*parts, template[done:])) if size <= LARGEST_FILE else ""
    if size > LARGEST_FILE or len(whole) > LARGEST_FILE:
        raise Permanent("files_too_large", f"What {source} renders to is larger than 256 KiB.")
    return whole


def _replaced(template: str, start: int, values: JsonObject, source: str) -> tuple[str, int]:
    place = f"{source}:{template.count(chr(10), 0, start) + 1}"
    found = _PLACEHOLDER.match(template, start)
    if found is None:
        raise Permanent("template_invalid", f"{place}: write [[ a.name ]], or [[[ for two literal brackets.")
    path, as_json = found.groups()
    value = _looked_up(values, path, place)
    text = json.dumps(value, ensure_ascii=False, sort_keys=True) if as_json else _plain(value, path, place)
    return text, found.end()


def _looked_up(values: JsonObject, path: str, place: str) -> Json:
    value: Json = values
    for name in path.split("."):
        if not isinstance(value, Mapping) or name not in value:
            raise Permanent("template_invalid", f"{place}: there is no value {path}.")
        value = value[name]
    return value


def _plain(value: Json, path: str, place: str) -> str:
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    if not isinstance(value, str):
        raise Permanent("value_unfit", f"{place}: {path} is not a plain value; write it with | json.")
    if _UNPRINTED.search(value):
        raise Permanent(
            "value_unfit", f"{place}: {path} holds line breaks or control characters; use | json."
        )
    return value


def _template(call: StepCall, source: str) -> str:
    if not source.startswith(_FOLDER) or source not in call.files:
        raise Permanent("template_missing", f"The bundle has no template {source[:120]!a}.")
    return call.files[source]
