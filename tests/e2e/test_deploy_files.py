"""The image file and the compose file, checked as far as they can be without a container engine.

They name commands, variables, paths, ports and services of other files; each name is followed to
what it names. What only an engine can tell (that the image builds) is not claimed here.
"""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from platform_api.cli.main import COMMANDS
from platform_api.routes import health
from platform_api.settings import Settings, load

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "deploy/docker/Dockerfile").read_text()
IGNORED = (ROOT / "deploy/docker/Dockerfile.dockerignore").read_text().splitlines()
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "deploy/docker/compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
THEIRS = {name: service for name, service in SERVICES.items() if "build" not in service}
SUBSTITUTED = re.compile(r"\$\{(?P<name>[A-Z0-9_]+)(?::\?(?P<message>[^}]*))?\}")
SECRET_NAME = re.compile(r"PASSWORD|TOKEN|SECRET|KEY", re.IGNORECASE)
SERVE = {name for name, (module, _) in COMMANDS["Serve"].items() if module == "serve"}


def instructions(word: str) -> list[str]:
    """Return what follows an instruction of the Dockerfile, continued lines joined."""
    joined = re.sub(r"\\\n\s*", " ", DOCKERFILE)
    return [line.partition(" ")[2] for line in joined.splitlines() if line.startswith(f"{word} ")]


def image_variables() -> dict[str, str]:
    pairs = (word.partition("=") for line in instructions("ENV") for word in shlex.split(line))
    return {name: value for name, _, value in pairs}


def all_variables() -> Iterator[tuple[str, str]]:
    yield from image_variables().items()
    for service in SERVICES.values():
        yield from service.get("environment", {}).items()


def filled(text: str) -> str:
    """Return a text as the engine would fill it in."""
    return SUBSTITUTED.sub("filled-in", text)


def settings_of(service: dict[str, Any]) -> Settings:
    variables = image_variables() | service["environment"]
    given = {
        name.removeprefix("AVOW_").lower(): filled(value)
        for name, value in variables.items()
        if name.startswith("AVOW_")
    }
    return load(given)


def test_the_files_describe_every_role_of_avow() -> None:
    assert set(OURS) == SERVE - {"up"}
    assert set(THEIRS) == {"postgres", "redis", "opa"}


@pytest.mark.parametrize("name", OURS)
def test_every_command_is_one_that_avow_has(name: str) -> None:
    [entry] = instructions("ENTRYPOINT")
    assert entry == '["avow"]'
    assert OURS[name]["command"][0] in SERVE


def test_the_image_runs_a_command_that_avow_has() -> None:
    [command] = instructions("CMD")
    assert yaml.safe_load(command)[0] in SERVE


def test_every_variable_of_avow_is_a_setting() -> None:
    known = {f"AVOW_{name.upper()}" for name in Settings.model_fields}
    used = {name for name, _ in all_variables() if name.startswith("AVOW_")}
    assert used
    assert used - known == set()


@pytest.mark.parametrize("name", OURS)
def test_the_settings_are_complete_and_fit_together(name: str) -> None:
    settings = settings_of(OURS[name])
    urls = [settings.database_url, settings.broker_url, settings.opa_url]
    assert {urlsplit(url).hostname for url in urls} == set(THEIRS)
    assert settings.host == "0.0.0.0"
    # A remote in a folder is only made, and only allowed, where it is the default.
    assert settings.git_remote == ""
    volumes = [volume.partition(":")[2] for volume in OURS[name]["volumes"]]
    assert str(settings.folder) in volumes


def test_the_servers_are_spoken_to_on_the_ports_where_they_listen() -> None:
    settings = settings_of(OURS["api"])
    listening = re.search(r":(\d+)", " ".join(SERVICES["opa"]["command"]))
    assert listening is not None
    assert urlsplit(settings.opa_url).port == int(listening[1])
    assert urlsplit(settings.database_url).port == 5432
    assert urlsplit(settings.broker_url).port == 6379


def test_the_database_is_the_one_that_is_made() -> None:
    made = SERVICES["postgres"]["environment"]
    spoken_to = OURS["api"]["environment"]["AVOW_DATABASE_URL"]
    url = urlsplit(filled(spoken_to))
    assert (url.username, url.path) == (made["POSTGRES_USER"], f"/{made['POSTGRES_DB']}")
    assert SUBSTITUTED.findall(made["POSTGRES_PASSWORD"]) == SUBSTITUTED.findall(spoken_to)


def test_the_door_is_open_to_this_machine_alone() -> None:
    [published] = OURS["api"]["ports"]
    host, outside, inside = published.rsplit(":", 2)
    assert host == "127.0.0.1"
    assert int(outside) == int(inside) == settings_of(OURS["api"]).port
    assert instructions("EXPOSE") == [inside]
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["api"]


def test_the_health_check_asks_a_route_that_exists() -> None:
    [check] = instructions("HEALTHCHECK")
    asked = re.search(r"http://127\.0\.0\.1:(\d+)(/\w+)", check)
    assert asked is not None
    assert int(asked[1]) == settings_of(OURS["api"]).port
    assert asked[2] in {getattr(route, "path", "") for route in health.router.routes}


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_has_a_health_check_or_says_that_it_has_none(name: str) -> None:
    service = SERVICES[name]
    from_image = name == "api"  # the others of ours do not listen
    without_tools = name == "opa"  # its image holds the one program and nothing that could ask
    assert "healthcheck" in service or from_image or without_tools
    if name in OURS and not from_image:
        assert service["healthcheck"] == {"disable": True}


def test_what_is_waited_for_is_there_and_can_tell_that_it_is_healthy() -> None:
    for service in SERVICES.values():
        for needed, how in service.get("depends_on", {}).items():
            assert needed in SERVICES
            assert how["condition"] in {"service_healthy", "service_started"}
            assert how["condition"] == "service_started" or "healthcheck" in SERVICES[needed]


def test_no_secret_stands_in_clear() -> None:
    for name, value in all_variables():
        userinfo = re.search(r"://[^/@:]*:([^@]*)@", value)
        secret = userinfo[1] if userinfo else value if SECRET_NAME.search(name) else "${PASSWORD}"
        assert SUBSTITUTED.fullmatch(secret), name


def test_a_variable_without_which_nothing_works_is_asked_for_by_name() -> None:
    used = {
        (found["name"], found["message"])
        for _, value in all_variables()
        for found in SUBSTITUTED.finditer(value)
    }
    assert {name for name, _ in used} == {"POSTGRES_PASSWORD"}
    assert all(message for _, message in used)


def test_images_are_pinned_and_named_without_a_registry() -> None:
    stages = [line.split()[0] for line in instructions("FROM")]
    images = [*stages, *(service["image"] for service in SERVICES.values())]
    for image in images:
        name, _, tag = image.partition(":")
        assert tag not in {"", "latest"}, image
        assert not re.search(r"[.:]", name.split("/")[0]), image


def test_the_image_has_a_python_that_is_new_enough() -> None:
    wanted = re.search(r'requires-python = ">=3\.(\d+)"', (ROOT / "pyproject.toml").read_text())
    assert wanted is not None
    for line in instructions("FROM"):
        found = re.match(r"python:3\.(\d+)-slim", line)
        assert found is not None
        assert int(found[1]) >= int(wanted[1])


def test_whatever_is_copied_exists_and_is_sent_to_the_build() -> None:
    copied = [
        source
        for line in instructions("COPY")
        if not line.startswith("--from")
        for source in line.split()[:-1]
    ]
    assert copied
    for source in copied:
        assert (ROOT / source).exists(), source
        assert f"!{source.partition('/')[0]}" in IGNORED, source
    assert {line[1:] for line in IGNORED if line.startswith("!")} == {
        source.partition("/")[0] for source in copied
    }


def test_every_package_of_the_distribution_is_copied() -> None:
    packages = re.search(r"^packages = (\[.*\])$", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert packages is not None
    assert set(yaml.safe_load(packages[1])) <= {line.split()[0] for line in instructions("COPY")}


def test_nothing_runs_as_root_and_its_home_can_be_written() -> None:
    [user] = instructions("USER")
    assert user not in {"root", "0"}
    assert any(
        f"useradd --system --uid 10001 --home-dir {home}" in line
        for line in instructions("RUN")
        for home in instructions("VOLUME")
    )
    assert image_variables()["AVOW_DATA_DIR"] in instructions("VOLUME")


def test_the_volumes_that_are_used_are_declared() -> None:
    used = {
        volume.partition(":")[0] for service in SERVICES.values() for volume in service.get("volumes", ())
    }
    assert used == set(COMPOSE["volumes"])
