"""Contract bundles that the scenarios publish: real workflows, kept as small as they can be."""

import json
from collections.abc import Mapping
from typing import Any

RETRY = {"attempts": 2, "initial": "50ms", "max": "100ms"}


def page(
    version: str = "1.0.0", *, greeting: str = "Hello", same_environment: bool = False
) -> dict[str, str]:
    """Return a contract whose delivery is a git repository with one page in it."""
    contract = _contract("page", version, {"title": {"type": "string", "default": "untitled"}}, ["url"])
    contract["spec"]["placement"] = {"match": {"kind": "git-server", "environment": same_environment}}
    place = {"destination": "${destination.config}", "name": "${request.name}"}
    provision = [
        _step("repository", "git.create_repository", place, {"uses": "git.delete_repository", "with": place}),
        *_page_steps("${steps.repository.outputs.url}"),
    ]
    return _files(
        contract,
        provision={"steps": provision, **_page_result("${steps.repository.outputs.url}")},
        update={"steps": _page_steps("${outputs.url}"), **_page_result("${outputs.url}")},
        delete={"steps": [_step("away", "git.delete_repository", place)]},
        observe={
            "steps": [_step("look", "git.inspect", {**place, "paths": ["page.html"]})],
            "facts": {"exists": "${steps.look.outputs.exists}", "files": "${steps.look.outputs.files}"},
        },
    ) | {"templates/page.html": f"<h1>{greeting} [[ inputs.title ]]</h1>\n"}


def entry(server: str, version: str = "1.0.0", **reconcile: Any) -> dict[str, str]:
    """Return a contract whose delivery is four entries on a server that counts effects.

    Args:
        server: base address of a `tests.scenarios.ledger` server.
        reconcile: the contract's `spec.reconcile`.
    """
    contract = _contract("entry", version, {"note": {"type": "string", "default": "none"}}, ["parts"])
    contract["spec"]["reconcile"] = {"keep_runs": 5, **reconcile}
    parts = ("first", "second", "third", "fourth")
    return _files(
        contract,
        provision={"steps": [_put(server, part) for part in parts], **_entry_result(parts)},
        update={"steps": [_put(server, part) for part in parts], **_entry_result(parts)},
        delete={"steps": [_remove(server, part) for part in reversed(parts)]},
        observe={
            "steps": [
                _step(
                    "look",
                    "http.read",
                    {"base_url": server, "path": ["requests", "${request.uid}"]},
                )
            ],
            "facts": {
                "exists": "${steps.look.outputs.body.exists}",
                "parts": "${steps.look.outputs.body.parts}",
            },
        },
    )


def like(files: Mapping[str, str], name: str, version: str = "1.0.0", **spec: Any) -> dict[str, str]:
    """Return a bundle under another name and version, with parts of its `spec` added or replaced."""
    contract = json.loads(files["contract.yaml"])
    contract["metadata"] |= {"name": name, "version": version}
    contract["spec"] |= spec
    return {**files, "contract.yaml": json.dumps(contract)}


def estate(server: str) -> list[dict[str, str]]:
    """Return contracts of which one is made of the other: three children, each needing the one before.

    The first is `entry`, the last `estate`; every part of a request on it stands on the server.
    """
    plain = entry(server)
    note = {"note": "${inputs.note}"}
    children = [
        {"name": "net", "contract": "entry", "version": "^1.0.0", "inputs": note},
        {"name": "db", "contract": "entry", "version": "^1.0.0", "inputs": note, "needs": ["net"]},
        {"name": "app", "contract": "entry", "version": "^1.0.0", "inputs": note, "needs": ["db"]},
    ]
    return [plain, like(plain, "estate", children=children)]


def _page_steps(url: str) -> list[dict[str, Any]]:
    values = {"inputs": "${inputs}"}
    return [
        _step("files", "files.render", {"templates": {"page.html": "templates/page.html"}, "values": values}),
        _step(
            "push",
            "git.commit",
            {"url": url, "files": "${steps.files.outputs.files}", "message": "Write the page"},
        ),
    ]


def _page_result(url: str) -> dict[str, Any]:
    return {"outputs": {"url": url}, "facts": {"exists": True, "files": "${steps.push.outputs.files}"}}


def _put(server: str, part: str) -> dict[str, Any]:
    path = ["requests", "${request.uid}", part]
    call = {
        "method": "PUT",
        "base_url": server,
        "path": path,
        "body": {"note": "${inputs.note}"},
        # That an entry is there says nothing: it may be from before. That it says this does.
        "check": {"path": [*path, "${inputs.note}"]},
    }
    return _step(part, "http.call", call, {"uses": "http.call", "with": _removal(server, part)})


def _remove(server: str, part: str) -> dict[str, Any]:
    return _step(part, "http.call", _removal(server, part))


def _removal(server: str, part: str) -> dict[str, Any]:
    path = ["requests", "${request.uid}", part]
    gone = [404, 410]
    return {
        "method": "DELETE",
        "base_url": server,
        "path": path,
        "expect": [204, *gone],
        "check": {"path": path, "expect": gone},
    }


def _entry_result(parts: tuple[str, ...]) -> dict[str, Any]:
    return {"outputs": {"parts": list(parts)}, "facts": {"exists": True, "parts": sorted(parts)}}


def _step(
    id_: str, uses: str, arguments: Mapping[str, Any], compensate: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    step = {"id": id_, "uses": uses, "with": dict(arguments), "timeout": "10s", "retry": RETRY}
    return step if compensate is None else {**step, "compensate": dict(compensate)}


def _contract(name: str, version: str, inputs: Mapping[str, Any], outputs: list[str]) -> dict[str, Any]:
    operations = ("provision", "update", "delete", "observe")
    return {
        "apiVersion": "avow/v1",
        "kind": "Contract",
        "metadata": {"name": name, "version": version, "owner": "team-tests"},
        "spec": {
            "description": f"A {name}, for the acceptance scenarios.",
            "inputs": {"type": "object", "additionalProperties": False, "properties": dict(inputs)},
            "outputs": {"type": "object", "required": outputs, "properties": {each: {} for each in outputs}},
            "operations": {
                each: {"executor": "workflow", "definition": f"{each}.yaml"} for each in operations
            },
            "drift": {"interval": "3s"},
        },
    }


def _files(contract: Mapping[str, Any], **workflows: Mapping[str, Any]) -> dict[str, str]:
    files = {"contract.yaml": json.dumps(contract)}
    for name, body in workflows.items():
        document = {"apiVersion": "avow/v1", "kind": "Workflow", "metadata": {"name": name}, **body}
        files[f"{name}.yaml"] = json.dumps(document)
    return files
