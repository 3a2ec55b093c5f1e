"""A typed client, written by `avow client`, against a real server: from the plan to the outputs and back."""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import ROOT, WORDS, Shop
from tests.packages import Load, imported_from

DATABASE = ROOT / "catalog" / "library" / "postgres-database"


@pytest.fixture(scope="module")
def folder(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with a client for each shipped capability."""
    found: Path = tmp_path_factory.mktemp("clients")
    assert shop.avow("publish", DATABASE).code == 0
    for name in ("service", "postgres-database@1.0.0"):
        ended = shop.avow("client", name, "--output", found)
        assert ended.code == 0, ended.err
    return found


@pytest.fixture(scope="module")
def load(folder: Path) -> Iterator[Load]:
    with imported_from(folder) as found:
        yield found


@pytest.fixture
def databases(load: Load) -> Any:
    return load("postgres_database_client")


@pytest.fixture
def database(shop: Shop, databases: Any) -> Iterator[Any]:
    with databases.PostgresDatabaseClient(shop.server.url, shop.server.token, shop.project) as client:
        yield client


def test_a_database_is_planned_asked_for_changed_and_given_back(
    shop: Shop, databases: Any, database: Any
) -> None:
    inputs = databases.PostgresDatabaseInputs(connections=5)
    plan = database.plan("typed-db", inputs, owner="team-shop")
    assert (plan.action, plan.contract.version, plan.inputs.disposable) == ("wait", "1.0.0", False)
    held = database.submit("typed-db", inputs, owner="team-shop", labels={"made": "typed"})
    assert (held.revision, held.version, held.inputs) == (1, "1.0.0", inputs)
    assert shop.json("get", "request", "typed-db")["owner"] == "team-shop"  # type: ignore[index]  # JSON
    held = database.get("typed-db")
    assert [each.name for each in database.list(labels={"made": "typed"})] == ["typed-db"]
    changed = database.patch(held, databases.PostgresDatabasePatchInputs(connections=None))
    assert changed.inputs == databases.PostgresDatabaseInputs()
    with pytest.raises(databases.Changed):
        database.replace(held, inputs)
    replaced = database.replace(changed, inputs)
    assert (replaced.revision, replaced.labels) == (3, {})
    assert database.plan("typed-db", inputs).generation == replaced.generation
    assert database.delete(database.get("typed-db")).deletion_requested_at is not None


def test_what_the_server_refuses_is_an_error_of_its_kind(databases: Any, database: Any) -> None:
    inputs = databases.PostgresDatabaseInputs.model_construct(connections=500, _fields_set={"connections"})
    with pytest.raises(databases.InvalidRequest) as refused:
        database.submit("too-many", inputs)
    assert (refused.value.problem.status, refused.value.code) == (422, "invalid_inputs")
    assert refused.value.problem.errors[0].pointer == "/inputs/connections"
    with pytest.raises(databases.PolicyDenied, match="disposable"):
        database.submit(
            "no-prod",
            databases.PostgresDatabaseInputs(disposable=True),
            environment="prod",
            owner="team-shop",
        )
    with pytest.raises(databases.NotFound):
        database.get("too-many")


def test_a_client_without_a_good_token_or_server_says_so(shop: Shop, databases: Any) -> None:
    with (
        databases.PostgresDatabaseClient(shop.server.url, "avow_wrong", shop.project) as client,
        pytest.raises(databases.Unauthenticated),
    ):
        client.get("a")
    with (
        databases.PostgresDatabaseClient("http://127.0.0.1:1", "avow_x", shop.project) as client,
        pytest.raises(databases.Unreachable),
    ):
        client.get("a")


def test_a_service_is_waited_for_and_its_outputs_are_there(shop: Shop, load: Load) -> None:
    services = load("service_client")
    with services.ServiceClient(shop.server.url, shop.server.token, shop.project) as client:
        client.submit("typed", services.ServiceInputs(description=WORDS, language="go"), owner="team-shop")
        ready = client.wait_ready("typed", timeout=120, interval=0.1)
        assert ready.outputs.url.endswith("typed.git")
        assert Path(ready.outputs.url.removeprefix("file://")).is_dir()
        client.delete("typed")


def test_what_is_there_is_explained(shop: Shop, folder: Path) -> None:
    assert "  avow request service smallest --set 'description=" in shop.avow("explain", "service").out
    field = json.loads(shop.avow("explain", "postgres-database.connections@1.0.0", "-o", "json").out)
    assert (field["type"], field["default"], field["allowed"]) == ("integer", 20, ["from 1 to 200"])
    ended = shop.avow("explain", "service.teir")
    assert (ended.code, ended.out) == (3, "")
    assert "did you mean service.tier?" in ended.err
    listed = shop.json("get", "capabilities")
    assert {"service", "postgres-database"} <= {each["name"] for each in listed}  # type: ignore[attr-defined]  # JSON


def test_an_example_of_the_manual_can_be_pasted(shop: Shop) -> None:
    lines = shop.avow("explain", "service").out.splitlines()
    [command] = [line.strip() for line in lines if line.startswith("  avow request service smallest ")]
    asked = shop.avow(*shlex.split(command)[1:], "--dry-run", "--owner", "team-shop")
    assert asked.code == 0, asked.err
    assert "Plan   service" in asked.out
