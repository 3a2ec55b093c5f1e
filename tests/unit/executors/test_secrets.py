"""Secrets rest in private files, open for their own project only, and are made once."""

import stat
import threading
from pathlib import Path

import pytest

from catalog.errors import Denied, Invalid, NotFound
from executors.secrets import LocalSecrets

UID = "req_0001"


@pytest.fixture
def store(tmp_path: Path) -> LocalSecrets:
    return LocalSecrets(tmp_path / "secrets", {"AVOW_SECRET_TOKEN": "from-outside", "PATH": "/bin"})


def test_a_secret_is_resolved_by_the_reference_that_making_it_returned(store: LocalSecrets) -> None:
    reference = store.create_once("shop", UID, "password", lambda: "hunter-22")
    assert reference == "secret://file/shop/req_0001/password"
    assert store.resolve(reference, "shop") == "hunter-22"


def test_making_it_again_keeps_the_first_value(store: LocalSecrets) -> None:
    reference = store.create_once("shop", UID, "password", lambda: "first-one")
    assert store.create_once("shop", UID, "password", lambda: "second-one") == reference
    assert store.resolve(reference, "shop") == "first-one"


def test_of_many_that_make_it_at_once_all_get_the_same_value(store: LocalSecrets) -> None:
    barrier = threading.Barrier(8)
    seen: list[str] = []

    def make(number: int) -> None:
        barrier.wait()
        seen.append(
            store.resolve(store.create_once("shop", UID, "password", lambda: f"value-{number}"), "shop")
        )

    threads = [threading.Thread(target=make, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 8
    assert len(set(seen)) == 1


def test_nobody_else_on_the_machine_can_read_it(store: LocalSecrets) -> None:
    store.create_once("shop", UID, "password", lambda: "hunter-22")
    places = [store.directory, *store.directory.rglob("*")]
    modes = {
        place.relative_to(store.directory.parent): stat.S_IMODE(place.stat().st_mode) for place in places
    }
    assert set(modes.values()) == {0o700, 0o600}
    assert all(mode == 0o600 for path, mode in modes.items() if path.name == "password")


def test_another_project_cannot_open_it(store: LocalSecrets) -> None:
    reference = store.create_once("shop", UID, "password", lambda: "hunter-22")
    with pytest.raises(Denied, match="another project"):
        store.resolve(reference, "bank")


def test_a_variable_with_the_prefix_is_resolved_for_every_project(store: LocalSecrets) -> None:
    assert store.resolve("secret://env/AVOW_SECRET_TOKEN", "shop") == "from-outside"


@pytest.mark.parametrize(
    "reference",
    [
        "secret://env/PATH",
        "secret://env/AVOW_SECRET_",
        "secret://env/avow_secret_token",
        "secret://file/shop/req_0001",
        "secret://file/shop/req_0001/../password",
        "secret://file/shop/..%2f/password",
        "secret://file//req_0001/password",
        "secret://file/shop/req_0001/password/",
        "secret://file/shop/req_0001/password\n",
        "secret://file/shop/req_0001/.password",
        "file:///etc/passwd",
        "secret://vault/a/b/c",
        "plain",
        "",
    ],
    ids=ascii,
)
def test_what_is_not_a_plain_reference_is_refused(store: LocalSecrets, reference: str) -> None:
    with pytest.raises(Invalid, match="not a reference"):
        store.resolve(reference, "shop")


@pytest.mark.parametrize(
    "name", ["", "..", "a/b", "/etc", "A", ".x", "-x", "x" * 64, "a\0b", "a\n"], ids=ascii
)
def test_a_name_that_could_leave_the_directory_is_refused(store: LocalSecrets, name: str) -> None:
    with pytest.raises(Invalid, match="name"):
        store.create_once("shop", UID, name, lambda: "x")
    with pytest.raises(Invalid, match="name"):
        store.create_once(name, UID, "password", lambda: "x")
    assert not store.directory.exists()


def test_a_link_in_the_place_of_a_secret_is_not_followed(store: LocalSecrets, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("not yours")
    store.create_once("shop", UID, "password", lambda: "hunter-22")
    place = store.directory / "shop" / UID / "password"
    place.unlink()
    place.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        store.resolve("secret://file/shop/req_0001/password", "shop")


def test_what_is_not_there_is_said_to_be_missing(store: LocalSecrets) -> None:
    for reference in ("secret://file/shop/req_0001/password", "secret://env/AVOW_SECRET_NONE"):
        with pytest.raises(NotFound):
            store.resolve(reference, "shop")


def test_deleting_leaves_nothing_of_it_and_can_be_repeated(store: LocalSecrets) -> None:
    reference = store.create_once("shop", UID, "password", lambda: "hunter-22")
    draft = store.directory / "shop" / UID / ".password.0123"
    draft.write_text("left behind by a writer that was killed")
    store.delete("shop", UID, "password")
    store.delete("shop", UID, "password")
    assert store.find("shop", UID, "password") is None
    assert not draft.exists()
    with pytest.raises(NotFound):
        store.resolve(reference, "shop")


def test_deleting_one_secret_of_a_request_keeps_the_others(store: LocalSecrets) -> None:
    kept = store.create_once("shop", UID, "kept", lambda: "still-here")
    store.create_once("shop", UID, "password", lambda: "hunter-22")
    store.delete("shop", UID, "password")
    assert store.resolve(kept, "shop") == "still-here"
