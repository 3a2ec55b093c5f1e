"""What the git writer calls a branch; the writing itself is in tests/integration."""

import pytest

from reconciler.remote import lease_name, normalised


@pytest.mark.parametrize(
    "spelling",
    [
        "https://git.example.test/fleet/state.git",
        "https://git.example.test/fleet/state",
        "https://git.example.test/fleet/state/",
        "https://GIT.Example.test:443/fleet/state.git/",
        "HTTPS://git.example.test/fleet/st%61te.git",
    ],
)
def test_one_repository_has_one_lease_however_it_is_spelt(spelling: str) -> None:
    assert lease_name(spelling, "main") == lease_name("https://git.example.test/fleet/state.git", "main")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://git.example.test/fleet/state", "https://git.example.test/fleet/other"),
        ("https://git.example.test/fleet/state", "https://git.example.test:8443/fleet/state"),
        ("https://git.example.test/fleet/state", "https://git.example.test/Fleet/state"),
        ("ssh://git@git.example.test/fleet", "https://git.example.test/fleet"),
        ("file:///srv/a.git", "file:///srv/b.git"),
    ],
)
def test_different_repositories_have_different_leases(one: str, other: str) -> None:
    assert lease_name(one, "main") != lease_name(other, "main")


def test_branches_of_one_repository_have_leases_of_their_own() -> None:
    assert lease_name("file:///srv/a.git", "main") != lease_name("file:///srv/a.git", "state")


def test_who_logs_in_does_not_make_it_another_repository() -> None:
    assert normalised("ssh://deploy@git.example.test:22/a") == normalised("ssh://git@git.example.test/a")


def test_a_lease_name_does_not_repeat_the_address() -> None:
    assert "internal" not in lease_name("https://git.internal.example.test/fleet", "main")
