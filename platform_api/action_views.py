"""The actions of a contract as they go over the wire: of a capability, and of a request on it."""

from catalog.contract import Contract
from platform_api.wire import JsonDocument, View


class ActionView(View):
    """One action of a contract.

    Attributes:
        inputs: JSON Schema of what it takes.
    """

    name: str
    description: str
    inputs: JsonDocument

    @classmethod
    def of_all(cls, contract: Contract) -> "list[ActionView]":
        """Return the views of what a contract offers, by name."""
        return [
            cls(name=name, description=action.description, inputs=dict(action.inputs))
            for name, action in sorted(contract.actions.items())
        ]
