"""From nothing to something delivered: every starter is begun, checked, published and asked for.

The server, git, PostgreSQL, Terraform, Ansible and the REST service behind it are real.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from catalog.starter import CapabilityKind
from deploy.demo.company_server import Company, serving
from tests.e2e.conftest import AvowServer, Ended, start_avow
from tests.services.children import Children
from tests.services.ports import LOOPBACK
from tests.services.postgres import Postgres
from tests.services.programs import ansible_program, terraform_program

Config = Callable[[pytest.FixtureRequest, "Workshop"], Mapping[str, Any]]


@dataclass(frozen=True)
class Workshop:
    """A server that may do what starters do, and a folder to write contracts in."""

    server: AvowServer
    folder: Path
    company: Company

    def avow(self, *words: str | Path) -> Ended:
        """Run a command in the folder."""
        return self.server.avow(*words, cwd=self.folder)

    def done(self, *words: str | Path) -> str:
        """Run a command that must succeed, and return what it said."""
        ended = self.avow(*words)
        assert ended.code == 0, f"{ended.out}\n{ended.err}"
        return ended.out

    @property
    def repositories(self) -> dict[str, str]:
        """Return the config of a git destination."""
        root = self.server.folder / "repositories"
        return {"root": str(root), "url": f"file://{root}"}


@pytest.fixture(scope="module")
def workshop(servers: Children, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    settings = {
        "AVOW_HTTP_HOSTS": LOOPBACK,
        "AVOW_TERRAFORM": "terraform",
        "AVOW_ANSIBLE": "ansible-playbook",
    }
    with serving() as company:
        server = start_avow(servers, tmp_path_factory.mktemp("starters"), settings=settings)
        yield Workshop(server, tmp_path_factory.mktemp("contracts"), company)


def of_postgres(request: pytest.FixtureRequest, _workshop: Workshop) -> Mapping[str, Any]:
    postgres: Postgres = request.getfixturevalue("postgres")
    return {"host": LOOPBACK, "port": postgres.port, "admin_user": "postgres"}


def of_git(_request: pytest.FixtureRequest, workshop: Workshop) -> Mapping[str, Any]:
    return workshop.repositories


def of_terraform(_request: pytest.FixtureRequest, _workshop: Workshop) -> Mapping[str, Any]:
    terraform_program()
    return {}


def of_ansible(_request: pytest.FixtureRequest, workshop: Workshop) -> Mapping[str, Any]:
    ansible_program()
    (workshop.folder / "machines").mkdir()
    return workshop.repositories | {"place": str(workshop.folder / "machines")}


def of_company(_request: pytest.FixtureRequest, workshop: Workshop) -> Mapping[str, Any]:
    return {"url": f"http://{LOOPBACK}:{workshop.company.server_port}"}


# For each kind, the destination that it needs, its config, and inputs that have no default.
NEEDS: Mapping[CapabilityKind, tuple[str, Config, tuple[str, ...]]] = {
    CapabilityKind.DATABASE: ("postgres-server", of_postgres, ()),
    CapabilityKind.SERVICE: ("git-server", of_git, ("--set", "description=Takes orders")),
    CapabilityKind.INFRASTRUCTURE: ("datacentre", of_terraform, ()),
    CapabilityKind.CONFIGURATION: ("machine", of_ansible, ()),
    CapabilityKind.EXTERNAL_API: ("queue-service", of_company, ()),
}


@pytest.mark.parametrize("kind", CapabilityKind)
def test_a_starter_goes_all_the_way(
    workshop: Workshop, kind: CapabilityKind, request: pytest.FixtureRequest
) -> None:
    sort, config, inputs = NEEDS[kind]
    name = f"our-{kind}"
    workshop.done("contract", "init", name, "--kind", kind, "--owner", "team-shop")
    workshop.done("contract", "lint", "--strict", name)
    workshop.done("contract", "test", name)
    assert f"contract {name} 0.1.0 published" in workshop.done("publish", name)
    destination = {
        "apiVersion": "avow/v1",
        "kind": "Destination",
        "metadata": {"name": f"for-{name}", "labels": {"env": "dev"}},
        "spec": {"kind": sort, "config": dict(config(request, workshop))},
    }
    (workshop.folder / "destination.yaml").write_text(yaml.safe_dump(destination))
    workshop.done("apply", "-f", "destination.yaml")
    asked = ("request", name, f"one-{kind}", "--owner", "team-shop", *inputs, "--watch")
    ended = workshop.avow(*asked)
    if kind is CapabilityKind.INFRASTRUCTURE:
        assert ended.code == 9, ended.err  # security has to agree
        token = workshop.done("token", "create", "sam", "--grant", "approver:default", "--group", "security")
        voted = workshop.server.avow("approve", f"one-{kind}", "--yes", token=token.split()[-1])
        assert voted.code == 0, voted.err
        ended = workshop.avow("watch", f"one-{kind}")
    assert ended.code == 0, f"{ended.out}\n{ended.err}"
    assert f"READY  one-{kind}" in ended.out
    workshop.done("delete", f"one-{kind}", "--yes", "--watch")
