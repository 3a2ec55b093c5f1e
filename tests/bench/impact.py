"""`impact_5k`: what it takes to say what a publish would do to thousands of live requests, over HTTP.

A real `avow api` with its policies, the shipped ones and the contract's own, and a database of
delivered requests in several projects, teams and environments, as a reconciler leaves them. The
contract's next version has another default and another step. The first page counts all of them;
the export gives all of them at once.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx

from catalog import contracts, fleet_store, requests
from catalog.clock import utc_now
from catalog.contracts import Revision
from catalog.db import Database, Tx
from catalog.digest import JsonObject
from catalog.ids import ContractName, ProjectName, RequestUid, mint
from catalog.request import Applied, Request, desired_digest
from catalog.schema import with_defaults
from reconciler import operations
from reconciler.operation import OperationState
from tests.bench import contracts as bench
from tests.bench.accept import started_rig
from tests.bench.figures import emit
from tests.bench.site import KINDS, Site
from tests.factories import an_observation, an_operation, store_project
from tests.scenarios.rig import Rig
from tests.services.ports import LOOPBACK

PROJECTS = ("shop", "bank", "mail", "maps")
TEAMS = ("team-orders", "team-pay", "team-mail")
ENVIRONMENTS = ("dev", "staging", "prod")
SIZES = ("s", "m", "l")
PATIENCE_SECONDS = 300


def measure(site: Site) -> None:
    """Print how long the impact of a publish takes to be known, for each database."""
    for kind in KINDS:
        url = site.new_database(kind)
        rig = started_rig(site, url, "api")
        _stock(url, site.amounts.impacts)
        for mode, query in (("page", "page_size=50"), ("export", "format=json")):
            _asked(rig, "page_size=1")  # compiles what is compiled once
            began = time.perf_counter()
            found = _asked(rig, query)
            seconds = time.perf_counter() - began
            n = found["summary"]["requests"]
            assert n == site.amounts.impacts, found["summary"]
            emit(f"avow-{kind}", "impact_5k", mode=mode, seconds=seconds, n=n)
        rig.kill("api")


def _asked(rig: Rig, query: str) -> Any:
    token = (rig.folder / "admin-token").read_text().strip()
    answer = httpx.post(
        f"http://{LOOPBACK}:{rig.port}/v1/contracts/impact?{query}",
        json={"files": _next_version()},
        headers={"Authorization": f"Bearer {token}"},
        timeout=PATIENCE_SECONDS,
    )
    assert answer.status_code == httpx.codes.OK, answer.text
    return answer.json()


def _next_version() -> dict[str, str]:
    """Return the bundle that is to be published: another default, another step."""
    files = bench.files()
    contract = json.loads(files["contract.yaml"])
    contract["metadata"]["version"] = "1.1.0"
    contract["spec"]["inputs"]["properties"]["tier"] = {"enum": ["web", "job"], "default": "web"}
    update = json.loads(files["update.yaml"])
    update["steps"].append({"id": "s5", "uses": "bench.nothing", "with": {}})
    return {**files, "contract.yaml": json.dumps(contract), "update.yaml": json.dumps(update)}


def _stock(url: str, amount: int) -> None:
    """Store requests as they stand once they are delivered and were looked at."""
    database = Database(url)
    try:
        with database.write() as tx:
            revision = contracts.newest(tx, bench.NAME)
            for project in PROJECTS[1:]:
                store_project(tx, project)
            for number, request in enumerate(_requests(revision, amount)):
                _store(tx, request, number)
    finally:
        database.close()


def _requests(revision: Revision, amount: int) -> Iterator[Request]:
    now = utc_now()
    for number in range(amount):
        inputs: JsonObject = {"size": SIZES[number % 3]}
        filled = with_defaults(revision.contract.inputs, inputs)
        applied = Applied(
            generation=1,
            contract_version=revision.version,
            contract_digest=revision.digest,
            desired_digest=desired_digest(revision.digest, bench.DESTINATION["name"], filled),  # type: ignore[arg-type]  # a text
            inputs=filled,
            facts={"exists": True},
            facts_digest="sha256:" + "0" * 64,
            at=now,
        )
        yield Request(
            uid=RequestUid(mint("req", now)),
            project=ProjectName(PROJECTS[number % 4]),
            name=f"r-{number}",
            contract=ContractName(revision.name),
            version=None,
            contract_version=revision.version,
            contract_digest=revision.digest,
            environment=ENVIRONMENTS[number % 3],
            owner=TEAMS[number % 3],
            labels={"tier": "backend", "number": str(number)},
            inputs=inputs,
            generation=1,
            revision=1,
            created_at=now,
            created_by="dora",
            updated_at=now,
            destination="pg-1",
            attempt=1,
            applied=applied,
            outputs={"at": number},
            requesters=("dora",),
        )


def _store(tx: Tx, request: Request, number: int) -> None:
    requests.insert(tx, request)
    seen = an_observation(request_uid=request.uid, facts={"exists": True}, observed_at=request.created_at)
    fleet_store.record_observation(tx, request.project, seen)
    applied = request.applied
    assert applied is not None
    done = an_operation(
        id=mint("op", request.created_at),
        project=request.project,
        request_uid=request.uid,
        idempotency_key=f"key-{number}",
        state=OperationState.SUCCEEDED,
        contract_version=applied.contract_version,
        contract_digest=applied.contract_digest,
        desired_digest=applied.desired_digest,
        plan={"inputs": applied.inputs},
        created_at=request.created_at,
        finished_at=request.created_at,
    )
    operations.begin(tx, replace(done, run_id=f"run-{number}"))
