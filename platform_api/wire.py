"""What goes over the wire has these two shapes: views go out, bodies come in.

A view leaves absent fields out instead of sending null; a body refuses null for a field
that can simply be left out, refuses fields it does not know, and coerces nothing. Each
route keeps its own models beside it; only what several need stands here.
"""

from datetime import datetime
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
)
from pydantic_core import CoreSchema, PydanticCustomError

from catalog.ranges import BadRange
from catalog.selection import check_wish

T = TypeVar("T")

NAME_PATTERN = r"^[a-z]([a-z0-9]|-[a-z0-9])*$"
"""The same alphabet as `catalog.ids.is_name`; the length is limited beside it."""

VERSION_PATTERN = r"^[0-9]+\.[0-9]+\.[0-9]+([-+][0-9A-Za-z.+-]+)?$"
SUBJECT_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:@+/-]*$"
LABEL_PATTERN = r"^[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?$"
PLAIN_PATTERN = r"^[^\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]*$"
"""One line of readable text: no control characters, nothing invisible, no change of direction."""


class View(BaseModel):
    """Something that goes out."""

    model_config = ConfigDict(frozen=True)


class Body(BaseModel):
    """Something that comes in."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class _NeverNull:
    """Shows a field that may be left out as what it is when it is there."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        shown = dict(handler(schema))
        options = [part for part in shown.pop("anyOf", ()) if part != {"type": "null"}]
        return shown | options[0] if len(options) == 1 else shown | ({"anyOf": options} if options else {})


def _refuse_null(value: object) -> object:
    if value is None:
        raise PydanticCustomError("null_refused", "null is not a value here; leave the field out instead")
    return value


Maybe = Annotated[T | None, _NeverNull(), Field(exclude_if=lambda value: value is None)]
"""A view's field that is left out when there is nothing to say."""

Given = Annotated[T | None, _NeverNull(), BeforeValidator(_refuse_null)]
"""A body's field that may be left out, but not be null."""

Name = Annotated[str, Field(pattern=NAME_PATTERN, max_length=63)]
Version = Annotated[str, Field(pattern=VERSION_PATTERN, max_length=64)]


def _check_wish(text: str) -> str:
    try:
        check_wish(text)
    except BadRange as error:
        said = "this is no version, range or channel: {why}"
        raise PydanticCustomError("invalid_range", said, {"why": str(error)}) from error
    return text


WISH_PATTERN = r"^[0-9A-Za-z.+*^~<>= -]+$"
VersionWish = Annotated[str, Field(pattern=WISH_PATTERN, max_length=64), AfterValidator(_check_wish)]
"""An exact version, a range, or a channel."""

LabelKey = Annotated[str, Field(pattern=LABEL_PATTERN, max_length=63)]
LabelValue = Annotated[str, Field(pattern=LABEL_PATTERN, max_length=63)]
# Without the extra word, the description would allow any value under a name that is no label's.
Labels = Annotated[
    dict[LabelKey, LabelValue],
    Field(max_length=20, json_schema_extra={"additionalProperties": False}),
]
Line = Annotated[str, Field(pattern=PLAIN_PATTERN, max_length=200)]
Text = Annotated[str, Field(pattern=PLAIN_PATTERN, max_length=500)]
JsonDocument = dict[str, Any]
At = Annotated[datetime, Field(strict=False)]
Moment = Annotated[AwareDatetime, Field(strict=False)]
"""A body's time; it says its zone."""
