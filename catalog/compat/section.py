"""The schemas of a contract, and which way each of them may move."""

from dataclasses import dataclass

from catalog.compat.change import Effect


@dataclass(frozen=True, slots=True)
class Section:
    """A schema that contracts have.

    Attributes:
        pointer: where it stands in contract.yaml.
        takes: it says what may come in, so it may grow; otherwise what goes out, so it may shrink.
        hits: who is hit when it moves the other way.
        breaks: what that means for them.
        grows: what moving the right way means.
    """

    pointer: str
    takes: bool
    hits: Effect
    breaks: str
    grows: str


INPUTS = Section(
    "/spec/inputs",
    takes=True,
    hits=Effect.REQUESTER,
    breaks="requests that were accepted may be refused",
    grows="more can be asked for than before",
)
OUTPUTS = Section(
    "/spec/outputs",
    takes=False,
    hits=Effect.CONSUMER,
    breaks="consumers may get what they were never told of, or miss what they were",
    grows="consumers get no less than was promised",
)
