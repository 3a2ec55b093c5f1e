"""Reading what strangers send as JSON.

A route names its body with `JsonBody(Model)`, after its guard, so that nobody unknown gets
his body read. The bytes are counted while they stream in, never inflated, and parsed into
the part of JSON on which every parser agrees: no NaN, no duplicate keys, no lone
surrogates, no NUL, no number beyond 64 bits, no depth without end. Only then is the
envelope checked against the model, strictly.
"""

import asyncio
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request

from catalog.digest import Json, JsonObject, digest_bytes
from catalog.errors import Finding, Invalid
from catalog.schema import escape
from platform_api.findings import body_findings

MIB = 1024 * 1024
BODY_SECONDS = 30.0
MAX_DEPTH = 32
MAX_VALUES = 20_000
JSON_TYPE = "application/json"
MERGE_PATCH_TYPE = "application/merge-patch+json"

# Possessive, and an unclosed string ends with the text: linear whatever comes.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in _STEPS)
_BIGGEST = 2**63 - 1
_MAX_DIGITS = 20

M = TypeVar("M", bound=BaseModel)


class JsonBody(Generic[M]):
    """A dependency that answers with the checked body.

    Args:
        model: what the body must be.
        limit: the most bytes it may have.
        is_needed: without a body the model's defaults will not do.
    """

    media_types: tuple[str, ...] = (JSON_TYPE,)

    def __init__(self, model: type[M], limit: int = MIB, *, is_needed: bool = True) -> None:
        self.model = model
        self.limit = limit
        self.is_needed = is_needed

    async def __call__(self, request: Request) -> M:
        """Return the body, or refuse it."""
        if not self.is_needed and _is_bodiless(request):
            return check_model(self.model, {})
        content = await read_content(request, self.limit, self.media_types)
        return check_model(self.model, parse_json(content))


class MergePatchBody:
    """A dependency that answers with a merge patch (RFC 7396), which is checked after merging."""

    media_types = (MERGE_PATCH_TYPE, JSON_TYPE)

    def __init__(self, model: type[BaseModel], limit: int = MIB) -> None:
        self.model = model  # what is patched; for the published description
        self.limit = limit

    async def __call__(self, request: Request) -> JsonObject:
        """Return the patch, or refuse it."""
        return _object(parse_json(await read_content(request, self.limit, self.media_types)))


def merge_patch(target: JsonObject, patch: JsonObject) -> dict[str, Json]:
    """Return the target with a merge patch applied: null removes, objects merge, the rest replaces."""
    merged = dict(target)
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict):
            held = merged.get(name)
            merged[name] = merge_patch(held if isinstance(held, dict) else {}, value)
        else:
            merged[name] = value
    return merged


def check_model(model: type[M], value: Json) -> M:
    """Return the value as a model.

    Raises:
        Invalid: `invalid_body`, with every finding at once.
    """
    try:
        return model.model_validate(_object(value))
    except ValidationError as error:
        found = body_findings(error.errors(include_url=False, include_input=False), model)
        raise Invalid("invalid_body", "The body is not what is expected here.", findings=found) from error


async def read_content(request: Request, limit: int, media_types: tuple[str, ...]) -> bytes:
    """Return the bytes of a body, giving up as soon as there are too many or they come too slowly.

    Raises:
        Invalid: `unsupported_media_type`, `body_too_large` or `body_too_slow`.
    """
    _check_headers(request, limit, media_types)
    try:
        async with asyncio.timeout(BODY_SECONDS):
            content = await _streamed(request, limit)
    except ClientDisconnect as error:
        raise Invalid("bad_request", "The body ended early.") from error
    except TimeoutError as error:
        raise Invalid("body_too_slow", f"The body took more than {BODY_SECONDS:.0f} s to arrive.") from error
    request.state.body_digest = digest_bytes(content)
    return content


def parse_json(content: bytes) -> Json:
    """Return the value that a text stands for.

    Raises:
        Invalid: `invalid_json`, with the pointer or the line and column of the place.
    """
    parser = _Parser()
    marks = _STRING.sub(b"", content)
    if sum(map(marks.count, (b",", b"[", b"{"))) > MAX_VALUES:
        raise _refused("", "too_many_values", f"the body holds more than {MAX_VALUES} values", "send less")
    try:
        value: Json = parser.decoder.decode(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise _refused("", "not_utf8", "the body is not UTF-8", "encode it as UTF-8") from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno}"
        raise _refused("", "json_syntax", f"{error.msg} at {place}", "correct the JSON") from error
    except RecursionError as error:
        raise _too_deep("") from error
    if parser.is_suspicious or b"\\u" in content or _depth(marks) > MAX_DEPTH:
        for place, part, depth in _walk(value):
            _check_part(place, part, depth)
    return value


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Stands in the parsed value where something must be refused, until its place is known."""

    code: str
    message: str


class _Parser:
    """The library's parser, with a mark left wherever it would have looked away."""

    def __init__(self) -> None:
        self.is_suspicious = False
        self.decoder = json.JSONDecoder(
            object_pairs_hook=self._object,
            parse_constant=self._constant,
            parse_float=self._float,
            parse_int=self._int,
        )

    def _object(self, pairs: list[tuple[str, Any]]) -> Any:
        members = dict(pairs)
        if len(members) == len(pairs):
            return members
        return self._mark("duplicate_key", "a key stands twice in this object")

    def _constant(self, name: str) -> Any:
        return self._mark("number_not_finite", f"{name} is not JSON")

    def _float(self, text: str) -> Any:
        number = float(text)
        return (
            number if math.isfinite(number) else self._mark("number_out_of_range", "the number is too large")
        )

    def _int(self, text: str) -> Any:
        if len(text) <= _MAX_DIGITS and -_BIGGEST - 1 <= int(text) <= _BIGGEST:
            return int(text)
        return self._mark("number_out_of_range", "the number does not fit 64 bits")

    def _mark(self, code: str, message: str) -> _Refusal:
        self.is_suspicious = True
        return _Refusal(code, message)


def _depth(marks: bytes) -> int:
    # Walking every value of every body in Python would cost more than all the rest.
    steps = (_STEPS[mark] for mark in marks.translate(None, delete=_NO_BRACKETS))
    return max(accumulate(steps), default=0)


def _walk(root: Any) -> Iterator[tuple[str, Any, int]]:
    waiting = [("", root, 1)]
    while waiting:
        place, value, depth = waiting.pop()
        yield place, value, depth
        if isinstance(value, dict):
            for name, child in value.items():
                yield place, name, depth
                waiting.append((f"{place}/{escape(name)}", child, depth + 1))
        elif isinstance(value, list):
            waiting.extend((f"{place}/{index}", child, depth + 1) for index, child in enumerate(value))


def _check_part(place: str, part: Any, depth: int) -> None:
    if isinstance(part, _Refusal):
        raise _refused(place, part.code, part.message, "correct the value")
    if isinstance(part, dict | list) and depth > MAX_DEPTH:
        raise _too_deep(place[:200])
    if isinstance(part, str) and ("\x00" in part or not _is_encodable(part)):
        message = "NUL and lone surrogates are not allowed"
        raise _refused(_encodable(place), "bad_character", message, "remove the character")


def _is_encodable(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _encodable(place: str) -> str:
    return place.encode("utf-8", "replace").decode("utf-8")


async def _streamed(request: Request, limit: int) -> bytes:
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > limit:
            raise _too_large(limit)
    return bytes(content)


def _check_headers(request: Request, limit: int, media_types: tuple[str, ...]) -> None:
    media_type, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower().replace('"', "")
    if media_type.strip().lower() not in media_types or charset not in ("", "charset=utf-8"):
        wanted = " or ".join(media_types)
        raise _unsupported("The body is not of a type that is taken here.", f"send {wanted} in UTF-8")
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise _unsupported("Compressed bodies are not taken.", "send the body as it is")
    length = request.headers.get("content-length", "0")
    if length.isascii() and length.isdigit() and (len(length) > _MAX_DIGITS or int(length) > limit):
        raise _too_large(limit)


def _is_bodiless(request: Request) -> bool:
    headers = request.headers
    says_so = headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers
    return says_so and "content-type" not in headers


def _object(value: Json) -> JsonObject:
    if isinstance(value, dict):
        return value
    finding = Finding("", "wrong_type", "the body must be one JSON object", "send {...}")
    raise Invalid("invalid_body", "The body is not what is expected here.", findings=(finding,))


def _unsupported(message: str, fix: str) -> Invalid:
    return Invalid("unsupported_media_type", message, fix=fix)


def _too_large(limit: int) -> Invalid:
    return Invalid("body_too_large", f"The body is larger than {limit} bytes.", fix="send less at once")


def _too_deep(place: str) -> Invalid:
    return _refused(place, "too_deep", f"the value nests more than {MAX_DEPTH} levels", "flatten it")


def _refused(place: str, code: str, message: str, fix: str) -> Invalid:
    finding = Finding(place, code, message, fix)
    return Invalid("invalid_json", "The body is not JSON that can be read.", findings=(finding,))
