"""What a bundle says of children, checked against the contracts that they are made from.

As far as these are published: a contract may come before those that it needs.
"""

from collections.abc import Iterator

from catalog import contracts
from catalog.bundle import Bundle
from catalog.composing import given_findings, outputs_findings
from catalog.contract import Child, Contract
from catalog.contracts import Wish
from catalog.db import Tx
from catalog.digest import JsonObject
from catalog.documents import read_yaml
from catalog.errors import Finding, NotFound
from catalog.references import references
from executors.workflow.referring import referred as referred_in


def child_findings(tx: Tx, bundle: Bundle) -> Iterator[Finding]:
    """Yield what is wrong with a contract's children, and with what its workflows take from them."""
    made = {child.name: _contract_of(tx, child) for child in bundle.contract.children}
    promised = {name: None if found is None else found.outputs for name, found in made.items()}
    for index, child in enumerate(bundle.contract.children):
        pointer = f"contract.yaml#/spec/children/{index}/inputs"
        found = made[child.name]
        if found is not None:
            yield from given_findings(child.inputs, found.inputs, pointer)
        referred = ((each.pointer, each.path) for each in references(child.inputs, pointer))
        yield from outputs_findings(referred, promised)
    for file, definition in _definitions(bundle).items():
        referred = ((f"{file}#{place}", path) for place, path in referred_in(definition, bundle.files))
        yield from outputs_findings(referred, promised)


def _contract_of(tx: Tx, child: Child) -> Contract | None:
    try:
        found = contracts.resolved(tx, Wish(child.contract, child.versions), "")
    except NotFound:
        return None
    return found.contract if found is not None and found.lifecycle.is_serving else None


def _definitions(bundle: Bundle) -> dict[str, JsonObject]:
    contract = bundle.contract
    named = {part.definition for part in contract.operations.values()}
    named |= {part.definition for part in contract.actions.values()}
    return {file: read_yaml(bundle.files[file], file) for file in sorted(named)}
