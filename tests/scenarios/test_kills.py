"""kill -9 at seeded random moments while requests are in flight.

Every accepted request must end delivered exactly once, which an independent witness says;
the audit chain must verify, and git must hold each change once. Both figures that make the
run valid are asserted too: the process really was killed that often, and requests really
were unfinished when it was.
"""

import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.chaos import amount
from tests.scenarios import bundles, gitwork
from tests.scenarios.ledger import Call, Ledger
from tests.scenarios.rig import Rig, is_ready
from tests.services.polling import eventually

KILLS = amount(short=30, long=200)
REQUESTS = 20
MAX_CRASHES = 3
SEED = 20261121
PARTS = ("first", "second", "third", "fourth")


@pytest.mark.slow
@pytest.mark.timeout(amount(short=900, long=5400))
def test_kills_at_random_moments_lose_nothing_and_double_nothing(rig: Rig, witness: Ledger) -> None:
    rig.publish(bundles.entry(witness.url))
    dice = random.Random(SEED)
    names = [f"notes-{number}" for number in range(REQUESTS)]
    unfinished_at_kill: list[int] = []
    stop = threading.Event()

    with ThreadPoolExecutor(max_workers=4) as clients:
        submitted = [clients.submit(_insist, rig, name, stop) for name in names]
        generation = 1
        for _ in range(KILLS):
            if _unfinished(witness, names, generation) == 0:
                generation += 1  # all is delivered; ask for more, so that kills keep biting
                submitted += [
                    clients.submit(_insist_on_change, rig, name, generation, stop) for name in names
                ]
            stop.wait(dice.uniform(0.05, 1.5))
            unfinished_at_kill.append(_unfinished(witness, names, generation))
            rig.kill()
            rig.start()
        for each in submitted:
            each.result(timeout=300)

    for name in names:
        rig.until(name, lambda seen: is_ready(seen, generation))
    assert sum(1 for count in unfinished_at_kill if count) >= KILLS // 2, unfinished_at_kill
    _check_delivered_once(rig, witness, names, generation)
    _check_books(rig, names, generation)


def test_a_step_that_was_hit_three_times_is_given_up_and_undone_and_another_run_delivers(
    rig: Rig, witness: Ledger
) -> None:
    """What chance does now and then above, on purpose: so the checks of it are tried in every run."""
    rig.publish(bundles.entry(witness.url))
    kills = threading.Semaphore(MAX_CRASHES)

    def kill_the_caller(call: Call) -> bool:
        if not call.path.endswith("/second") or not kills.acquire(blocking=False):
            return True
        rig.kill()
        return False  # an effect would be found again, and the step be done

    witness.lets_in = kill_the_caller
    rig.request("notes", "entry")
    for _ in range(MAX_CRASHES):
        eventually(lambda: not rig.is_running, "the kill")
        rig.start()
    rig.until_ready("notes")

    runs = rig.runs("notes")
    assert [(run["state"], _is_poisoned(run)) for run in runs] == [("succeeded", False), ("failed", True)]
    _check_delivered_once(rig, witness, ["notes"], 1)
    _check_books(rig, ["notes"], 1)


def _insist(rig: Rig, name: str, stop: threading.Event) -> None:
    """Submit under one key until it is answered; a client that lost its answer does the same."""

    def accepted() -> bool:
        body = {"name": name, "contract": "entry", "inputs": {"note": "1"}}
        return _answered(
            rig, "POST", "/v1/projects/shop/requests", body, {"Idempotency-Key": f"submit-{name}"}
        )

    eventually(accepted, f"{name} to be accepted", 300)


def _insist_on_change(rig: Rig, name: str, generation: int, stop: threading.Event) -> None:
    path = f"/v1/projects/shop/requests/{name}"

    def changed() -> bool:
        try:
            seen = rig.call("GET", path)
            if seen.status_code != httpx.codes.OK:
                return False
            if seen.json()["generation"] >= generation:
                return True
            body = {"contract": "entry", "inputs": {"note": str(generation)}}
            return _answered(rig, "PUT", path, body, {"If-Match": seen.headers["ETag"]})
        except (httpx.HTTPError, FileNotFoundError):
            return False

    eventually(changed, f"{name} to be changed", 300)


def _answered(rig: Rig, method: str, path: str, body: object, headers: dict[str, str]) -> bool:
    try:
        answer = rig.call(method, path, body, **headers)
    except (httpx.HTTPError, FileNotFoundError):
        return False
    assert (
        answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR
        or answer.status_code == httpx.codes.SERVICE_UNAVAILABLE
    ), answer.text
    return answer.is_success


def _unfinished(witness: Ledger, names: list[str], generation: int) -> int:
    with witness.lock:
        done = sum(witness.effects.values())
    return max(0, len(names) * 4 * generation - done)


def _check_delivered_once(rig: Rig, witness: Ledger, names: list[str], generation: int) -> None:
    assert witness.twice() == {}
    uids = [rig.show(name)["uid"] for name in names]
    for uid in uids:
        assert witness.parts_of(uid) == sorted(PARTS)
    keys = {(call.path, call.key) for call in witness.made("PUT")}
    per_path = Counter(path for path, _ in keys)
    for name, uid in zip(names, uids, strict=True):
        # A generation that was outdated before its turn is never delivered; no other is twice.
        runs = rig.runs(name)
        given_up = [run for run in runs if _is_poisoned(run)]
        whole = [run for run in runs if run not in given_up]
        assert all(run["state"] == "succeeded" for run in whole), runs
        assert all(run["state"] == "failed" for run in given_up), runs
        counts = [per_path[f"/requests/{uid}/{part}"] for part in PARTS]
        # Its parts come in order, so a run that was given up has a call for the first ones only.
        falling = [len(runs), *counts, len(whole)]
        assert falling == sorted(falling, reverse=True)
        assert 1 <= len(whole) <= generation
        _check_undone(witness, uid, len(given_up))


def _check_undone(witness: Ledger, uid: str, given_up: int) -> None:
    """Check that what a run that was given up had begun was undone, once each, and nothing else ever."""
    keys = {(call.path, call.key) for call in witness.made("DELETE")}
    per_path = Counter(path for path, _ in keys)
    undone = [per_path[f"/requests/{uid}/{part}"] for part in PARTS]
    # The step that was blamed had begun as well, so the first of its parts is undone for every such run.
    assert undone[0] == given_up
    assert undone == sorted(undone, reverse=True)


def _is_poisoned(run: dict[str, Any]) -> bool:
    """Say whether kills hit one step of a run so often that the engine blames it; another run follows."""
    return f"lost {MAX_CRASHES} times" in (run.get("message") or "")


def _check_books(rig: Rig, names: list[str], generation: int) -> None:
    assert rig.ask("GET", "/v1/audit/verify?project=shop")["is_intact"] is True
    wanted = Counter(_change_of(message) for message in gitwork.log(rig.state_remote))
    assert all(count == 1 for count in wanted.values()), wanted
    assert len(wanted) == len(names) * generation


def _change_of(message: str) -> tuple[str, str]:
    trailers = dict(line.split(": ", 1) for line in message.splitlines() if line.startswith("Avow-"))
    return trailers["Avow-Request"], trailers["Avow-Generation"]
