"""The scenes of the demo, in order.

`demo` sets the stage and calls `play`. Each scene opens with what is about to be seen and why it
matters, shows commands, and checks that they showed it. A newcomer reads the output from top to
bottom, so every scene uses only what an earlier one has made.
"""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deploy.demo import postgres_server
from deploy.demo.catalogue_server import Catalogue
from deploy.demo.postgres_server import NAMED_BY, Postgres
from deploy.demo.stage import Server, Stage, must, say, until

PROJECT = "shop"
CI = ".github/workflows/ci.yml"
CI_IN_POINTER = ".github~1workflows~1ci.yml"
LIBRARY = "catalog/library"
CONTRACTS = ("service", "postgres-database")
FIRST = 2
"""The first scene is the start itself."""


@dataclass(frozen=True, slots=True)
class Play:
    """What the scenes play with.

    Attributes:
        data: Avow's data folder.
        postgres: None when none is at hand.
    """

    stage: Stage
    server: Server
    catalogue: Catalogue
    data: Path
    postgres: Postgres | None

    @property
    def repository(self) -> Path:
        """Return where the service's repository lies once it is delivered."""
        return self.data / "repositories/orders.git"

    @property
    def state(self) -> Path:
        """Return where Avow writes to git."""
        return self.data / "state.git"

    def apply(self, name: str, text: str) -> None:
        """Write a file of manifests, show it and apply it."""
        path = self.stage.folder / name
        path.write_text(text, "utf-8")
        say("\n".join(f"  | {line}" for line in text.rstrip().splitlines()) + "\n")
        self.stage.avow("apply", "-f", str(path))


def play(it: Play) -> None:
    """Play all scenes."""
    for number, scene in enumerate(SCENES, start=FIRST):
        scene(it, number)


def publish(it: Play, number: int) -> None:
    """Contracts, a project, and a place to deliver to."""
    it.stage.scene(
        number,
        "The platform team publishes what can be asked for",
        "A contract says what may be asked for, what is promised back and how it is delivered; once\n"
        "published it never changes, so everybody can rely on it. Then a project is made, and a place.",
    )
    shown = it.stage.avow("publish", *(f"{LIBRARY}/{name}" for name in CONTRACTS))
    must(shown.count(" published ") == len(CONTRACTS), "both contracts are published")
    repositories = it.data / "repositories"
    it.apply(
        "shop.yaml",
        "apiVersion: avow/v1\n"
        "kind: Project\n"
        f"metadata: {{name: {PROJECT}}}\n"
        "spec: {title: The web shop}\n"
        "---\n"
        "apiVersion: avow/v1\n"
        "kind: Destination\n"
        "metadata: {name: git, labels: {env: dev}}\n"
        "spec:\n"
        "  kind: git-server\n"
        "  config:\n"
        f"    root: {repositories}\n"
        f"    url: file://{repositories}\n"
        f"    catalogue_url: {it.catalogue.url}\n",
    )


def plan(it: Play, number: int) -> None:
    """What a request would do."""
    it.stage.scene(
        number,
        "A developer asks what would happen",
        "A plan shows policy's verdict, the place and the steps before anything is done, so that\n"
        "nobody has to guess.",
    )
    shown = it.stage.avow(*asking("plan", "orders", "dev"))
    must(
        "allowed" in shown and "register       http.call" in shown, "the plan shows the verdict and the steps"
    )


def deny(it: Play, number: int) -> None:
    """A denial with its fix, and the fix."""
    it.stage.scene(
        number,
        "Policy says no, and how to get a yes",
        "An experiment must not run in production: the request is refused before anything exists, with\n"
        "the fix. With the fix, the same request would be allowed.",
    )
    refused = it.stage.avow(*asking("request", "trial", "prod", "tier=experimental"), ends_with=5)
    must("does not run in production" in refused and "fix:" in refused, "the denial comes with its fix")
    nothing = it.stage.avow("get", "requests")
    must("trial" not in nothing, "nothing is left of a request that was denied")
    allowed = it.stage.avow(*asking("plan", "trial", "prod", "tier=internal"))
    must("allowed" in allowed, "with the fix the same request would be allowed")


def deliver(it: Play, number: int) -> None:
    """A service, with a step that is retried on the way."""
    it.stage.scene(
        number,
        "One request, one service",
        "Now it is real: a git repository from a template, with its CI file, registered in the software\n"
        "catalogue. The catalogue answers 503 at first; only that step is tried again, nothing twice.",
    )
    shown = it.stage.avow(*asking("request", "orders", "dev"), "--watch")
    must("503" in shown and "try 2" in shown, "a step was retried because the catalogue answered 503")
    must("READY  orders" in shown and "url=" in shown, "the service is ready and hands back its outputs")
    must(it.catalogue.names() == ["orders"], "the catalogue knows the service")


def look(it: Play, number: int) -> None:
    """Outputs, conditions, and what is in git."""
    it.stage.scene(
        number,
        "What came of it",
        "Ready means that every condition holds: allowed, delivered, seen, in sync, written to git. What\n"
        "is wanted stands on branch main of Avow's own repository, what was delivered on branch state.",
    )
    shown = it.stage.avow("status", "orders")
    must(re.search(r"InSync +True", shown) and "commit=" in shown, "the status shows outputs and conditions")
    shown = it.stage.git(f"--git-dir={it.repository}", "log", "--stat", "--format=%h %an: %s", "main")
    must(CI in shown, "the service's own history shows its CI file")
    wanted = f"main:projects/{PROJECT}/requests/orders.yaml"
    shown = it.stage.git(f"--git-dir={it.state}", "show", wanted)
    must("contract: service" in shown, "git holds what is wanted")
    shown = it.stage.git(f"--git-dir={it.state}", "log", "-1", "--format=%h %an: %s%n%n%b", "state")
    must("deliver generation 1" in shown, "git holds what was delivered")


def break_it(it: Play, number: int) -> None:
    """A developer deletes a managed file with plain git."""
    it.stage.scene(
        number,
        "Somebody deletes the CI file by hand",
        "That file is the platform's promise, and nobody asks Avow before pushing. The request is held\n"
        "meanwhile, only so that the drift can be looked at before Avow puts it right.",
    )
    clone = it.stage.folder / "clone"
    it.stage.avow("pause", "orders")
    it.stage.git("clone", "--quiet", f"file://{it.repository}", str(clone))
    it.stage.git("rm", CI, within=clone)
    (clone / "main.py").write_text('print("orders")\n', "utf-8")
    it.stage.git("add", "main.py", within=clone)
    it.stage.git("commit", "--message", "Begin; and who needs CI?", within=clone)
    it.stage.git("push", "--quiet", within=clone)
    must(not in_main(it, CI), "the CI file is gone from the repository")


def repair(it: Play, number: int) -> None:
    """The drift found, explained and repaired."""
    it.stage.scene(
        number,
        "Found, explained, repaired",
        "Avow looks every five minutes; here it is told to look now. It says what differs, whose move it\n"
        "is and what to do. Let go, it puts the file back by a new commit; nobody's work is lost.",
    )
    it.stage.avow("reconcile", "orders")
    until(lambda: it.stage.asked("get", "drift"), "Avow finds the drift")
    must("orders" in it.stage.avow("get", "drift"), "the drift is listed")
    shown = it.stage.avow("why", "orders")
    must(CI_IN_POINTER in shown and "seen nothing" in shown, "avow why names the missing file")
    it.stage.avow("resume", "orders")
    until(lambda: in_main(it, CI), "the CI file is put back")
    must("READY  orders" in it.stage.avow("watch", "orders"), "the service is ready again")
    shown = it.stage.avow("get", "runs", "orders")
    must(re.search(r"repair +succeeded", shown), "the repair is on record")
    shown = it.stage.git(f"--git-dir={it.repository}", "log", "--stat", "--format=%h %an: %s", "-2", "main")
    must(
        CI in shown and in_main(it, "main.py"), "the file is back by a new commit, the developer's work kept"
    )


def database(it: Play, number: int) -> None:
    """A database, where a PostgreSQL is at hand."""
    it.stage.scene(
        number,
        "The same for a database",
        "Another contract, another kind of thing, the same promise: a PostgreSQL database with a role of\n"
        "its own. The password is drawn by Avow and handed out as a reference, never written down.",
    )
    if it.postgres is None:
        say(
            "No PostgreSQL is at hand, so this scene is left out. To see it, name one:\n"
            f"  {NAMED_BY}=postgresql://admin:password@host:5432/postgres make demo"
        )
        return
    with postgres_server.running(it.postgres, os.environ):
        _deliver_database(it, it.postgres)


def _deliver_database(it: Play, postgres: Postgres) -> None:
    it.apply(
        "postgres.yaml",
        "apiVersion: avow/v1\n"
        "kind: Destination\n"
        "metadata: {name: postgres, labels: {env: dev}}\n"
        "spec:\n"
        "  kind: postgres-server\n"
        f"  config: {postgres.config()}\n",
    )
    words = ("request", "postgres-database", "orders-db", "--owner", "team-orders", "--set", "connections=5")
    shown = it.stage.avow(*words, "--watch")
    must("READY  orders-db" in shown and "password=secret://file/" in shown, "the password is a reference")
    request = it.stage.asked("get", "requests", "orders-db")
    reference = request["outputs"]["password"]
    password = (it.data / "secrets" / reference.removeprefix("secret://file/")).read_text("utf-8")
    _connect(postgres, request["outputs"], password)
    must(not places_of(password, it), "the password rests in the secret store alone")
    shown = it.stage.avow("delete", "orders-db", "--watch")
    must("DELETED  orders-db" in shown, "the database is gone")


def _connect(postgres: Postgres, outputs: dict[str, str], password: str) -> None:
    user, name = outputs["username"], outputs["database"]
    with postgres_server.connect(postgres, user, password, name) as connection:
        connection.execute("CREATE TABLE orders (id integer)")
        connection.execute("INSERT INTO orders VALUES (1), (2)")
        found = connection.execute("SELECT current_user, current_database(), count(*) FROM orders").fetchone()
    must(found == (user, name, 2), "the delivered role can work in the delivered database")
    say(
        f"Connected as {user} with the delivered password: made a table in {name}, wrote and read two rows.\n"
    )


def give_back(it: Play, number: int) -> None:
    """Deletion, seen to its end."""
    it.stage.scene(
        number,
        "Giving it back",
        "Deletion takes down what was delivered, and ends only when it was seen gone. The repository is\n"
        "put away, not destroyed, because a developer's work is in it.",
    )
    shown = it.stage.avow("delete", "orders", "--watch")
    must("DELETED  orders" in shown, "the service is deleted")
    must("orders" not in it.stage.avow("get", "requests"), "no request is left")
    must(it.catalogue.names() == [], "the catalogue has forgotten the service")
    must(not it.repository.exists(), "the repository is gone from its place")
    archived = list((it.repository.parent / ".archive").glob("orders-*.git"))
    must(len(archived) == 1, "the repository is archived")


def audit(it: Play, number: int) -> None:
    """The trail, and its head that git kept."""
    it.stage.scene(
        number,
        "Nobody rewrote history",
        "Who did what, and what was refused, is a chain of hashes, and every commit carries the chain's\n"
        "head out of the database: whoever changes the past contradicts git.",
    )
    it.stage.avow("get", "audit", "--project", PROJECT)
    words = ("log", "-1", "--format=%(trailers:key=Avow-Audit-Head,valueonly,separator=)", "main")
    head = it.stage.git(f"--git-dir={it.state}", *words).strip()
    shown = it.stage.avow("audit", "--head", head)
    must("is intact" in shown and "kept elsewhere is in it" in shown, "the trail is intact and git agrees")


def asking(verb: str, name: str, environment: str, *inputs: str) -> list[str]:
    """Return the words that ask for a service."""
    words = [verb, "service", name, "--env", environment, "--owner", "team-orders"]
    for text in ("description=Takes orders.", *inputs):
        words += ["--set", text]
    return words


def in_main(it: Play, path: str) -> bool:
    """Say whether a file is on the main branch of the service's repository."""
    quiet = ("ls-tree", "-r", "--name-only", "main")
    return path in it.stage.quiet_git(f"--git-dir={it.repository}", *quiet).splitlines()


def places_of(secret: str, it: Play) -> list[Path]:
    """Return the files of Avow's data and logs that hold a secret, its own store aside."""
    files = [path for path in it.stage.folder.rglob("*") if path.is_file()]
    return [path for path in files if "secrets" not in path.parts and secret.encode() in path.read_bytes()]


def stop(it: Play, number: int) -> None:
    """A clean end, with nothing in the log that nobody wants to see."""
    it.stage.scene(
        number,
        "The end",
        "Avow is asked to stop: it finishes what is under way, and what it had to say is looked through\n"
        "for warnings.",
    )
    must(it.server.stop() == 0, "avow up stops cleanly")
    must(not it.server.has_left_something, "avow up leaves no process behind")
    must(not it.server.troubles(), "\n".join(["avow up says nothing alarming:", *it.server.troubles()]))


SCENES: tuple[Callable[[Play, int], None], ...] = (
    publish,
    plan,
    deny,
    deliver,
    look,
    break_it,
    repair,
    database,
    give_back,
    audit,
    stop,
)
