"""What publishing a bundle is refused for."""

import json
import subprocess
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from catalog.bundle import bundle_from_files
from catalog.provenance import PAYLOAD_TYPE, Statement
from platform_api import signing
from tests.factories import START
from tests.refusals.ground import BUNDLES, Call, Ground, offered, without_description
from tests.refusals.row import refusal
from tests.web import Canned, web_service

Tried = tuple[Call, Sequence[str]]
KEY, STRANGER = signing.new_private_key(), signing.new_private_key()
DEFINITION = "contract.yaml#/spec/operations/provision/executor"


def both(ground: Ground, files: dict[str, str], *words: str, **more: Any) -> Tried:
    """Return both ways to publish files."""
    return offered(files, **more), ["publish", ground.written(files), *words]


@refusal("invalid_bundle", then="", places=[("contract.yaml", "contract_missing")])
def a_bundle_without_a_contract(ground: Ground) -> Tried:
    return both(ground, {"provision.yaml": "{}"})


@refusal("invalid_document", then="", places=[("contract.yaml:1", "*")])
def a_contract_that_is_no_yaml(ground: Ground) -> Tried:
    return both(ground, ground.files() | {"contract.yaml": "a: ["})


@refusal("invalid_contract", then="avow lint", places=[("contract.yaml#/spec/description", "required")])
def a_contract_that_says_not_what_it_is(ground: Ground) -> Tried:
    return both(ground, without_description())


@refusal("invalid_definition", then="avow lint", places=[(DEFINITION, "unknown_executor")])
def an_executor_that_is_not_there(ground: Ground) -> Tried:
    files = ground.files()
    contract = json.loads(files["contract.yaml"])
    contract["spec"]["operations"]["provision"]["executor"] = "genie"
    return both(ground, files | {"contract.yaml": json.dumps(contract)})


@refusal("dependency_cycle", then="", places=[("contract.yaml#/spec/requires/0/version", "dependency_cycle")])
def a_ring_of_contracts(ground: Ground) -> Tried:
    ground.publish("shop", "1.0.0", spec={"requires": [{"contract": "database", "version": "^1.0.0"}]})
    return both(ground, ground.files(requires=[{"contract": "shop", "version": "*"}]))


@refusal(
    "dependency_conflict", then="", places=[("contract.yaml#/spec/requires/0/version", "dependency_conflict")]
)
def needs_that_contradict_one_another(ground: Ground) -> Tried:
    ground.publish("net", "1.0.0", spec={"requires": [{"contract": "database", "version": "^1.0.0"}]})
    needs = [{"contract": "net", "version": "*"}, {"contract": "database", "version": "^2.0.0"}]
    return both(ground, ground.files("shop", "1.0.0", requires=needs))


@refusal("version_published", then="raise metadata.version")
def other_content_under_the_same_version(ground: Ground) -> Tried:
    return both(ground, ground.files(version="1.0.0", description="Another."))


@refusal("breaking_change", then="publish it as 2.0.0", places=[("contract.yaml#/spec/outputs*", "*")] * 2)
def a_minor_version_that_takes_a_promise_back(ground: Ground) -> Tried:
    return both(ground, ground.files(outputs={"type": "object"}))


@refusal(
    "version_too_low",
    then="publish it as 1.1.0",
    places=[("contract.yaml#/spec/inputs/properties/zone", "property_added")],
)
def a_patch_that_takes_more(ground: Ground) -> Tried:
    inputs = json.loads(ground.files()["contract.yaml"])["spec"]["inputs"]
    inputs["properties"]["zone"] = {"type": "string"}
    return both(ground, ground.files(version="1.0.1", inputs=inputs))


@refusal("owner_mismatch", then="another name")
def a_name_of_another_team(ground: Ground) -> Tried:
    files = ground.files(owner="team-other")
    return offered(files, who="admin"), ["publish", ground.written(files)]


@refusal("canary_alone", then="publish or promote one")
def a_canary_and_nothing_else(ground: Ground) -> Tried:
    return both(ground, ground.files("shop", "1.0.0"), "--canary", "10", canary=10)


@refusal("canary_not_newest", then="higher version")
def a_canary_that_is_old(ground: Ground) -> Tried:
    return both(ground, ground.files(version="0.9.0"), "--canary", "10", canary=10)


@refusal("canary_not_published", then="published version")
def a_canary_that_is_a_draft(ground: Ground) -> Tried:
    return both(ground, ground.files(), "--draft", "--canary", "10", draft=True, canary=10)


# --- signatures -------------------------------------------------------------------------


def trusting(folder: Path) -> dict[str, Any]:
    """Return the settings of an installation that trusts a key."""
    (folder / "trusted.pub").write_text(KEY.public.pem)
    return {"trusted_keys": (str(folder / "trusted.pub"),)}


def signed(ground: Ground, version: str, key: Any = KEY, minutes: int = 1) -> Tried:
    """Return both ways to publish a version that was signed."""
    files = ground.files(version=version)
    body = bundle_from_files(files)
    at = START + timedelta(minutes=minutes)
    statement = Statement(body.contract.name, body.contract.version, body.digest, at)
    envelope = dict(key.seal(statement.payload(), PAYLOAD_TYPE))
    file = ground.folder / "signature.json"
    file.write_text(json.dumps(envelope))
    return both(ground, files, "--signature", str(file), signature=envelope)


@refusal("signature_missing", then="avow contract sign", settings=trusting)
def a_bundle_without_a_signature(ground: Ground) -> Tried:
    object.__setattr__(ground.village.doors.platform.trust, "is_required", True)
    return both(ground, ground.files())


@refusal("signature_untrusted", then="AVOW_TRUSTED_KEYS", settings=trusting)
def a_signature_of_a_stranger(ground: Ground) -> Tried:
    return signed(ground, "1.1.0", STRANGER)


@refusal("signature_mismatch", then="avow contract sign", settings=trusting)
def a_signature_of_something_else(ground: Ground) -> Tried:
    call, words = signed(ground, "1.1.0")
    other = ground.files(version="1.2.0")
    ground.written(other)
    return Call(call.who, call.method, call.path, call.body | {"files": other}), words


@refusal("signature_replayed", then="avow contract sign", settings=trusting)
def a_signature_of_long_ago(ground: Ground) -> Tried:
    assert ground.call(signed(ground, "1.2.0", minutes=5)[0]).is_success
    return signed(ground, "1.1.0", minutes=2)


# --- git --------------------------------------------------------------------------------


def fetching(folder: Path) -> dict[str, Any]:
    """Return the settings of an installation that fetches from a folder and some hosts."""
    allowed = (f"file://{folder}/repositories/", "https://10.0.0.1/", "https://nowhere.invalid/")
    return {"bundle_sources": (*allowed, "http://127.0.0.1:1/")}


def fetched(url: str, ref: str = "main", path: str = "") -> Tried:
    """Return both ways to publish from git."""
    git = {"url": url, "ref": ref} | ({"path": path} if path else {})
    words = ["publish", f"git+{url}@{ref}" + (f"#{path}" if path else "")]
    return Call("pia", "POST", BUNDLES, {"source": {"git": git}}), words


def repository(ground: Ground) -> str:
    """Make a git repository that holds a file, and return where."""
    folder = ground.folder / "repositories" / "contracts"
    folder.mkdir(parents=True)
    (folder / "readme.md").write_text("nothing")
    person = ["-c", "user.name=Dev", "-c", "user.email=dev@example.test"]
    for words in (["init", "-q", "-b", "main"], ["add", "."], [*person, "commit", "-q", "-m", "x"]):
        subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)
    return f"file://{folder}"


@refusal("git_source_refused", then="AVOW_BUNDLE_SOURCES")
def a_repository_from_which_nothing_is_fetched(_ground: Ground) -> Tried:
    return fetched("https://git.example/contracts.git")


@refusal("git_source_not_found", then="check the address", settings=fetching)
def a_repository_that_is_not_there(ground: Ground) -> Tried:
    return fetched(f"file://{ground.folder}/repositories/nothing")


@refusal("git_ref_not_found", then="", settings=fetching)
def a_branch_that_is_not_there(ground: Ground) -> Tried:
    return fetched(repository(ground), "release")


@refusal("git_ref_refused", then="", settings=fetching)
def a_branch_that_cannot_be(ground: Ground) -> Tried:
    return fetched(repository(ground), "a..b")


@refusal("git_path_not_found", then="", settings=fetching)
def a_folder_that_is_not_there(ground: Ground) -> Tried:
    return fetched(repository(ground), "main", "contracts/database")


@refusal("git_path_refused", then="", settings=fetching)
def a_folder_outside(ground: Ground) -> Tried:
    return fetched(repository(ground), "main", "../elsewhere")


@refusal("address_refused", then="list the host", settings=fetching)
def a_repository_within_the_house(_ground: Ground) -> Tried:
    return fetched("https://10.0.0.1/contracts.git")


@refusal("host_unknown", then="", settings=fetching)
def a_host_that_nobody_knows(_ground: Ground) -> Tried:
    return fetched("https://nowhere.invalid/contracts.git")


@refusal("git_unreachable", then="", settings=fetching)
def a_repository_that_does_not_answer(_ground: Ground) -> Tried:
    return fetched("http://127.0.0.1:1/contracts.git")


@refusal("git_refused", then="permissions", settings=fetching)
def a_repository_that_wants_a_login(ground: Ground) -> Tried:
    login = Canned(401, headers={"WWW-Authenticate": "Basic"})
    web = ground.stack.enter_context(web_service())
    web.answer_next(*[login] * 9)
    sources = ground.village.doors.platform.sources
    object.__setattr__(sources, "allowed", (f"{web.url}/",))
    return fetched(f"{web.url}/contracts.git")
