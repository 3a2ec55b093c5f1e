"""What tests of the Celery door ask of a broker, whichever it is.

A broker is named by its URL alone, as in production; what waits in its queue is looked at, and
taken away, over a connection of our own.
"""

import pkgutil
from typing import Any, Protocol

import redis

# The client's types say less than none at all.
Connection: Any = pkgutil.resolve_name("kombu:Connection")
Queue: Any = pkgutil.resolve_name("kombu:Queue")
NoSuchQueue: type[Exception] = pkgutil.resolve_name("amqp:NotFound")


class Broker(Protocol):
    """A server that hands out brokers."""

    def new_url(self) -> str:
        """Return the address of a broker nobody else was given."""
        ...


def waiting(url: str, queue: str) -> int:
    """Return how many messages wait in a queue; none when it was never used."""
    if url.startswith("redis"):
        with redis.Redis.from_url(url) as client:
            return int(client.llen(queue))
    with Connection(url) as connection:
        try:
            return int(connection.default_channel.queue_declare(queue, passive=True).message_count)
        except NoSuchQueue:
            return 0


def forget(url: str, queue: str) -> None:
    """Take away every message that waits in a queue."""
    if url.startswith("redis"):
        with redis.Redis.from_url(url) as client:
            client.flushdb()
        return
    with Connection(url) as connection:
        connection.default_channel.queue_purge(queue)


def taken(url: str, queue: str) -> Any:
    """Return the first message that waits in a queue, and take it away."""
    with Connection(url) as connection:
        message = Queue(queue, no_declare=True)(connection).get(no_ack=True)
    assert message is not None, "no message waits"
    return message


def put(url: str, queue: str, value: str) -> None:
    """Put a message into a queue, and wait until the broker has it."""
    options = {} if url.startswith("redis") else {"confirm_publish": True}
    with Connection(url, transport_options=options) as connection, connection.SimpleQueue(queue) as made:
        made.put(value, serializer="json")
