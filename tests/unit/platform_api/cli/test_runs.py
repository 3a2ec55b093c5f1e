"""Runs are moved one by one, or all of a version page by page, with a word on each."""

import json
from pathlib import Path

import pytest

from tests.unit.platform_api.cli.conftest import Avow
from tests.unit.platform_api.cli.documents import run
from tests.unit.platform_api.cli.stub import Said, Stub

RUN = "run_00000000000000000000000001"
MOVED = {"run_id": RUN, "project": "shop", "operation": "provision", "outcome": "migrating", "findings": []}
STAYS = MOVED | {
    "outcome": "refused",
    "findings": [{"pointer": "/mapping/a", "code": "other_sort", "message": "a is not b", "fix": "map it"}],
}
ALL = "/v1/contracts/db/versions/1.0.0/migrate"


def test_a_run_goes_over_with_its_mapping(avow: Avow, stub: Stub) -> None:
    stub.says("POST", f"/v1/runs/{RUN}/migrate", Said(MOVED, 202))
    ended = avow("runs", "migrate", RUN, "--to", "2.0.0", "--map", "a=b", "--map", "c=")
    assert (ended.code, ended.out) == (0, f"run {RUN} goes over\n")
    assert stub.last("POST").body == {
        "contract_version": "2.0.0",
        "mapping": {"a": "b", "c": None},
        "keep_approvals": False,
    }


def test_all_runs_of_a_version_are_told_of(avow: Avow, stub: Stub) -> None:
    stub.says("POST", ALL, Said({"items": [MOVED, STAYS], "migrating": 1, "refused": 1}))
    ended = avow("runs", "migrate", "db@1.0.0", "--to", "2.0.0", "--dry-run")
    assert ended.out.splitlines() == [
        f"run {RUN} can go over",
        f"run {RUN} stays",
        "  /mapping/a  a is not b (map it)",
    ]
    assert ended.err == "1 go over, 1 stay.\n"


def test_a_definition_is_read_from_a_file(avow: Avow, stub: Stub, tmp_path: Path) -> None:
    stub.says("POST", f"/v1/runs/{RUN}/migrate", Said(MOVED, 202))
    (tmp_path / "w.yaml").write_text("kind: Workflow\n")
    assert avow("runs", "migrate", RUN, "--definition", "w.yaml", "--keep-approvals").code == 0
    sent = stub.last("POST").body
    assert (sent["definition"], sent["keep_approvals"]) == ({"kind": "Workflow"}, True)


@pytest.mark.parametrize(
    "words",
    [
        [RUN],
        [RUN, "--to", "2.0.0", "--definition", "w.yaml"],
        [RUN, "--definition", "absent.yaml"],
        [RUN, "--to", "2.0.0", "--map", "a"],
        ["db@1.0.0", "--definition", "w.yaml"],
    ],
)
def test_what_is_not_clear_is_refused_before_anything_is_sent(
    avow: Avow, stub: Stub, words: list[str], tmp_path: Path
) -> None:
    (tmp_path / "w.yaml").write_text("kind: Workflow\n")
    assert avow("runs", "migrate", *words).code == 2
    assert stub.asked == []


@pytest.mark.parametrize(
    ("action", "said"), [("pause", "is held"), ("resume", "goes on"), ("retry", "is tried again")]
)
def test_a_run_is_steered_by_its_id(avow: Avow, stub: Stub, action: str, said: str) -> None:
    stub.says("POST", f"/v1/runs/{RUN}/{action}", Said(run(), 202))
    ended = avow("runs", action, RUN)
    assert (ended.code, ended.out) == (0, f"run {RUN} {said}\n")
    assert json.loads(avow("runs", action, RUN, "-o", "json").out) == run()


def test_a_signal_is_sent_with_its_payload(avow: Avow, stub: Stub, tmp_path: Path) -> None:
    stub.says("POST", f"/v1/runs/{RUN}/signals", Said(run(), 202))
    ended = avow("runs", "signal", RUN, "go", "--payload", '{"host": "db-1"}')
    assert (ended.code, ended.out) == (0, f"go was sent to run {RUN}\n")
    assert stub.last("POST").body == {"name": "go", "payload": {"host": "db-1"}}
    (tmp_path / "p.json").write_text('{"port": 5544}')
    assert json.loads(avow("runs", "signal", RUN, "go", "--payload", "@p.json", "-o", "json").out) == run()
    assert stub.last("POST").body == {"name": "go", "payload": {"port": 5544}}


def test_a_signal_needs_no_payload_and_can_be_tried_dry(avow: Avow, stub: Stub) -> None:
    stub.says("POST", f"/v1/runs/{RUN}/signals", Said(run()))
    ended = avow("runs", "signal", RUN, "go", "--dry-run")
    assert (ended.code, ended.out) == (0, f"go would be sent to run {RUN}\n")
    sent = stub.last("POST")
    assert (sent.body, sent.query["dry_run"]) == ({"name": "go", "payload": {}}, "true")


@pytest.mark.parametrize("payload", ["[1]", "{", "NaN", "@absent.json", "ready"])
def test_a_payload_that_is_no_json_object_is_not_sent(avow: Avow, stub: Stub, payload: str) -> None:
    ended = avow("runs", "signal", RUN, "go", "--payload", payload)
    assert (ended.code, stub.asked) == (2, [])
    assert "--payload" in ended.err
