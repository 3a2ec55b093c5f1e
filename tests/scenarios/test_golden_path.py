"""Scenario 1: from a published contract to a delivered, updated, upgraded and deleted thing."""

from tests.scenarios import bundles, gitwork
from tests.scenarios.rig import Rig, condition

FILE = "projects/shop/requests/home.yaml"


def test_a_request_lands_on_the_one_matching_destination_and_ends_ready_with_outputs(rig: Rig) -> None:
    rig.publish(bundles.page(same_environment=True))
    development = rig.git_destination("git-dev", env="dev")
    production = rig.git_destination("git-prod", env="prod")

    rig.request("home", "page", environment="dev", inputs={"title": "shop"})
    ready = rig.until_ready("home")

    assert ready["destination"] == "git-dev"
    assert ready["outputs"] == {"url": f"file://{development}/home.git"}
    assert condition(ready, "Ready")["status"] == "True"
    assert gitwork.show(development / "home.git", "page.html") == "<h1>Hello shop</h1>\n"
    assert list(production.iterdir()) == []
    (resource,) = rig.ask("GET", "/v1/resources")["items"]
    assert resource["destination"] == "git-dev"


def test_the_steps_run_in_order_and_git_holds_what_was_wanted_and_what_was_delivered(rig: Rig) -> None:
    rig.publish(bundles.page())
    rig.git_destination("git-1")
    rig.request("home", "page")
    rig.until_ready("home")

    (run,) = rig.runs("home")
    steps = rig.ask("GET", f"/v1/runs/{run['id']}/steps")["items"]

    assert [(step["id"], step["state"]) for step in steps] == [
        ("repository", "done"),
        ("files", "done"),
        ("push", "done"),
    ]
    assert "generation: 1" in (gitwork.show(rig.state_remote, FILE) or "")
    assert "generation: 1" in (gitwork.show(rig.state_remote, FILE, "state") or "")


def test_an_update_runs_the_workflow_again(rig: Rig) -> None:
    rig.publish(bundles.page())
    root = rig.git_destination("git-1")
    rig.request("home", "page", inputs={"title": "one"})
    rig.until_ready("home")

    rig.change("home", inputs={"title": "two"})
    rig.until_ready("home", generation=2)

    assert gitwork.show(root / "home.git", "page.html") == "<h1>Hello two</h1>\n"
    assert [run["operation"] for run in rig.runs("home")] == ["update", "provision"]


def test_a_new_version_reaches_the_requests_that_follow_and_not_the_pinned_one(rig: Rig) -> None:
    rig.publish(bundles.page())
    root = rig.git_destination("git-1")
    rig.request("follows", "page")
    rig.request("pinned", "page", version="1.0.0")
    rig.until_ready("follows")
    rig.until_ready("pinned")

    rig.publish(bundles.page("1.1.0", greeting="Welcome"))
    rig.until(
        "follows", lambda seen: seen["applied"]["contract_version"] == "1.1.0" and seen["phase"] == "ready"
    )

    assert gitwork.show(root / "follows.git", "page.html") == "<h1>Welcome untitled</h1>\n"
    assert gitwork.show(root / "pinned.git", "page.html") == "<h1>Hello untitled</h1>\n"
    assert len(rig.runs("pinned")) == 1


def test_deletion_leaves_no_thing_no_placement_and_no_file(rig: Rig) -> None:
    rig.publish(bundles.page())
    root = rig.git_destination("git-1")
    rig.request("home", "page")
    rig.until_ready("home")

    rig.delete("home")
    rig.until_gone("home")

    assert not (root / "home.git").exists()
    assert rig.ask("GET", "/v1/resources")["items"] == []
    assert gitwork.show(rig.state_remote, FILE) is None
    assert gitwork.show(rig.state_remote, FILE, "state") is None


def test_what_somebody_removes_by_hand_is_put_back_without_losing_their_commit(rig: Rig) -> None:
    rig.publish(bundles.page())
    root = rig.git_destination("git-1")
    rig.request("home", "page", inputs={"title": "shop"})
    rig.until_ready("home")

    gitwork.push(root / "home.git", rig.folder / "stranger", {"page.html": None, "notes.txt": "mine\n"})
    rig.act("home", "reconcile")
    rig.until("home", lambda seen: any(run["operation"] == "repair" for run in rig.runs("home")))
    rig.until_ready("home")

    assert gitwork.show(root / "home.git", "page.html") == "<h1>Hello shop</h1>\n"
    assert gitwork.show(root / "home.git", "notes.txt") == "mine\n"
    assert "a stranger was here" in gitwork.log(root / "home.git")
