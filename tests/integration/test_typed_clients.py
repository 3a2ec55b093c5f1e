"""What `avow client` writes is strictly typed for every contract, and says on the wire what was meant."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from platform_api.cli.client_models import models_of
from platform_api.cli.client_package import files_of, package_name
from tests.capabilities import SMALL, contracts, document
from tests.packages import Load, imported_from

CONTRACTS = contracts()
GOOD = """
from typing import assert_type

from postgres_database_client import (
    InvalidRequest,
    PostgresDatabaseClient,
    PostgresDatabaseInputs,
    PostgresDatabaseOutputs,
    PostgresDatabasePatchInputs,
    PostgresDatabaseRequest,
)
from service_client import ServiceInputs


def main(client: PostgresDatabaseClient) -> None:
    held = client.submit("a", PostgresDatabaseInputs(connections=5), environment="dev", labels={"a": "b"})
    assert_type(held, PostgresDatabaseRequest)
    assert_type(client.wait_ready("a").outputs, PostgresDatabaseOutputs)
    assert_type(client.wait_ready("a").outputs.port, int)
    assert_type([each.name for each in client.list(phase="ready")], list[str])
    client.patch(held, PostgresDatabasePatchInputs(connections=None), labels={"a": None})
    client.replace(held, PostgresDatabaseInputs())
    if isinstance(held.outputs, PostgresDatabaseOutputs):
        assert_type(held.outputs.host, str)
    try:
        client.delete(held)
    except InvalidRequest as refused:
        assert_type(refused.problem.code, str)


ServiceInputs(description="Sells", language="go")
"""
HEAD = """
from postgres_database_client import PostgresDatabaseClient, PostgresDatabaseInputs
from service_client import ServiceInputs

client = PostgresDatabaseClient("", "", "")
"""
BAD = {
    'PostgresDatabaseInputs(connections="many")': "arg-type",
    "PostgresDatabaseInputs(conections=5)": "call-arg",
    'ServiceInputs(description="Sells", language="cobol")': "arg-type",
    "ServiceInputs()": "call-arg",
    'client.submit("a", ServiceInputs(description="Sells"))': "arg-type",
    'client.submit("a", {"connections": 5})': "arg-type",
    'client.wait_ready("a").outputs.hots': "attr-defined",
    'client.get("a").outputs.host': "union-attr",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with a client for every contract."""
    found: Path = tmp_path_factory.mktemp("clients")
    for name, contract in CONTRACTS.items():
        package = found / package_name(name)
        package.mkdir()
        for path, text in files_of(document(contract, is_pinned=name == "service"), models_of).items():
            (package / path).write_text(text)
    return found


def checked(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a checker of this environment in the folder, with its own defaults."""
    return subprocess.run(
        [sys.executable, "-m", *words], cwd=folder, capture_output=True, text=True, check=False
    )


def mypy(folder: Path, *targets: str) -> subprocess.CompletedProcess[str]:
    return checked(folder, "mypy", "--strict", "--config-file=", "--cache-dir=.cache", *targets)


def test_every_client_is_strictly_typed_and_its_use_is_checked(folder: Path) -> None:
    (folder / "good.py").write_text(GOOD)
    packages = [package_name(name) for name in CONTRACTS]
    found = mypy(folder, "good.py", *packages)
    assert found.returncode == 0, found.stdout
    uses = "\n".join(BAD)
    (folder / "bad.py").write_text(f"{HEAD}{uses}\n")
    told = mypy(folder, "bad.py").stdout.splitlines()
    first = HEAD.count("\n") + 1
    kinds = {
        int(line.split(":")[1]) - first: line.rpartition("[")[2].rstrip("]")
        for line in told
        if "error:" in line
    }
    assert list(kinds.values()) == list(BAD.values()), "\n".join(told)
    assert list(kinds) == list(range(len(BAD)))


def test_every_client_passes_a_linter_with_its_defaults(folder: Path) -> None:
    found = checked(folder, "ruff", "check", "--isolated", *map(package_name, CONTRACTS))
    assert found.returncode == 0, found.stdout


@pytest.fixture(scope="module")
def load(folder: Path) -> Iterator[Load]:
    with imported_from(folder) as found:
        yield found


@pytest.mark.parametrize("name", CONTRACTS)
def test_every_client_can_be_imported_and_takes_the_examples(load: Load, name: str) -> None:
    package = load(package_name(name))
    stem = "".join(word.capitalize() for word in name.split("-"))
    inputs = getattr(package, f"{stem}Inputs")
    for example in CONTRACTS[name].examples:
        read = inputs.model_validate(example.inputs)
        assert read.model_dump(mode="json", by_alias=True, exclude_unset=True) == example.inputs


def test_names_that_python_cannot_say_are_said_otherwise(load: Load) -> None:
    network = load("network_client")
    zone = load("network_client.models").NetworkInputsZone
    inputs = network.NetworkInputs(
        zones=[zone(name="a", weight=2)],
        max_size=4,
        class_=None,
        a_b=1,
        literal={"$ref": "x"},
        Annotated=True,
    )
    assert inputs.model_dump(mode="json", by_alias=True, exclude_unset=True) == {
        "zones": [{"name": "a", "weight": 2}],
        "max-size": 4,
        "class": None,
        "a.b": 1,
        "literal": {"$ref": "x"},
        "Annotated": True,
    }


@pytest.mark.parametrize(
    "wrong",
    [{"zones": []}, {"max-size": 12}, {"token": "hunter2"}, {"size": "xl"}, {"no": 1}],
    ids=str,
)
def test_what_types_can_say_is_refused_before_it_is_sent(load: Load, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        load("network_client").NetworkInputs.model_validate(SMALL | wrong)


# --- on the wire --------------------------------------------------------------------------


REQUEST: dict[str, Any] = {
    "uid": "req_1",
    "project": "shop",
    "name": "a",
    "contract": "network",
    "contract_version": "2.1.0",
    "contract_digest": "sha256:0",
    "environment": "prod",
    "labels": {},
    "uses": [],
    "inputs": SMALL,
    "generation": 1,
    "revision": 3,
    "attempt": 0,
    "phase": "pending",
    "paused": False,
    "conditions": [],
    "outputs": {},
    "created_at": "2026-03-01T12:00:00Z",
    "created_by": "dora",
    "updated_at": "2026-03-01T12:00:00Z",
}
ALL = "/v1/capabilities/network/projects/shop/requests"


class Wire:
    """Answers a client in the place of the network, and keeps what it sent."""

    def __init__(self) -> None:
        self.sent: list[httpx.Request] = []
        self.answers: list[httpx.Response | Exception] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Return the next answer; the request as it stands when there is none."""
        self.sent.append(request)
        answer = self.answers.pop(0) if self.answers else httpx.Response(200, json=REQUEST)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def body(self) -> Any:
        """Return what was sent last."""
        return json.loads(self.sent[-1].content)


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def network(load: Load) -> Any:
    return load("network_client")


@pytest.fixture
def client(network: Any, wire: Wire) -> Iterator[Any]:
    with network.NetworkClient(
        "http://avow.test", "avow_x", "shop", transport=httpx.MockTransport(wire)
    ) as made:
        yield made


def test_a_submission_says_what_was_said_and_nothing_else(network: Any, client: Any, wire: Wire) -> None:
    client.submit("a", network.NetworkInputs.model_validate(SMALL), environment="prod", labels={"a": "b"})
    [sent] = wire.sent
    assert (sent.method, sent.url.path, sent.headers["Authorization"]) == ("POST", ALL, "Bearer avow_x")
    expected = {"name": "a", "environment": "prod", "labels": {"a": "b"}, "inputs": SMALL}
    assert wire.body() == expected


def test_each_submission_has_a_key_and_its_repetitions_the_same(
    network: Any, client: Any, wire: Wire
) -> None:
    inputs = network.NetworkInputs.model_validate(SMALL)
    wire.answers = [httpx.ReadError("lost"), httpx.ReadError("lost")]
    client.submit("a", inputs)
    client.submit("b", inputs)
    client.submit("c", inputs, idempotency_key="mine")
    keys = [sent.headers["Idempotency-Key"] for sent in wire.sent]
    assert keys[0] == keys[1] == keys[2] != keys[3]
    assert keys[4] == "mine"


def test_a_change_is_not_sent_twice(client: Any, network: Any, wire: Wire) -> None:
    wire.answers = [httpx.ReadError("lost")]
    with pytest.raises(network.Unreachable, match="does not answer"):
        client.delete("a")
    assert len(wire.sent) == 1


def test_a_change_of_what_was_read_says_so_and_keeps_its_environment(
    network: Any, client: Any, wire: Wire
) -> None:
    held = client.get("a")
    client.replace(held, network.NetworkInputs.model_validate(SMALL))
    assert (wire.sent[-1].method, wire.sent[-1].headers["If-Match"]) == ("PUT", '"3"')
    assert wire.body() == {"environment": "prod", "inputs": SMALL}
    client.replace("a", network.NetworkInputs.model_validate(SMALL))
    assert wire.sent[-1].headers["If-Match"] == "*"
    client.patch(held, network.NetworkPatchInputs(size=None), labels={"a": None})
    assert wire.body() == {"labels": {"a": None}, "inputs": {"size": None}}
    client.delete(held)
    assert (wire.sent[-1].method, wire.sent[-1].headers["If-Match"]) == ("DELETE", '"3"')


def test_a_pinned_client_names_its_version(load: Load, wire: Wire) -> None:
    service = load("service_client")
    wire.answers = [httpx.Response(200, json=REQUEST | {"contract": "service"})]
    with service.ServiceClient(
        "http://avow.test", "x", "shop", transport=httpx.MockTransport(wire)
    ) as client:
        client.submit("a", service.ServiceInputs(description="Sells"))
    assert wire.body()["version"] == CONTRACTS["service"].version


def test_a_list_is_followed_over_its_pages(client: Any, wire: Wire) -> None:
    pages: list[dict[str, Any]] = [
        {"items": [REQUEST], "next_page_token": "t"},
        {"items": [REQUEST | {"name": "b"}]},
    ]
    wire.answers = [httpx.Response(200, json=page) for page in pages]
    assert [each.name for each in client.list(labels={"a": "b"}, text="x")] == ["a", "b"]
    assert dict(wire.sent[1].url.params) == {"labels": "a=b", "q": "x", "page_token": "t"}


def test_what_another_version_takes_is_kept_and_not_misread(network: Any, client: Any, wire: Wire) -> None:
    strange = {"inputs": {"planets": 2}, "outputs": {"hosts": ["a"]}, "contract_version": "9.0.0"}
    wire.answers = [httpx.Response(200, json=REQUEST | strange)]
    held = client.get("a")
    assert not isinstance(held.inputs, network.NetworkInputs)
    assert (held.inputs.planets, held.outputs.hosts) == (2, ["a"])


def test_more_outputs_than_are_known_do_no_harm(network: Any, client: Any, wire: Wire) -> None:
    ready = REQUEST | {"phase": "ready", "outputs": {"host": "h", "new": 1}}
    wire.answers = [httpx.Response(200, json=ready)]
    found = client.wait_ready("a")
    assert isinstance(found, network.NetworkRequest)
    assert found.outputs.host == "h"


def test_waiting_ends_when_it_is_ready_or_hopeless_or_late(network: Any, client: Any, wire: Wire) -> None:
    unmet = {"type": "Applied", "status": "False", "reason": "OperationFailed", "message": "no room"}
    condition = unmet | {"since": "2026-03-01T12:00:00Z", "generation": 1}
    failed = REQUEST | {"phase": "failed", "conditions": [condition]}
    wire.answers = [httpx.Response(200, json=each) for each in (REQUEST, failed)]
    with pytest.raises(network.Failed, match=r"a is failed: no room \(OperationFailed\)"):
        client.wait_ready("a", interval=0.001)
    with pytest.raises(network.NotReady, match="a is pending"):
        client.wait_ready("a", timeout=0)
    other = REQUEST | {"phase": "ready", "outputs": {"planets": 1}}
    wire.answers = [httpx.Response(200, json=other)]
    with pytest.raises(network.UnexpectedAnswer, match="generate the client anew"):
        client.wait_ready("a")


REFUSALS = {
    (400, "invalid_json"): "InvalidRequest",
    (401, "unauthenticated"): "Unauthenticated",
    (403, "forbidden"): "Forbidden",
    (403, "policy_denied"): "PolicyDenied",
    (404, "request_not_found"): "NotFound",
    (409, "request_exists"): "Conflict",
    (410, "request_deleted"): "Gone",
    (412, "revision_changed"): "Changed",
    (422, "invalid_inputs"): "InvalidRequest",
    (428, "precondition_required"): "Changed",
    (500, "internal"): "Refused",
    (503, "policy_unavailable"): "Unavailable",
}


@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
def test_a_refusal_is_an_error_of_its_kind(
    network: Any, client: Any, wire: Wire, refusal: tuple[int, str]
) -> None:
    status, code = refusal
    place = {"pointer": "/inputs/size", "code": "enum", "detail": "must be one of", "fix": "use s"}
    problem = {"type": "", "title": "No", "status": status, "detail": "No.", "code": code, "errors": [place]}
    wire.answers = [httpx.Response(status, json=problem, headers={"Retry-After": "7"})]
    with pytest.raises(network.Refused) as refused:
        client.get("a")
    assert type(refused.value).__name__ == REFUSALS[refusal]
    assert (refused.value.code, refused.value.retry_after) == (code, 7.0)
    assert refused.value.problem.errors[0].pointer == "/inputs/size"
    assert "/inputs/size: must be one of" in str(refused.value)


@pytest.mark.parametrize("content", [b"<html>", b"{}", b'{"status": 502}'])
@pytest.mark.parametrize("status", [200, 502])
def test_an_answer_of_somebody_else_is_told_as_such(
    network: Any, client: Any, wire: Wire, status: int, content: bytes
) -> None:
    wire.answers = [httpx.Response(status, content=content)]
    with pytest.raises(network.UnexpectedAnswer, match=f"{status} from {ALL}/a"):
        client.get("a")


def test_a_plan_of_a_name_that_is_taken_is_one_of_a_change(network: Any, client: Any, wire: Wire) -> None:
    exists = {"type": "", "title": "", "status": 409, "detail": "", "code": "request_exists"}
    wire.answers = [httpx.Response(409, json=exists), httpx.Response(503, json=exists | {"status": 503})]
    with pytest.raises(network.Unavailable):
        client.plan("a", network.NetworkInputs.model_validate(SMALL))
    assert [(sent.method, str(sent.url.params)) for sent in wire.sent] == [
        ("POST", "dry_run=true"),
        ("PUT", "dry_run=true"),
    ]
