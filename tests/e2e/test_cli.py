"""The command line against a real server: what a developer and a platform engineer would type."""

import json
import signal
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.e2e.conftest import COMMAND, SERVICE, WORDS, AvowServer, Ended, Shop, environment, start_avow
from tests.services.children import Children
from tests.services.polling import eventually

STEPS = ["repository", "starter_files", "starter", "managed_files", "managed", "register"]


def steering(ended: Ended) -> set[str]:
    """Return the characters in a command's output that have no business in a pipe."""
    return {letter for letter in ended.out + ended.err if letter < " " and letter != "\n"} | (
        {"\x7f"} & set(ended.out + ended.err)
    )


def test_publishing_and_applying_twice_changes_nothing(shop: Shop) -> None:
    assert " unchanged  sha256:" in shop.avow("publish", SERVICE).out
    again = shop.avow("apply", "-f", shop.server.folder / "destination.yaml")
    assert (again.code, again.out) == (0, "destination git-1 unchanged\n")


def test_a_planned_publish_looks_at_what_is_there(shop: Shop) -> None:
    ended = shop.avow("publish", "--plan", SERVICE)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(f"Impact of {SERVICE} on ")


def test_a_kept_plan_is_done_once(shop: Shop) -> None:
    kept = shop.avow("plan", "service", "kept", "--set", f"description={WORDS}", "--save", "-o", "name")
    plan = kept.out.strip()
    assert plan.startswith("pln_")
    assert shop.avow("apply", "--plan", plan).out == "request kept accepted\n"
    assert shop.avow("apply", "--plan", plan).code == 6


def test_a_plan_says_everything_and_does_nothing(shop: Shop) -> None:
    ended = shop.avow("plan", "service", "planned", "--set", f"description={WORDS}")
    assert ended.code == 0
    assert "Plan   service 1.0.0 -> planned\n" in ended.out
    assert (
        "  inputs    description=Takes orders  language=python (default)  tier=internal (default)\n"
        in ended.out
    )
    assert "  steps     6\n      1 -- repository " in ended.out
    assert "git.create_repository, undone when it fails later\n" in ended.out
    assert shop.avow("status", "planned").code == 3


def test_what_policy_denies_is_refused_with_the_fix_and_5(shop: Shop) -> None:
    words = ("--env", "prod", "--set", "tier=experimental")
    for ended in (shop.service("denied", "--dry-run", *words), shop.service("denied", *words)):
        assert ended.code == 5
        assert "an experimental service does not run in production" in ended.out + ended.err
        assert "fix: set tier to internal or critical" in ended.out + ended.err
    assert shop.avow("status", "denied").code == 3


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("get", "requests", "nobody"), 3, "There is no request nobody"),
        (("request", "nothing", "a"), 3, "contract"),
        (("request", "service", "a"), 2, "/inputs"),
        (("request", "service", "a", "--set", "description=x", "--set", "tier=hgih"), 2, "/inputs/tier"),
        (("request", "service", "A_b", "--set", "description=x"), 2, "/name"),
        (("get", "requests", "--project", "elsewhere"), 3, "There is no project elsewhere"),
        (("get", "requests", "--token", "avow_wrong"), 4, "No valid token"),
        (("get", "requests", "--phase", "happy"), 2, "phase"),
    ],
    ids=["request", "contract", "missing", "enum", "name", "project", "token", "filter"],
)
def test_every_refusal_says_why_and_ends_with_its_code(
    shop: Shop, words: tuple[str, ...], code: int, said: str
) -> None:
    ended = shop.avow(*words)
    assert (ended.code, ended.out) == (code, "")
    assert ended.err.startswith("Error: ")
    assert said in ended.err
    assert "Traceback" not in ended.err


def test_a_delivery_is_told_as_it_happens_in_plain_lines(shop: Shop) -> None:
    ended = shop.service("orders", "--watch", "--timeout", "2m")
    assert ended.code == 0, ended.err
    assert not steering(ended)
    told = [line.split()[1] for line in ended.err.splitlines() if line.startswith("  ok ")]
    assert told == STEPS
    # The catalogue refuses the first entry: the retry is told when it happens and when it helped.
    assert "  ..  register                 try 1  The server answered with 503" in ended.err
    [last] = [line for line in ended.err.splitlines() if line.startswith("  ok  register")]
    assert "try 2" in last
    assert "before: The server answered with 503" in last
    lines = ended.out.splitlines()
    assert lines[0].startswith("READY  orders  service 1.0.0  (project ")
    assert lines[1].startswith(
        f"  outputs    url=file://{shop.repositories}/orders.git  branch=main  commit="
    )
    committed = {line.split()[-1]: line.split()[1] for line in lines[2:]}
    assert set(committed) == {"main", "state"}
    state = shop.server.folder / "state.git"
    for branch, commit in committed.items():
        log = subprocess.run(
            ["git", "-C", state, "log", "--format=%H", branch], capture_output=True, text=True, check=True
        )
        assert commit in [line[:10] for line in log.stdout.splitlines()]


def test_what_was_delivered_can_be_looked_at_in_every_way(shop: Shop) -> None:
    assert shop.service("looks", "--wait", "--timeout", "2m").code == 0
    tree = shop.avow("status", "looks", "--tree").out
    assert all(f"done  {step} " in tree for step in STEPS)
    assert shop.avow("why", "looks").out.startswith("looks is READY since ")
    assert shop.avow("audit").out.startswith(f"audit trail of {shop.project} is intact")
    said = {
        output: shop.avow("get", "requests", "-o", output) for output in ("json", "yaml", "name", "jsonl")
    }
    assert [ended.code for ended in said.values()] == [0] * 4
    assert not [output for output, ended in said.items() if steering(ended)]
    listed = json.loads(said["json"].out)
    assert yaml.safe_load(said["yaml"].out) == listed
    assert [json.loads(line) for line in said["jsonl"].out.splitlines()] == listed
    assert said["name"].out.splitlines() == [request["name"] for request in listed]


@pytest.mark.parametrize(
    "kind",
    [
        "projects",
        "contracts",
        "destinations",
        "resources",
        "drift",
        "policies",
        "decisions",
        "tokens",
        "audit",
    ],
)
def test_every_kind_can_be_listed(shop: Shop, kind: str) -> None:
    ended = shop.avow("get", kind)
    assert ended.code == 0, ended.err
    assert not steering(ended)


@pytest.mark.parametrize("kind", ["runs", "events", "decisions"])
def test_what_belongs_to_a_request_can_be_listed(shop: Shop, kind: str) -> None:
    name = f"lists-{kind}"
    assert shop.service(name).code == 0
    eventually(lambda: shop.json("get", kind, "--request", name), f"{kind} of {name}")


def test_drift_is_found_explained_and_repaired(shop: Shop, tmp_path: Path) -> None:
    assert shop.service("drifts", "--wait", "--timeout", "2m").code == 0
    remove_ci_file(shop.repositories / "drifts.git", tmp_path / "work")
    assert shop.avow("reconcile", "drifts").code == 0
    eventually(lambda: "DriftFound" in shop.avow("get", "events", "drifts").out, "the drift to be found")
    ended = shop.avow("watch", "drifts", "--timeout", "2m")
    assert ended.code == 0
    files = subprocess.run(
        ["git", "-C", shop.repositories / "drifts.git", "ls-tree", "-r", "--name-only", "main"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ".github/workflows/ci.yml" in files.stdout


def remove_ci_file(repository: Path, work: Path) -> None:
    """Do what a careless person does."""
    git = ["git", "-c", "user.name=someone", "-c", "user.email=someone@example.org"]
    subprocess.run([*git, "clone", "-q", repository, work], check=True)
    subprocess.run([*git, "rm", "-q", ".github/workflows/ci.yml"], cwd=work, check=True)
    subprocess.run([*git, "commit", "-q", "-m", "Remove CI"], cwd=work, check=True)
    subprocess.run([*git, "push", "-q"], cwd=work, check=True)


def test_a_request_is_held_changed_and_given_back(shop: Shop, tmp_path: Path) -> None:
    assert shop.service("changes", "--wait", "--timeout", "2m").code == 0
    assert shop.avow("pause", "changes").out == "changes is held\n"
    assert "PAUSED" in shop.avow("status", "changes").out
    assert shop.avow("wait", "changes", "--timeout", "300ms").code == 8
    assert shop.avow("resume", "changes").code == 0
    manifest = tmp_path / "changes.yaml"
    manifest.write_text(
        "apiVersion: avow/v1\nkind: Request\nmetadata: {name: changes}\n"
        "spec: {contract: service, inputs: {description: Takes more orders}}\n"
    )
    assert shop.avow("apply", "--dry-run", "-f", manifest).out == "request changes would be changed\n"
    assert shop.avow("apply", "-f", manifest).out == "request changes changed\n"
    assert shop.avow("wait", "changes", "--timeout", "2m").code == 0
    assert shop.avow("apply", "-f", manifest).out == "request changes unchanged\n"
    assert shop.avow("request", "service", "changes", "--set", "description=x").code == 6
    gone = shop.avow("delete", "changes", "--watch", "--timeout", "2m")
    assert (gone.code, gone.out) == (0, "DELETED  changes\n"), gone.err
    assert "  ok  unregister" in gone.err
    assert shop.avow("status", "changes").code == 3
    assert shop.avow("wait", "changes", "--for", "deleted").code == 0


def test_a_failure_ends_the_watch_at_once_and_says_why(shop: Shop, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    for file in ("contract.yaml", "provision.yaml", "delete.yaml", "observe.yaml"):
        text = (SERVICE / file).read_text().replace("name: service\n", "name: broken\n")
        lines = [
            line for line in text.splitlines() if "policy.rego" not in line and "update.yaml" not in line
        ]
        (broken / file).write_text("\n".join(lines) + "\n")
    template = (broken / "provision.yaml").read_text().split("  - id: starter_files")[0]
    (broken / "provision.yaml").write_text(
        template + "  - id: call\n    uses: http.call\n    with:\n      method: PUT\n"
        '      base_url: "${destination.config.catalogue_url}"\n      path: [nowhere]\n'
        "      check: {path: [nowhere]}\n"
        "    timeout: 5s\n    retry: {attempts: 1}\n"
        'outputs: {url: "${steps.repository.outputs.url}", branch: main, commit: none}\n'
        "facts: {exists: true, files: {}}\n"
    )
    assert shop.avow("publish", broken).code == 0
    ended = shop.avow(
        "request", "broken", "breaks", "--set", f"description={WORDS}", "--watch", "--timeout", "2m"
    )
    assert ended.code == 7, ended.err
    assert "  x   call" in ended.err
    assert "  <-  undo repository" in ended.err
    assert "Error: breaks is FAILED: " in ended.err
    assert shop.avow("why", "breaks").out.startswith("breaks is FAILED")
    assert shop.avow("delete", "breaks", "--wait", "--timeout", "2m").code == 0


def test_a_token_opens_only_what_it_was_granted(shop: Shop) -> None:
    server, other = shop.server, shop.server.new_project()
    made = server.avow("token", "create", f"dev-{shop.project}", "--grant", f"developer:{shop.project}")
    assert made.code == 0
    token = made.out.strip()
    assert server.avow("get", "requests", project=shop.project, token=token).code == 0
    assert server.avow("get", "requests", project=other, token=token).code == 3
    assert server.avow("get", "destinations", token=token).code == 4
    assert server.avow("token", "revoke", f"dev-{shop.project}").code == 0
    assert server.avow("get", "requests", project=shop.project, token=token).code == 4


def test_the_doctor_finds_nothing_broken(shop: Shop) -> None:
    ended = shop.avow("doctor")
    assert (ended.code, ended.err) == (0, "")
    assert "broken" not in ended.out


def test_a_stop_is_polite_and_the_next_start_goes_on(children: Children, tmp_path: Path) -> None:
    first = start_avow(children, tmp_path / "data")
    project = first.new_project()
    for number in (signal.SIGTERM, signal.SIGINT):
        first.child.signal(number)
        assert first.child.wait() == 0, first.child.output()
        assert "Traceback" not in first.child.output()
        assert "warning" not in first.child.output().lower()
        second = start_avow(children, tmp_path / "data")
        assert second.token == first.token
        assert project in second.avow("get", "projects", "-o", "name").out
        first = second


def test_the_administrators_token_is_for_its_owner_alone(avow_server: AvowServer) -> None:
    assert (avow_server.folder / "admin-token").stat().st_mode & 0o777 == 0o600


def test_a_watch_survives_a_restart_of_the_server(children: Children, tmp_path: Path) -> None:
    first = start_avow(children, tmp_path / "data")
    port = first.url.rpartition(":")[2]
    assert first.avow("publish", SERVICE).code == 0
    # Held, it is waited for as long as it takes; let go, it has no destination to go to.
    assert first.avow("request", "service", "waits", "--set", f"description={WORDS}").code == 0
    assert first.avow("pause", "waits").code == 0
    settings = environment(AVOW_URL=first.url, AVOW_TOKEN=first.token)
    watch = children.start([*COMMAND, "watch", "waits", "-o", "jsonl"], env=settings)
    eventually(lambda: "RequestPaused" in watch.output(), "the watch to begin")
    first.child.kill()
    second = start_avow(children, tmp_path / "data", "--port", port)
    assert second.avow("resume", "waits").code == 0
    assert watch.wait(60) == 7, watch.output()
    kinds = [json.loads(line)["kind"] for line in watch.output().splitlines() if line.startswith("{")]
    assert kinds.count("RequestPaused") == kinds.count("RequestResumed") == 1
