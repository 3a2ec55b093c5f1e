"""No secret is stored: references pass, and what looks like a secret does not."""

from typing import Any

import pytest

from platform_api.secret_values import is_reference, secrets_in

REFERENCE = "secret://env/AVOW_SECRET_PG"


@pytest.mark.parametrize(
    ("config", "pointers"),
    [
        ({"password": "hunter2"}, ["/c/password"]),
        ({"adminPassword": "x"}, ["/c/adminPassword"]),
        ({"api_key": "x", "apiKey": "x"}, ["/c/api_key", "/c/apiKey"]),
        ({"DB_PASSWD": "x"}, ["/c/DB_PASSWD"]),
        ({"auth": {"client-secret": "x"}}, ["/c/auth/client-secret"]),
        ({"tokens": ["a", REFERENCE, "b"]}, ["/c/tokens/0", "/c/tokens/2"]),
        ({"credentials": {"user": "u"}}, ["/c/credentials/user"]),
        ({"url": "postgresql://u:p@db/x"}, ["/c/url"]),
        ({"urls": ["https://db/x", "https://:p@db/x"]}, ["/c/urls/1"]),
        ({"pem": "-----BEGIN PRIVATE KEY-----"}, ["/c/pem"]),
        ({"a/b": {"password": "x"}}, ["/c/a~1b/password"]),
    ],
    ids=str,
)
def test_what_looks_like_a_secret_is_found_with_its_place(
    config: dict[str, Any], pointers: list[str]
) -> None:
    assert [finding.pointer for finding in secrets_in(config, "/c")] == pointers


@pytest.mark.parametrize(
    "config",
    [
        {"password": REFERENCE},
        {"password": "secret://file/shop/req_1/password"},
        {"password": ""},
        {"url": "https://git.example.test:8443/a@b"},
        {"url": "ssh://git@host/repo"},
        {"passwordless": True, "token_url": "https://x", "monkey": "x", "keyboard": "x", "key": "env"},
        {"password": 5, "port": 5432, "tls": True, "none": None},
    ],
    ids=str,
)
def test_references_and_ordinary_values_pass(config: dict[str, Any]) -> None:
    assert list(secrets_in(config, "/c")) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "secret://",
        "secret://env/PATH",
        "secret://env/AVOW_SECRET_",
        f"{REFERENCE}\n",
        f"x{REFERENCE}",
        "env://A",
    ],
)
def test_only_a_whole_reference_is_one(text: str) -> None:
    assert not is_reference(text)


def test_a_finding_never_repeats_the_secret() -> None:
    assert "hunter2" not in repr(list(secrets_in({"password": "hunter2", "u": "a://b:hunter2@c"}, "")))
