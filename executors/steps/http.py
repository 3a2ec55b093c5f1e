"""`http.call` changes something behind an HTTP interface; `http.read` looks.

Every call carries the idempotency key and the fencing token. What went out and got no answer
is an unknown outcome; `check`, a GET with the status that means "done", tells afterwards. An
answer that cannot be read does not undo an effect: the status says whether it was done.
"""

from collections.abc import Iterable, Mapping

from catalog.digest import Json, JsonObject, canonical_json
from executors.arguments import Arguments, taking
from executors.boundary import Unsealed, doing, looking
from executors.deadline import Deadline
from executors.network import AddressGuard
from executors.outbound import NoAnswer, Reply, Request, exchange
from executors.port import Effect
from executors.step import OutcomeUnknown, Permanent, StepCall, StepError, Transient
from executors.steps import StepSettings

_TRANSIENT = frozenset({408, 425, 429})
_SERVER_ERROR = 500
_SUCCESS = range(200, 300)
_GONE = frozenset({404, 410})
_PATH: JsonObject = {
    "description": "segments; each is percent-encoded",
    "type": "array",
    "maxItems": 32,
    "items": {"type": "string", "minLength": 1, "maxLength": 512},
}
_STATUSES: JsonObject = {
    "type": "array",
    "minItems": 1,
    "items": {"type": "integer", "minimum": 100, "maximum": 599},
}
_TARGET: JsonObject = {"base_url": {"type": "string", "pattern": "^https?://", "maxLength": 2048}}
_EXTRAS: JsonObject = {
    "path": {**_PATH, "default": []},
    "headers": {
        "description": "values by name; {secret: reference} is resolved just in time",
        "type": "object",
        "maxProperties": 50,
        "additionalProperties": {"anyOf": [{"type": "string"}, taking({"secret": {"type": "string"}})]},
    },
    "expect": _STATUSES,
}


class Read:
    """GET something."""

    name = "http.read"
    effect = Effect.READ
    schema = taking(_TARGET, _EXTRAS)

    def __init__(self, settings: StepSettings) -> None:
        self._secrets = settings.secrets
        self._guard = AddressGuard(settings.hosts, settings.resolve)

    def run(self, call: StepCall) -> Mapping[str, Json]:
        """Return `status` and `body`, parsed when it is JSON."""
        arguments = Arguments(call.arguments)
        with doing(self._secrets, call) as unsealed:
            request = _request(call, unsealed, "GET", arguments.texts("path", ()))
            # Nothing changes by looking, so an answer that did not come is just no answer.
            reply = exchange(self._guard, Deadline(call.timeout_seconds), request)
            return unsealed.clean(_accepted(reply, arguments.wholes("expect", (200,))))

    def observe(self, call: StepCall) -> Mapping[str, Json]:
        """Look again."""
        return self.run(call)


class Call:
    """Change something."""

    name = "http.call"
    effect = Effect.WRITE
    schema = taking(
        {"method": {"enum": ["PUT", "POST", "PATCH", "DELETE"]}, **_TARGET},
        {
            **_EXTRAS,
            "body": {"description": "any JSON"},
            "check": taking({"path": _PATH}, {"expect": _STATUSES}),
        },
    )

    def __init__(self, settings: StepSettings) -> None:
        self._secrets = settings.secrets
        self._guard = AddressGuard(settings.hosts, settings.resolve)

    def run(self, call: StepCall) -> Mapping[str, Json]:
        """Return `status` and `body`.

        Raises:
            OutcomeUnknown: the request was sent and no answer came.
        """
        arguments = Arguments(call.arguments)
        with doing(self._secrets, call) as unsealed:
            request = _request(call, unsealed, arguments.text("method"), arguments.texts("path", ()))
            try:
                reply = exchange(self._guard, Deadline(call.timeout_seconds), request)
            except NoAnswer as error:
                raise OutcomeUnknown(error.code, error.message) from error
            return unsealed.clean(_accepted(reply, arguments.wholes("expect", (200, 201, 202, 204))))

    def observe(self, call: StepCall) -> Mapping[str, Json] | None:
        """Return what `check` answers if its status says that the work is done, None if it says not."""
        with looking(self._secrets, call) as unsealed:
            if not Arguments(call.arguments).has("check"):
                raise OutcomeUnknown("no_check", "The step names no check, so nobody can tell.")
            check = Arguments(call.arguments).within("check")
            request = _request(call, unsealed, "GET", check.texts("path"))
            reply = exchange(self._guard, Deadline(call.timeout_seconds), request)
            if reply.status in check.wholes("expect", (200,)):
                return unsealed.clean({"status": reply.status, "body": reply.body})
            if reply.status in _SUCCESS or reply.status in _GONE:
                return None
            raise OutcomeUnknown("check_failed", f"The check was answered with {reply.status}.")


def _request(call: StepCall, unsealed: Unsealed, method: str, path: tuple[str, ...]) -> Request:
    arguments = Arguments(call.arguments)
    has_body = method != "GET" and "body" in call.arguments
    return Request(
        method=method,
        base_url=arguments.text("base_url"),
        key=call.idempotency_key,
        fence=call.fence,
        path=path,
        headers={name: _header(value, unsealed) for name, value in arguments.members("headers", {}).items()},
        body=canonical_json(call.arguments["body"]) if has_body else None,
    )


def _header(value: Json, unsealed: Unsealed) -> str:
    # Only what the workflow marks as a secret is opened: a text that merely looks like a
    # reference may come from a requester.
    if isinstance(value, str):
        return value
    return unsealed.resolve(Arguments({"header": value}).within("header").text("secret"))


def _accepted(reply: Reply, expected: Iterable[int]) -> dict[str, Json]:
    if reply.status in expected:
        return {"status": reply.status, "body": reply.body}
    raise _refusal(reply)


def _refusal(reply: Reply) -> StepError:
    message = f"The server answered with {reply.status}."
    if reply.status in _TRANSIENT or reply.status >= _SERVER_ERROR:
        wait = reply.retry_after_seconds
        asked = f" It asks to be left alone for {wait:.0f} s." if wait is not None else ""
        return Transient("http_try_later", message + asked, retry_after_seconds=wait)
    return Permanent("http_refused", message)
