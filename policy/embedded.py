"""The policy engine without a server: Rego evaluated in a few worker processes of our own.

Wiring makes one and hands it to `Admission`. Each of its threads owns one worker process,
started when the first question comes (or in the background by `prepare`), told to load a
program the first time it needs it, and replaced when it dies, misses a deadline or has
answered its share. What a crash costs is one question; a policy that crashes workers
again and again rests for a while, so that it cannot wear out everybody else's.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from catalog.digest import Json, JsonObject
from catalog.errors import Finding, Unavailable
from policy import spelling
from policy.answer import read_answer, strict_json, unavailable
from policy.batches import Batch, batches
from policy.breaker import Breaker
from policy.bundle import bundle_of
from policy.embedded_channel import WorkerChannel, WorkerLostError
from policy.engine import Answer, EngineState, Module, PolicyBundle, RawSets
from policy.link import Linker, Program, Text, link
from policy.lint import check_module

T = TypeVar("T")

NAME = "embedded"


@dataclass(frozen=True, slots=True)
class EmbeddedLimits:
    """The engine's knobs.

    Attributes:
        workers: processes at most; each takes about 30 MB.
        start_seconds: how long a process may take to come up, on a busy machine.
        load_seconds: how long a program may take to compile; its first caller may give up earlier.
        questions_per_worker: after so many a process is replaced, whatever it may have leaked.
        crashes_in_a_row: from then on a policy rests.
    """

    workers: int = 2
    start_seconds: float = 20.0
    load_seconds: float = 5.0
    questions_per_worker: int = 20_000
    crashes_in_a_row: int = 3
    rest_seconds: float = 20.0


class EmbeddedEngine:
    """Evaluates Rego in worker processes; safe for several threads."""

    def __init__(
        self, limits: EmbeddedLimits | None = None, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._limits = limits = limits or EmbeddedLimits()
        self._monotonic = monotonic
        self._linker = Linker()
        self._breaker = Breaker(limits.crashes_in_a_row, limits.rest_seconds, monotonic)
        self._threads = ThreadPoolExecutor(limits.workers, thread_name_prefix="policy")
        self._own = threading.local()
        self._workers: set[WorkerChannel] = set()
        self._lock = threading.Lock()
        self._is_closed = False
        self._version = ""
        self._trouble = ""

    def identity(self) -> str:
        """Return the engine's name and version."""
        return f"{NAME} {self._version}".strip()

    def state(self) -> EngineState:
        """Return whether it can answer now; before the first question that is assumed."""
        with self._lock:
            is_ready = not self._is_closed and not self._trouble
            return EngineState(NAME, self._version, is_ready, "closed" if self._is_closed else self._trouble)

    def prepare(self, bundle: PolicyBundle) -> None:
        """Start a worker and compile a bundle in the background, so that the first question is quick."""
        program = self._linker.program(bundle)
        self._submit(lambda: self._load(self._worker(), program))

    def check(self, modules: Sequence[Module], settings: JsonObject | None = None) -> tuple[Finding, ...]:
        """Return what the linter and, when it finds nothing, the engine's compiler have to say.

        Raises:
            Unavailable: `policy_unavailable`, when no worker can be started.
        """
        found = tuple(finding for module in modules for finding in check_module(module, settings or {}))
        return found or self._compiler_findings(link(bundle_of(modules, settings or {})))

    def evaluate(
        self, bundle: PolicyBundle, document: JsonObject, timeout_seconds: float
    ) -> Mapping[str, RawSets]:
        """Return the raw sets of every policy in the bundle, by policy name.

        Raises:
            Unavailable: `policy_unavailable`, for every way of not having a well-formed answer.
        """
        program = self._linker.program(bundle)
        try:
            text = spelling.term(document)
        except ValueError as error:
            raise unavailable("the input is no text that can be evaluated") from error
        if not self._breaker.admits(program.revision):
            raise unavailable("this policy has ended its evaluation too often and rests")
        deadline = self._monotonic() + timeout_seconds
        future = self._submit(lambda: self._evaluate(program, text, deadline, timeout_seconds))
        try:
            answer = future.result(timeout=timeout_seconds)
        except (TimeoutError, CancelledError) as error:
            future.cancel()
            raise unavailable("there was no answer in time") from error
        return read_answer(answer, program)

    def evaluate_many(
        self, bundle: PolicyBundle, documents: Sequence[JsonObject], timeout_seconds: float
    ) -> list[Answer]:
        """Return for each document what `evaluate` would.

        Workers get a batch at a time, which saves the way there and back; only so many batches wait
        that a single question is never far from its turn. A batch that a worker does not survive
        is asked again one by one, so that only what ended it goes without an answer.

        Raises:
            Unavailable: `policy_unavailable`, when the engine is closed.
        """
        try:
            program = self._linker.program(bundle)
        except Unavailable as silence:
            return [silence] * len(documents)
        nothing = unavailable("the input is no text that can be evaluated")
        found: list[Answer] = [nothing] * len(documents)
        for batch, answers in self._batched(program, batches(list(map(_term, documents))), timeout_seconds):
            told = list(self._told(program, batch, answers, timeout_seconds))
            for place, each in zip(batch.places, told, strict=True):
                found[place] = each
        return found

    def close(self) -> None:
        """End the threads and their processes; questions under way get no answer."""
        with self._lock:
            self._is_closed = True
            workers = tuple(self._workers)
        self._threads.shutdown(wait=False, cancel_futures=True)
        for worker in workers:
            worker.interrupt()
        self._threads.shutdown(wait=True)
        for worker in workers:
            worker.kill()

    def _submit(self, work: Callable[[], T]) -> Future[T]:
        try:
            return self._threads.submit(work)
        except RuntimeError as error:
            raise unavailable("the engine is closed") from error

    def _evaluate(self, program: Program, text: str, deadline: float, seconds: float) -> Json:
        # Whoever waited too long for a free worker has gone. Whoever has begun gets the whole
        # time, or a queue would make workers be killed for questions that they just received.
        worker = self._worker()
        question: JsonObject = {"ask": "evaluate", "revision": program.revision, "input": text}
        self._check_deadline(deadline)
        answer = self._asked(worker, program, question, seconds)
        if answer.get("is_missing"):
            self._load(worker, program)
            self._check_deadline(deadline)
            answer = self._asked(worker, program, question, seconds)
        self._breaker.succeeded(program.revision)
        return _expression(answer)

    def _batched(
        self, program: Program, wanted: Iterator[Batch], seconds: float
    ) -> Iterator[tuple[Batch, "_Answers"]]:
        """Yield each batch with its answers, or why there are none, in order."""
        waiting: deque[tuple[Batch, Future[Sequence[JsonObject]]]] = deque()
        for batch in wanted:
            waiting.append((batch, self._submit(partial(self._evaluate_batch, program, batch, seconds))))
            if len(waiting) > 2 * self._limits.workers:
                yield self._collected(*waiting.popleft(), seconds)
        while waiting:
            yield self._collected(*waiting.popleft(), seconds)

    def _collected(
        self, batch: Batch, future: Future[Sequence[JsonObject]], seconds: float
    ) -> tuple[Batch, "_Answers"]:
        limits = self._limits
        patience = limits.start_seconds + limits.load_seconds + 3 * seconds * len(batch.texts)
        try:
            return batch, future.result(timeout=patience)
        except Unavailable as silence:
            return batch, silence
        except (TimeoutError, CancelledError):
            future.cancel()
            return batch, unavailable("there was no answer in time")

    def _told(self, program: Program, batch: Batch, answers: "_Answers", seconds: float) -> Iterator[Answer]:
        if not isinstance(answers, Unavailable):
            yield from (_told(answer, program) for answer in answers)
        elif len(batch.texts) == 1:
            yield answers
        else:
            for single, again in self._batched(program, batch.singles(), seconds):
                yield from self._told(program, single, again, seconds)

    def _evaluate_batch(self, program: Program, batch: Batch, seconds: float) -> Sequence[JsonObject]:
        worker, count = self._worker(), len(batch.texts)
        question: JsonObject = {
            "ask": "evaluate_many",
            "revision": program.revision,
            "inputs": list(batch.texts),
        }
        if not self._breaker.admits(program.revision):
            raise unavailable("this policy has ended its evaluation too often and rests")
        answer = self._asked(worker, program, question, seconds, count)
        if answer.get("is_missing"):
            self._load(worker, program)
            answer = self._asked(worker, program, question, seconds, count)
        answers = answer.get("answers")
        if not isinstance(answers, list) or len(answers) != count:
            raise unavailable("the worker does not answer all of it")
        self._breaker.succeeded(program.revision)
        return [each if isinstance(each, Mapping) else {} for each in answers]

    def _check_deadline(self, deadline: float) -> None:
        if self._monotonic() >= deadline:
            raise unavailable("there was no answer in time")

    def _load(self, worker: WorkerChannel, program: Program) -> None:
        question: JsonObject = {"ask": "load", "revision": program.revision, **_program(program)}
        loaded = self._asked(worker, program, question, self._limits.load_seconds)
        if not loaded.get("ok"):
            raise unavailable(f"the policies do not compile: {loaded.get('error')}")

    def _asked(
        self, worker: WorkerChannel, program: Program, question: JsonObject, seconds: float, count: int = 1
    ) -> JsonObject:
        try:
            return worker.ask(question, seconds, count)
        except WorkerLostError as error:
            self._breaker.failed(program.revision)
            raise unavailable(str(error)) from error

    def _worker(self) -> WorkerChannel:
        worker: WorkerChannel | None = getattr(self._own, "worker", None)
        if worker is not None and worker.is_alive and worker.questions < self._limits.questions_per_worker:
            return worker
        if worker is not None:
            worker.kill()
        self._own.worker = fresh = self._start(replaced=worker)
        return fresh

    def _start(self, replaced: WorkerChannel | None = None) -> WorkerChannel:
        try:
            worker = WorkerChannel(self._limits.start_seconds, self._monotonic)
        except WorkerLostError as error:
            with self._lock:
                self._trouble = str(error)
            raise unavailable(str(error)) from error
        with self._lock:
            self._workers -= {replaced}
            self._workers.add(worker)
            self._version, self._trouble = worker.version, ""
            is_late = self._is_closed
        if is_late:
            worker.kill()
            raise unavailable("the engine is closed")
        return worker

    def _compiler_findings(self, program: Program) -> tuple[Finding, ...]:
        # A process of its own: what a stranger publishes must not cost anybody's decision.
        worker = self._start()
        try:
            answer = worker.ask({"ask": "check", **_program(program)}, self._limits.load_seconds)
        except WorkerLostError:
            message = "the policy ends the engine that compiles it"
            return (Finding("", "policy_ends_engine", message, "simplify it"),)
        finally:
            worker.kill()
            with self._lock:
                self._workers.discard(worker)
        findings = answer.get("findings")
        parts = findings if isinstance(findings, list) else []
        return tuple(_finding(part, program.texts) for part in parts)


_Answers = Sequence[JsonObject] | Unavailable


def _program(program: Program) -> dict[str, Json]:
    texts: list[Json] = [[text.name, spelling.source(text.source)] for text in program.texts]
    return {"texts": texts, "entry": f"{program.package.replace('.', '/')}/{program.rule}"}


def _term(document: JsonObject) -> str | None:
    try:
        return spelling.term(document)
    except ValueError:
        return None


def _told(answer: JsonObject, program: Program) -> Answer:
    try:
        return read_answer(_expression(answer), program)
    except Unavailable as silence:
        return silence


def _expression(answer: JsonObject) -> Json:
    if not answer.get("ok"):
        raise unavailable(f"evaluation failed: {answer.get('error')}")
    try:
        output = strict_json(spelling.answer(str(answer.get("text"))))
    except ValueError as error:
        raise unavailable("the answer is no JSON") from error
    # Nothing beside it: should a quote from an input end one of our strings in spite of
    # `policy.spelling`, what follows could be read as something else.
    expressions = output.get("expressions") if isinstance(output, dict) and len(output) == 1 else None
    if not isinstance(expressions, list) or len(expressions) != 1:
        raise unavailable("the answer is undefined")
    value: Json = expressions[0]
    return value


def _finding(part: Json, texts: Sequence[Text]) -> Finding:
    if not isinstance(part, Mapping):
        raise unavailable("the worker spoke nonsense")
    text = next((text for text in texts if text.name == part.get("name")), texts[0])
    offset = part.get("offset")
    read = spelling.source(text.source).encode("utf-8")
    line = read[: offset if isinstance(offset, int) else 0].count(b"\n") + 1
    return Finding(
        f"{text.path}:{line}", "policy_does_not_compile", str(part.get("text")), "correct the policy"
    )
