"""Carries letters that were left at our door to runs that Temporal has.

People act on the copy of a run (they vote, they cancel it by its id), and the door leaves a
letter for it in the database, as for any run. The courier hands each on to Temporal as a
signal, in its order and with its number, so that the run knows one that comes twice. It starts
from the first letter whenever its process does: sending again is harmless, losing one is not.
"""

import logging
import threading
from dataclasses import dataclass

from temporalio.client import Client

from catalog.bell import Bell
from catalog.db import Database
from catalog.errors import PlatformError
from executors import runs
from executors.runs import TOPIC, Letter
from executors.temporal.copy import unread
from executors.temporal.line import CALL_TIMEOUT, Line
from executors.temporal.wire import POST

INTERVAL_SECONDS = 5.0
"""So often it looks where nobody rings."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Signal:
    """A letter on its way; true once Temporal has it."""

    key: str
    letter: Letter

    async def __call__(self, client: Client) -> bool:
        arguments = [self.letter.kind, dict(self.letter.body), self.letter.number]
        await client.get_workflow_handle(self.key).signal(POST, args=arguments, rpc_timeout=CALL_TIMEOUT)
        return True


class Courier:
    """One thread that looks when somebody may have written.

    Args:
        bell: rung on `runs` by whoever leaves a letter.
    """

    def __init__(self, database: Database, line: Line, bell: Bell) -> None:
        self._database = database
        self._line = line
        self._bell = bell
        self._sent: dict[str, int] = {}
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to look in the background."""
        self._thread = threading.Thread(target=self._run, name="avow-courier", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop looking."""
        self._stopping.set()
        self._bell.ring(TOPIC)
        if self._thread is not None:
            self._thread.join()

    def deliver(self) -> int:
        """Hand on what was written since the last time, and return how many letters that were."""
        with self._database.read() as tx:
            found = unread(tx)
            new = [
                (run_id, key, letter)
                for run_id, key, number in found
                if number > self._sent.get(run_id, 0)
                for letter in runs.letters(tx, run_id, self._sent.get(run_id, 0))
            ]
        self._sent = {run_id: self._sent.get(run_id, 0) for run_id, _, _ in found}
        delivered = [each for each in new if self._deliver_one(*each)]
        return len(delivered)

    def _deliver_one(self, run_id: str, key: str, letter: Letter) -> bool:
        """Hand a letter on; to a run that is not there yet it is brought again, and those after it wait."""
        if letter.number != self._sent[run_id] + 1 or not self._line.ask(_Signal(key, letter)):
            return False
        self._sent[run_id] = letter.number
        return True

    def _run(self) -> None:
        rung = self._bell.count(TOPIC)  # before the look at the flag: a stop in between ends the wait
        while not self._stopping.is_set():
            try:
                self.deliver()
            except PlatformError as error:
                _log.warning("letters to runs on Temporal wait: %s", error.message)
            self._bell.wait(TOPIC, rung, INTERVAL_SECONDS)
            rung = self._bell.count(TOPIC)
