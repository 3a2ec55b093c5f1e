"""`secret.create`, `secret.inspect` and `secret.delete`: a password that nobody has ever seen.

The value is drawn here and goes straight into the secret store; what a workflow gets is a
reference. All three only ever touch secrets of their own request.
"""

import string
from collections.abc import Callable, Mapping

from catalog.digest import Json, JsonObject
from executors.arguments import Arguments, taking
from executors.boundary import doing, looking
from executors.port import Effect
from executors.step import StepCall
from executors.steps import StepSettings

_NAME: JsonObject = {"type": "string", "pattern": "^[a-z][a-z0-9_-]{0,40}$"}
_ALPHABET = string.ascii_letters + string.digits
_SHORTEST, _USUAL, _LONGEST = 16, 32, 128


class Create:
    """Make a secret of the request, once."""

    name = "secret.create"
    effect = Effect.WRITE
    schema = taking(
        {"name": _NAME},
        {"length": {"type": "integer", "minimum": _SHORTEST, "maximum": _LONGEST, "default": _USUAL}},
    )

    def __init__(self, settings: StepSettings) -> None:
        self._secrets = settings.secrets
        self._entropy = settings.entropy

    def run(self, call: StepCall) -> Mapping[str, Json]:
        """Return `reference`; the second time it is the same secret."""
        arguments = Arguments(call.arguments)
        with doing(self._secrets, call):
            length = arguments.whole("length", _USUAL)
            place = (call.project, call.request_uid, arguments.text("name"))
            return {"reference": self._secrets.create_once(*place, lambda: drawn(length, self._entropy))}

    def observe(self, call: StepCall) -> Mapping[str, Json] | None:
        """Return `reference` if the secret is there."""
        with looking(self._secrets, call):
            name = Arguments(call.arguments).text("name")
            reference = self._secrets.find(call.project, call.request_uid, name)
            return None if reference is None else {"reference": reference}


class Inspect:
    """Look whether the request has a secret."""

    name = "secret.inspect"
    effect = Effect.READ
    schema = taking({"name": _NAME})

    def __init__(self, settings: StepSettings) -> None:
        self._secrets = settings.secrets

    def run(self, call: StepCall) -> Mapping[str, Json]:
        """Return `exists` and `reference`, which is null when there is none."""
        with doing(self._secrets, call):
            name = Arguments(call.arguments).text("name")
            reference = self._secrets.find(call.project, call.request_uid, name)
            return {"exists": reference is not None, "reference": reference}

    def observe(self, call: StepCall) -> Mapping[str, Json]:
        """Look again."""
        return self.run(call)


class Delete:
    """Forget a secret of the request."""

    name = "secret.delete"
    effect = Effect.WRITE
    schema = taking({"name": _NAME})

    def __init__(self, settings: StepSettings) -> None:
        self._secrets = settings.secrets

    def run(self, call: StepCall) -> Mapping[str, Json]:
        """Return `name`, whether or not there was such a secret."""
        with doing(self._secrets, call):
            name = Arguments(call.arguments).text("name")
            self._secrets.delete(call.project, call.request_uid, name)
            return {"name": name}

    def observe(self, call: StepCall) -> Mapping[str, Json] | None:
        """Return `name` if there is no such secret."""
        with looking(self._secrets, call):
            name = Arguments(call.arguments).text("name")
            is_there = self._secrets.find(call.project, call.request_uid, name) is not None
            return None if is_there else {"name": name}


def drawn(length: int, entropy: Callable[[int], bytes]) -> str:
    """Return random letters and digits, each as likely as any other.

    Args:
        entropy: yields that many random bytes.
    """
    fair = len(_ALPHABET) * (256 // len(_ALPHABET))  # bytes above would favour the first letters
    letters: list[str] = []
    while len(letters) < length:
        letters += [_ALPHABET[byte % len(_ALPHABET)] for byte in entropy(length) if byte < fair]
    return "".join(letters[:length])
