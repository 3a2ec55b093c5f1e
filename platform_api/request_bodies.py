"""What people send to ask for something; used by every address under which requests are found.

The body of a capability's own address says all but the contract, which the address says.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, TypeVar

from pydantic import BeforeValidator, Field

from catalog.digest import JsonObject
from catalog.request import Request, Use
from platform_api.bodies import check_model, merge_patch
from platform_api.commands.requests import Wanted
from platform_api.wire import Body, Given, JsonDocument, Labels, Line, Name, VersionWish

Owner = Annotated[str, Field(pattern=r"^([a-z]([a-z0-9]|-[a-z0-9])*)?$", max_length=63)]


class UseRequest(Body):
    """Another request of the project that must be ready before, and stays as long as this one."""

    request: Name
    reason: Line = Field("", description="Shown to whoever wants to delete the other one.")


def _spelt_out(value: object) -> object:
    return {"request": value} if isinstance(value, str) else value


Uses = Annotated[
    list[Annotated[UseRequest, BeforeValidator(_spelt_out, json_schema_input_type=Name | UseRequest)]],
    Field(max_length=20, description="By name, or with the reason."),
]


class ReplaceCapabilityRequest(Body):
    """All of what is wanted of a capability; what is left out goes back to its default."""

    version: Given[VersionWish] = Field(
        None,
        description="An exact version, a range (^1.2.0), `stable` or `canary`; without it, what is newest.",
    )
    environment: Name = "dev"
    owner: Owner = Field("", description="The team that answers for it.")
    labels: Labels = Field(default_factory=dict)
    inputs: JsonDocument = Field(default_factory=dict)
    uses: Uses = Field(default_factory=list)

    def wish(self, name: str, contract: str) -> Wanted:
        """Return what somebody asks for."""
        return Wanted(
            name=name,
            contract=contract,
            version=self.version,
            environment=self.environment,
            owner=self.owner,
            labels=self.labels,
            inputs=self.inputs,
            uses=tuple(Use(use.request, use.reason) for use in self.uses),
        )


class SubmitCapabilityRequest(ReplaceCapabilityRequest):
    """What is wanted of a capability, and under which name."""

    name: Name


class ReplaceRequest(ReplaceCapabilityRequest):
    """All of what is wanted; what is left out goes back to its default."""

    contract: Name

    def wanted(self, name: str) -> Wanted:
        """Return what somebody asks for."""
        return self.wish(name, self.contract)


class SubmitRequest(ReplaceRequest):
    """What is wanted, and under which name."""

    name: Name


B = TypeVar("B", bound=ReplaceCapabilityRequest)


def patched(model: type[B], held: Request, patch: JsonObject) -> B:
    """Return what is wanted after a merge patch (RFC 7396).

    Raises:
        Invalid: `invalid_body`.
    """
    fields = ((name, getattr(held, name)) for name in model.model_fields)
    desired = {
        name: dict(value) if isinstance(value, Mapping) else value
        for name, value in fields
        if value is not None
    }
    desired["uses"] = [asdict(use) for use in held.uses]
    return check_model(model, merge_patch(desired, patch))
