"""`accept`: what it takes to accept a request, with its policy decision, over HTTP.

A real `avow up`, which plans and delivers what it accepted while the next ones come in; beside
it `avow api`, which leaves that to others; and as the floor a bare FastAPI insert on the same
kind of database. Asking for the plan alone (a dry run) is measured as well. Every measurement
has a server and a database of its own.
"""

from dataclasses import dataclass, replace

import httpx

from tests.bench import contracts
from tests.bench.figures import emit_spans
from tests.bench.load import Crowd, Posted, Target
from tests.bench.site import KINDS, PYTHON, ROOT, Site
from tests.scenarios.rig import Rig
from tests.services.children import first_to_answer
from tests.services.ports import LOOPBACK

JSON = {"Content-Type": "application/json"}
PROJECT = "shop"
WARM_POSTS = 20


@dataclass(frozen=True, slots=True)
class Way:
    """A way of posting.

    Attributes:
        share: the posts of this way, out of the run's amount; one client alone needs fewer.
        each_second: see `Crowd`.
    """

    mode: str
    clients: int
    share: float = 1.0
    each_second: float = 0.0


ONE = Way("1 client", 1, share=0.3)
CROWD = Way("20 clients", 20)
STEADY = Way("100 a second", 20, each_second=100.0)
WAYS = (ONE, CROWD, STEADY)


def measure(site: Site) -> None:
    """Print how soon and how often requests are accepted, beside the floor."""
    for kind in KINDS:
        for way in WAYS:
            _print_floor(site, kind, way)
            _print_accepted(site, kind, way, "up")
        _print_accepted(site, kind, CROWD, "api")
        _print_planned(site, kind, ONE)


def started_rig(site: Site, url: str, role: str = "up", **options: str) -> Rig:
    """Start an installation with the project `shop` and a contract that does nothing."""
    settings = {**site.surroundings, "AVOW_GIT_CHECK_SECONDS": "60", **options}
    rig = Rig(site.children, site.new_folder("avow"), url, settings, roles=(role,))
    rig.start()
    rig.project(PROJECT)
    rig.ask("POST", "/v1/destinations", contracts.DESTINATION)
    rig.publish(contracts.files())
    return rig


def _print_accepted(site: Site, kind: str, way: Way, role: str) -> None:
    rig = started_rig(site, site.new_database(kind), role)
    _print(f"avow-{kind}", way, _posted(site, way, _door(rig, status=202)), process=role)
    rig.kill(role)


def _print_planned(site: Site, kind: str, way: Way) -> None:
    rig = started_rig(site, site.new_database(kind))
    posted = _posted(site, way, _door(rig, status=200, query="?dry_run=true"))
    _print(f"avow-{kind}", replace(way, mode=f"{way.mode}, the plan alone"), posted, process="up")
    rig.kill()


def _print_floor(site: Site, kind: str, way: Way) -> None:
    url = site.new_database(kind)
    program = [PYTHON, "-m", "tests.bench.bare", url]
    child, port = first_to_answer(
        lambda port: site.children.start([*program, str(port)], env=site.environment(), cwd=ROOT), _is_up
    )
    _print(f"floor-{kind}", way, _posted(site, way, Target(port, "/wishes", JSON, 202)))
    child.stop()


def _door(rig: Rig, status: int, query: str = "") -> Target:
    token = (rig.folder / "admin-token").read_text().strip()
    path = f"/v1/projects/{PROJECT}/requests{query}"
    return Target(rig.port, path, {**JSON, "Authorization": f"Bearer {token}"}, status)


def _posted(site: Site, way: Way, target: Target) -> Posted:
    amount = max(1, int(site.amounts.posts * way.share))
    Crowd(target, [contracts.wanted(f"warm-{number}") for number in range(WARM_POSTS)]).post(1)
    documents = [contracts.wanted(f"r-{number}") for number in range(amount)]
    return Crowd(target, documents, way.each_second).post(way.clients)


def _print(peer: str, way: Way, posted: Posted, **figures: str) -> None:
    rate = posted.each_second
    emit_spans(peer, "accept", posted.spans, mode=way.mode, **figures, clients=way.clients, rate_s=rate)


def _is_up(port: int) -> bool:
    try:
        return httpx.get(f"http://{LOOPBACK}:{port}/readyz", timeout=5).is_success
    except httpx.HTTPError:
        return False
