"""Stands in for what hands secrets to consumers: each has several, by label, and accepts all of them.

    PUT    /secrets/PROJECT/CONSUMER/LABEL   with `Avow-Secret`: accept it
    GET    /secrets/PROJECT/CONSUMER/LABEL   with `Avow-Secret`: 200 accepted, 403 another, 404 none
    DELETE /secrets/PROJECT/CONSUMER/LABEL   do not accept it any more
    GET    /secrets/PROJECT/CONSUMER         {"rotations": [LABEL, ...]}

Whoever does not bring the `Authorization` is answered 401. It knows nothing of Avow.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

from tests.scenarios.server import Silent, serving

WORD = "Bearer 77a0-open"
Path = tuple[str, ...]


@dataclass
class Keyholder:
    """The server: what its consumers accept, and what came in.

    Attributes:
        held: secrets by consumer and label; a consumer is `PROJECT/CONSUMER`.
        came: method and path of each call that was let in, without what it brought.
        before: asked before each of them; a status is the answer, and nothing happens.
        is_deaf: says yes to a secret and does not take it.
    """

    url: str = ""
    held: dict[str, dict[str, str]] = field(default_factory=dict)
    came: list[str] = field(default_factory=list)
    before: Callable[[str], int | None] = lambda call: None
    is_deaf: bool = False

    def labels(self, consumer: str) -> list[str]:
        """Return the labels of what a consumer accepts."""
        return sorted(self.held.get(consumer, {}))

    def answer(self, method: str, path: Path, secret: str) -> tuple[int, object]:
        """Do what is asked, and return the status and the body."""
        call = f"{method} /{'/'.join(path)}"
        self.came.append(call)
        refused = self.before(call)
        if refused is not None:
            return refused, None
        match path:
            case ["secrets", project, consumer, label]:
                return self._label(method, f"{project}/{consumer}", label, secret)
            case ["secrets", project, consumer]:
                return HTTPStatus.OK, {"rotations": self.labels(f"{project}/{consumer}")}
            case _:
                return HTTPStatus.BAD_REQUEST, None

    def _label(self, method: str, consumer: str, label: str, secret: str) -> tuple[int, object]:
        mine = self.held.setdefault(consumer, {})
        match method:
            case "PUT" if secret:
                mine |= {} if self.is_deaf else {label: secret}
                return HTTPStatus.OK, None
            case "DELETE":
                return (HTTPStatus.NO_CONTENT if mine.pop(label, None) else HTTPStatus.NOT_FOUND), None
            case "GET" if label not in mine:
                return HTTPStatus.NOT_FOUND, None
            case "GET":
                return (HTTPStatus.OK if mine[label] == secret else HTTPStatus.FORBIDDEN), None
            case _:
                return HTTPStatus.BAD_REQUEST, None


@contextmanager
def keyholding() -> Iterator[Keyholder]:
    """Serve until the block ends."""
    holder = Keyholder()

    class Door(Silent):
        def do_GET(self) -> None:
            self._serve()

        def do_PUT(self) -> None:
            self._serve()

        def do_DELETE(self) -> None:
            self._serve()

        def _serve(self) -> None:
            self.body()
            if self.headers.get("Authorization") != WORD:
                self.answer(HTTPStatus.UNAUTHORIZED)
                return
            path = tuple(self.path.strip("/").split("/"))
            status, body = holder.answer(self.command, path, self.headers.get("Avow-Secret", ""))
            self.answer(status, b"" if body is None else json.dumps(body).encode())

    with serving(Door) as holder.url:
        yield holder
