"""Inputs that were written for one version of a contract, brought to another.

A request keeps what its requester wrote. When it moves to another version, that contract may say
how older inputs become its own; where it says nothing, they must fit as they are. Pure: asked by
every pass, by whoever changes a request, and by whoever wants to know beforehand what publishing
a version would do to all of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from catalog.contract import Contract, Conversion
from catalog.digest import Json, JsonObject
from catalog.errors import Finding
from catalog.expression import Unanswerable, Unfit, expression
from catalog.ranges import parse_range
from catalog.request import Request
from catalog.schema import escape, violations, with_defaults
from catalog.sensitive import secrets_in_clear

CONVERSION_FAILED = "ConversionFailed"
INPUTS_DO_NOT_FIT = "InputsDoNotFit"


class Unconverted(Exception):
    """Some fields could not be converted; there is a finding for each, without its value."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        super().__init__("; ".join(f"{each.pointer}: {each.message}" for each in findings))
        self.findings = findings


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether a request's inputs do for a version.

    Attributes:
        inputs: as an operation would get them, without the version's defaults; when they do not
            fit, as they are.
        reason: why they do not; empty when they do.
        findings: what is wrong, place by place.
        is_converted: the version's conversion made them.
    """

    inputs: JsonObject
    reason: str = ""
    findings: tuple[Finding, ...] = ()
    is_converted: bool = False

    @property
    def is_good(self) -> bool:
        """Say whether they do."""
        return not self.reason


def converted(conversion: Conversion, inputs: JsonObject, seen: JsonObject | None = None) -> dict[str, Json]:
    """Return the inputs that older ones become: fields that are not named stay, null leaves one out.

    Args:
        seen: what the expressions see as `inputs`: the same with the older contract's defaults.

    Raises:
        Unconverted: an expression has no answer for these inputs.
    """
    roots: JsonObject = {"inputs": inputs if seen is None else seen}
    after, findings = dict(inputs), list[Finding]()
    for name, text in conversion.inputs.items():
        after.pop(name, None)
        try:
            value = expression(text).value(roots)
        except (Unanswerable, Unfit) as error:
            fix = "the contract's owner mends its conversion, or you write the field anew"
            findings.append(Finding(f"/inputs/{escape(name)}", "conversion_failed", str(error), fix))
            continue
        if value is not None:
            after[name] = value
    if findings:
        raise Unconverted(tuple(findings))
    return after


def fitting(contract: Contract, request: Request, old: Contract | None = None) -> Fit:
    """Return whether a request could be delivered from a version, and with which inputs.

    Args:
        contract: the version in question.
        old: the one that the inputs are written for (`written_for`); without it no defaults of
            it are seen by a conversion.
    """
    held = held_inputs(request)
    written = written_for(request)
    if written == contract.version:
        return Fit(held)  # they were checked when they were written
    conversion = contract.conversion
    if conversion is None or written not in parse_range(conversion.versions):
        findings = misfits(contract.inputs, held)
        return Fit(held, INPUTS_DO_NOT_FIT if findings else "", findings)
    try:
        after = converted(conversion, held, held if old is None else with_defaults(old.inputs, held))
    except Unconverted as error:
        return Fit(held, CONVERSION_FAILED, error.findings)
    findings = misfits(contract.inputs, after)
    return Fit(held if findings else after, CONVERSION_FAILED if findings else "", findings, not findings)


def misfits(schema: JsonObject, inputs: JsonObject) -> tuple[Finding, ...]:
    """Return what inputs have against a version's schema: what breaks it, and secrets in clear."""
    return violations(schema, inputs, "/inputs") + secrets_in_clear(schema, inputs, "/inputs")


def written_for(request: Request) -> str:
    """Return the version that a request's inputs are written for."""
    return request.inputs_version or request.contract_version


def held_inputs(request: Request) -> JsonObject:
    """Return a request's inputs as they are in force: its requester's, or what became of them."""
    return request.inputs if request.converted is None else request.converted


def listed(findings: tuple[Finding, ...]) -> Iterator[str]:
    """Yield the first few findings for a sentence."""
    yield from (f"{each.pointer} {each.message}" for each in findings[:3])
