"""The policy engine over an OPA server; the one module that knows the OPA client.

The client is thin and trusting, so this engine keeps its own word on top of it: one
deadline over everything, errors of ours only, a fixed path that no input can reach, an
answer accepted only when it is whole and of the revision asked for. Modules are uploaded
under names that carry their digest, which makes an upload repeatable and lets versions and
processes share a server. A server that lost them (a restart) says "undefined", gets them
again and is asked once more. Never used: the client's rewriting of old Rego, its bulk
query, its fetching from addresses.
"""

import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import requests
from opa_client import OpaClient
from opa_client.errors import DeletePolicyError, RegoParseError
from urllib3.exceptions import NewConnectionError

from catalog.digest import Json, JsonObject
from catalog.errors import Finding, Invalid, Unavailable
from policy.answer import read_answer, unavailable
from policy.bounded_http import BoundedAdapter, within
from policy.breaker import Breaker
from policy.bundle import bundle_of
from policy.engine import Answer, EngineState, Module, PolicyBundle, RawSets, answer_of
from policy.link import Linker, Program, Text, link
from policy.lint import check_module

NAME = "opa"
_SERVER = "server"
_VERSION = re.compile(r"[0-9][0-9A-Za-z.+-]{0,40}\Z")
_STRICT = {"strict-builtin-errors": "true", "provenance": "true"}
# The client passes on whatever its parsing of a strange body ends in.
_CLIENT_ERRORS = (
    requests.RequestException,
    ValueError,
    AttributeError,
    KeyError,
    TypeError,
    RecursionError,
)
_REFUSED = "invalid_parameter"  # the server's code for a module that does not compile


@dataclass(frozen=True, slots=True)
class OpaLimits:
    """The engine's knobs.

    Attributes:
        connections: kept open to the server.
        at_a_time: so many of many questions are under way at once; single ones come on top.
        max_answer_bytes: a larger answer is none.
        upload_seconds: how long the server may take to accept a bundle's modules.
        failures_in_a_row: from then on the server, or a policy that never answers, rests.
        remembered: how many bundles stay on the server; the least used leave it.
    """

    connections: int = 16
    at_a_time: int = 8
    max_answer_bytes: int = 4 * 1024 * 1024
    upload_seconds: float = 10.0
    health_seconds: float = 1.0
    failures_in_a_row: int = 5
    rest_seconds: float = 1.0
    remembered: int = 200


@dataclass(frozen=True, slots=True)
class OpaAddress:
    """Where the server is and how it is told who we are.

    Attributes:
        url: `http://` or `https://`, host and port, no path.
        authorities: file or folder of certificate authorities, when the system's are not enough.
    """

    url: str
    token: str | None = None
    authorities: str | None = None
    certificate: tuple[str, str] | None = None


class _Client(OpaClient):  # type: ignore[misc]  # the library says nothing about its types
    """The client with our transport in its session."""

    def __init__(self, adapter: BoundedAdapter, **options: Any) -> None:
        self._adapter = adapter
        super().__init__(**options)

    def _init_session(self) -> requests.Session:
        session: requests.Session = super()._init_session()
        session.trust_env = False
        session.max_redirects = 0
        for scheme in ("http://", "https://"):
            session.mount(scheme, self._adapter)
        return session


class OpaEngine:
    """Evaluates Rego on an OPA server; safe for several threads."""

    def __init__(
        self,
        address: OpaAddress,
        limits: OpaLimits | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = limits = limits or OpaLimits()
        self._monotonic = monotonic
        self._client = _client(address, limits)
        self._linker = Linker()
        self._breaker = Breaker(limits.failures_in_a_row, limits.rest_seconds, monotonic)
        self._uploaded: OrderedDict[str, Program] = OrderedDict()
        self._names: set[str] = set()
        self._lock = threading.Lock()
        self._version = ""

    def identity(self) -> str:
        """Return the engine's name and the server's version as it said last."""
        return f"{NAME} {self._version}".strip()

    def state(self) -> EngineState:
        """Return whether the server says that it is well."""
        try:
            with within(self._limits.health_seconds, self._monotonic):
                is_ready = bool(self._client.check_health())
        except _CLIENT_ERRORS:
            is_ready = False
        return EngineState(NAME, self._version, is_ready, "" if is_ready else "the server does not answer")

    def prepare(self, bundle: PolicyBundle) -> None:
        """Do nothing: the first question uploads what is missing, in milliseconds."""

    def check(self, modules: Sequence[Module], settings: JsonObject | None = None) -> tuple[Finding, ...]:
        """Return what the linter and, when it finds nothing, the server's compiler have to say.

        Raises:
            Unavailable: `policy_unavailable`, when the server does not answer.
        """
        found = tuple(finding for module in modules for finding in check_module(module, settings or {}))
        if found:
            return found
        program = link(bundle_of(modules, settings or {}))
        with within(self._limits.upload_seconds, self._monotonic):
            try:
                self._upload(program)
            except RegoParseError as error:
                if error.expression != _REFUSED:
                    raise unavailable("the policy server takes no policies") from error
                return tuple(_findings(error, program.texts))
            finally:
                self._remove(program)
        return ()

    def evaluate(
        self, bundle: PolicyBundle, document: JsonObject, timeout_seconds: float
    ) -> Mapping[str, RawSets]:
        """Return the raw sets of every policy in the bundle, by policy name.

        Raises:
            Unavailable: `policy_unavailable`, for every way of not having a well-formed answer.
        """
        program = self._linker.program(bundle)
        if not (self._breaker.admits(_SERVER) and self._breaker.admits(program.revision)):
            raise unavailable("the policy server failed too often and rests")
        with within(timeout_seconds, self._monotonic):
            answer = self._answer(program, document)
        return read_answer(answer, program)

    def evaluate_many(
        self, bundle: PolicyBundle, documents: Sequence[JsonObject], timeout_seconds: float
    ) -> list[Answer]:
        """Return for each document what `evaluate` would, several at a time.

        The server has no question for many. To make one of them in Rego, one failure would be
        everybody's, and each `with input as` would cost what a call does.
        """
        with ThreadPoolExecutor(self._limits.at_a_time, thread_name_prefix="policy") as threads:
            ask = partial(answer_of, self, bundle, timeout_seconds=timeout_seconds)
            return list(threads.map(ask, documents))

    def close(self) -> None:
        """Close the connections."""
        self._client.close_connection()

    def _answer(self, program: Program, document: JsonObject) -> Json:
        known = self._known_texts(program)
        if program.texts[-1].name in known:
            answer = self._asked(program, document)
            if "result" in answer:
                return answer["result"]
            known = frozenset()
        try:
            self._upload(program, known)
        except RegoParseError as error:
            fault = "does not compile the policies" if error.expression == _REFUSED else "takes no policies"
            raise unavailable(f"the policy server {fault}") from error
        self._remember(program)
        answer = self._asked(program, document)
        if "result" not in answer:
            raise unavailable("the answer is undefined")
        return answer["result"]

    def _asked(self, program: Program, document: JsonObject) -> Mapping[str, Json]:
        try:
            # Package and rule are made of digests and our own words: nothing in them needs quoting.
            answer: Json = self._client.query_rule(
                document, program.package, program.rule, query_params=_STRICT
            )
        except _CLIENT_ERRORS as error:
            raise self._failed(error, program.revision) from error
        self._breaker.succeeded(_SERVER)
        self._breaker.succeeded(program.revision)
        if not isinstance(answer, dict):
            raise unavailable("the server's answer is no object")
        self._note_version(answer.get("provenance"))
        return answer

    def _upload(self, program: Program, known: Collection[str] = ()) -> None:
        for text in program.texts:
            if text.name in known:
                continue
            try:
                self._client.update_policy_from_string(text.source, text.name, rego_compat=False)
            except _CLIENT_ERRORS as error:
                raise self._failed(error, program.revision) from error

    def _failed(self, error: Exception, revision: str) -> Unavailable:
        # A policy that never ends must not make the server rest for everybody's policies; a
        # server that cannot be reached rests whoever asks. An error status costs nobody time.
        if isinstance(error, requests.HTTPError):
            self._breaker.succeeded(_SERVER)
        elif _is_unreachable(error):
            self._breaker.failed(_SERVER)
        elif isinstance(error, requests.ConnectionError | requests.Timeout):
            self._breaker.failed(revision)
        return unavailable(f"the policy server failed ({type(error).__name__})")

    def _known_texts(self, program: Program) -> frozenset[str]:
        with self._lock:
            if program.revision in self._uploaded:
                self._uploaded.move_to_end(program.revision)
            return frozenset(self._names)

    def _remember(self, program: Program) -> None:
        with self._lock:
            self._uploaded[program.revision] = program
            self._names.update(text.name for text in program.texts)
            is_full = len(self._uploaded) > self._limits.remembered
            oldest = self._uploaded.popitem(last=False)[1] if is_full else None
        if oldest is not None:
            self._remove(oldest)

    def _remove(self, program: Program) -> None:
        # Somebody else may need what goes here; they are told "undefined" and put it back.
        with self._lock:
            in_use = {text.name for known in self._uploaded.values() for text in known.texts}
            gone = [text.name for text in program.texts if text.name not in in_use]
            self._names.difference_update(gone)
        for name in gone:
            with suppress(DeletePolicyError, *_CLIENT_ERRORS):
                self._client.delete_policy(name)

    def _note_version(self, provenance: Json) -> None:
        version = provenance.get("version") if isinstance(provenance, dict) else None
        if isinstance(version, str) and _VERSION.match(version):
            self._version = version


def _client(address: OpaAddress, limits: OpaLimits) -> OpaClient:
    url = urlsplit(address.url)
    is_plain = not (url.path.strip("/") or url.query or url.fragment or url.username)
    if url.scheme not in {"http", "https"} or not url.hostname or not is_plain:
        fix = "write for example http://127.0.0.1:8181"
        raise Invalid("invalid_opa_url", "The address of the policy server is not usable.", fix=fix)
    is_secure = url.scheme == "https"
    host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    return _Client(
        BoundedAdapter(limits.max_answer_bytes, limits.connections),
        host=host,
        port=url.port or (443 if is_secure else 80),
        ssl=(address.authorities or True) if is_secure else False,
        cert=address.certificate,
        token=address.token,
        retries=0,
    )


def _is_unreachable(error: Exception) -> bool:
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(error, requests.ConnectTimeout) or isinstance(reason, NewConnectionError)


def _findings(error: RegoParseError, texts: Sequence[Text]) -> Sequence[Finding]:
    found = []
    for part in error.errors if isinstance(error.errors, list) else []:
        location = part.get("location") if isinstance(part, dict) else None
        place = location if isinstance(location, dict) else {}
        text = next((text for text in texts if text.name == place.get("file")), None)
        pointer = f"{text.path}:{place.get('row')}" if text else ""
        message = str(part.get("message") if isinstance(part, dict) else part)[:300]
        found.append(Finding(pointer, "policy_does_not_compile", message, "correct the policy"))
    return found or [Finding("", "policy_does_not_compile", "the server refuses the policy", "correct it")]
