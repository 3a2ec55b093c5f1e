"""A door of the tests behind a real server, on a free port, in a thread of its own."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from platform_api.serve import Server, server_of
from tests.doors import Doors


@dataclass
class Served:
    """A door behind a real server."""

    doors: Doors
    server: Server
    thread: threading.Thread
    url: str

    def stop(self) -> None:
        """Tell the server to stop, as a signal would, and wait."""
        self.server.should_exit = True
        self.thread.join(60)
        assert not self.thread.is_alive()


@contextmanager
def served(doors: Doors) -> Iterator[Served]:
    """Run a door on a free port until the block ends."""
    ready, address = threading.Event(), list[str]()

    def listening(url: str) -> None:
        address.append(url)
        ready.set()

    settings = doors.platform.settings.model_copy(update={"port": 0})
    server = server_of(doors.app, settings, listening)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    assert ready.wait(60)
    running = Served(doors, server, thread, address[0])
    try:
        yield running
    finally:
        running.stop()
