"""Builds everything from settings; the only place that picks implementations.

`build` makes the parts and starts nothing; a `Runtime` starts the roles that a process
plays and stops them again, last started first. What belongs to an extra that may not be
installed (the broker, the OPA client) is found by name when the settings ask for it.
"""

import pkgutil
import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol, cast

import sqlalchemy as sa

from catalog import contracts, ids
from catalog.bell import Bell
from catalog.clock import Clock, utc_now
from catalog.db import Database, Tx
from catalog.errors import PlatformError
from executors.port import Executor
from executors.registry import EXECUTORS, Factory, Registry, plugs
from executors.repository import Access, Broken, Credentials, Owner, RemoteRules, Shelf
from executors.secrets import LocalSecrets
from executors.steps import StepSettings, builtin
from executors.workflow.executor import Dispatcher
from executors.workflow.parts import Parts, worker_of
from executors.workflow.sweeper import Sweeper
from executors.workflow.threads import Threads
from executors.workflow.worker import Worker
from platform_api import housekeeping, migrations
from platform_api import settings as configuration
from platform_api.keys import kept_key
from platform_api.listening import Echo, Listener, SharedClock
from platform_api.observing import tracing_of, watcher_of
from platform_api.parts import Platform
from platform_api.settings import Settings
from platform_api.sources import sources_of
from platform_api.spans import Record
from platform_api.trust import trust_of
from policy.admit import Admission, Timing
from policy.bundle import SHIPPED, organisation
from policy.embedded import EmbeddedEngine, EmbeddedLimits
from policy.engine import PolicyEngine
from reconciler import workqueue
from reconciler.change import Branch
from reconciler.loop import Loop, LoopSettings
from reconciler.reconcile import Reconciler
from reconciler.remote import Pace, Remote
from reconciler.workqueue import Lane
from reconciler.writeback import Writer

_SHIPPED_EXECUTORS = {
    "workflow": "executors.workflow.executor:create",
    "temporal": "executors.temporal.executor:create",
}
_STATE_REPOSITORY = "state"


class Role(StrEnum):
    """What a process does."""

    API = "api"
    WORKER = "worker"
    RECONCILER = "reconciler"


ALL_ROLES = frozenset(Role)


class Background(Protocol):
    """Something that runs beside the doors."""

    def start(self) -> None:
        """Begin."""
        ...

    def stop(self) -> Any:
        """End, after what is under way."""
        ...


@dataclass
class Runtime:
    """The parts of one process, and what runs in it.

    Attributes:
        background: what each role runs.
        record: takes spans; None when nobody wants them.
    """

    platform: Platform
    shared: list[Background]
    background: dict[Role, list[Background]]
    record: Record | None = None
    _started: list[Background] = field(default_factory=list)

    def start(self, roles: Collection[Role] = ALL_ROLES) -> None:
        """Start what these roles need."""
        self.platform.engine.prepare(self.platform.organisation)
        wanted = [part for role in Role if role in roles for part in self.background[role]]
        for part in [*self.shared, *wanted]:
            part.start()
            self._started.append(part)

    def stop(self) -> None:
        """Stop what was started and close what was opened."""
        while self._started:
            self._started.pop().stop()
        self.platform.engine.close()
        self.platform.db.close()


def build(settings: Settings) -> Runtime:
    """Return the parts that these settings ask for; the database is brought up to date first."""
    trust = trust_of(settings.trusted_keys, is_required=settings.require_signed_bundles)
    sources = sources_of(settings.folder / "sources", settings.bundle_sources, settings.git_hosts)
    settings.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    migrations.upgrade(settings.database)
    bell = Bell()
    db = Database(settings.database, ring=bell.ring, pool_size=settings.pool_size)
    clock = utc_now if db.is_sqlite else SharedClock(utc_now)
    mint = _mint(clock)
    engine = _engine(settings)
    bundle = organisation((SHIPPED,) if settings.policy_dir is None else (SHIPPED, settings.policy_dir))
    tracing = tracing_of(settings)
    parts = _parts(settings, db, clock)
    parts = replace(parts, watcher=watcher_of(db, parts.kinds, tracing))
    worker = Threads(worker_of(parts), db, bell, clock, settings.workers)
    dispatcher = _dispatcher(settings, clock) or worker
    platform = Platform(
        settings=settings,
        db=db,
        bell=bell,
        clock=clock,
        mint=mint,
        admission=Admission(engine, bundle, clock, mint, Timing(settings.policy_seconds)),
        engine=engine,
        organisation=bundle,
        executors=_executors(parts, dispatcher),
        signing_key=kept_key(settings),
        checks={"database": lambda: _database_trouble(db), "policy": lambda: _policy_trouble(engine)},
        trust=trust,
        sources=sources,
    )
    sweepers = [] if dispatcher is worker else [Sweeper(db, dispatcher, bell, clock)]
    shared: list[Background] = [] if tracing is None else [_UntilTheEnd(tracing.stop)]
    if isinstance(clock, SharedClock):
        shared += [Listener(db, bell, clock, settings.clock_seconds), Echo(db)]
    return Runtime(
        platform=platform,
        shared=shared,
        background={
            Role.API: [housekeeping.of(platform)],
            Role.WORKER: [worker, *_crews(settings, parts, bell)],
            Role.RECONCILER: [
                _StateRepository(settings),
                *_writers(platform),
                _loop(platform),
                *sweepers,
                housekeeping.RunKeeping(platform),
                housekeeping.sunsets(platform),
            ],
        },
        record=None if tracing is None else tracing.record,
    )


def new_worker() -> Worker:
    """Return a worker for a child process of a broker's consumer; settings come from the environment."""
    settings = configuration.load()
    db = Database(settings.database, pool_size=2)
    if not db.is_sqlite:
        Echo(db).start()
    parts = _parts(settings, db, utc_now)
    watcher = watcher_of(db, parts.kinds, tracing_of(settings), owns_tracing=True)
    return worker_of(replace(parts, watcher=watcher))


def _mint(clock: Clock) -> ids.Mint:
    return lambda prefix: ids.mint(prefix, clock())


@dataclass
class _UntilTheEnd:
    """Something that is there from the start, and has to be ended last."""

    stop: Callable[[], None]

    def start(self) -> None:
        pass


def _engine(settings: Settings) -> PolicyEngine:
    if not settings.opa_url:
        return EmbeddedEngine(EmbeddedLimits(workers=settings.policy_workers))
    address = pkgutil.resolve_name("policy.opa:OpaAddress")
    engine = pkgutil.resolve_name("policy.opa:OpaEngine")
    token = settings.opa_token.get_secret_value() or None
    return cast("PolicyEngine", engine(address(url=settings.opa_url, token=token)))


def _dispatcher(settings: Settings, clock: Clock) -> Dispatcher | None:
    if not settings.broker_url:
        return None
    publisher = pkgutil.resolve_name("executors.workflow.tasks:Publisher")
    return cast("Dispatcher", publisher(settings.broker_url, clock))


def _parts(settings: Settings, db: Database, clock: Clock) -> Parts:
    def on_final(tx: Tx, request_uids: Sequence[str]) -> None:
        if len(request_uids) == 1:
            workqueue.wake(tx, request_uids[0], Lane.CALLBACK, clock())
        else:
            workqueue.wake_many(tx, request_uids, Lane.CALLBACK, clock())

    def files_of(digest: str) -> Any:
        with db.read() as tx:
            return contracts.by_digest(tx, digest).files

    return Parts(
        database=db,
        kinds=builtin(_step_settings(settings, clock)),
        clock=clock,
        mint=_mint(clock),
        roll=random.random,
        files_of=files_of,
        on_final=on_final,
        lease_seconds=settings.run_lease_seconds,
        options=settings.options,
    )


def _crews(settings: Settings, parts: Parts, bell: Bell) -> list[Background]:
    if not settings.temporal_address:
        return []
    crew = pkgutil.resolve_name("executors.temporal.crew:create")
    return [cast("Background", crew(parts, bell, settings.workers))]


def _step_settings(settings: Settings, clock: Clock) -> StepSettings:
    return StepSettings(
        directory=settings.folder / "steps",
        secrets=LocalSecrets(settings.folder / "secrets", configuration.secret_environment()),
        clock=clock,
        hosts=settings.http_hosts,
        git_hosts=settings.git_hosts,
        repository_roots=(settings.repositories,),
        commands=settings.programs,
        command_variables=settings.command_variables,
        terraform=settings.terraform_program,
        stacks=settings.folder / "stacks",
        ansible=settings.ansible_program,
    )


def _executors(parts: Parts, dispatcher: Dispatcher) -> Registry[Executor]:
    def make(factory: Factory[Executor]) -> Executor:
        return factory(parts, dispatcher)

    return Registry("executor", plugs(EXECUTORS, "executor", _SHIPPED_EXECUTORS), make)


def _loop(platform: Platform) -> Loop:
    settings = platform.settings
    reconciler = Reconciler(
        db=platform.db,
        admission=platform.admission,
        executor_named=cast("Registry[Executor]", platform.executors).find,
        clock=platform.clock,
        mint=platform.mint,
        roll=random.random,
    )
    return Loop(
        platform.db,
        platform.bell,
        reconciler.reconcile,
        owner=platform.mint("rec"),
        clock=platform.clock,
        roll=random.random,
        settings=LoopSettings(
            threads=settings.reconcilers,
            lease=timedelta(seconds=settings.lease_seconds),
            poll_seconds=settings.poll_seconds,
        ),
    )


def _writers(platform: Platform) -> list[Background]:
    settings = platform.settings
    url, access = _remote(settings)
    return [
        Writer(
            platform.db,
            platform.bell,
            Remote(settings.folder / "clones" / branch, url, branch, access=access),
            owner=platform.mint("wrt"),
            clock=platform.clock,
            mint=platform.mint,
            roll=random.random,
            pace=Pace(check_seconds=settings.git_check_seconds),
        )
        for branch in Branch
    ]


@dataclass
class _StateRepository:
    """The default remote: made by whoever writes to it, when it starts, unless it is there."""

    settings: Settings

    def start(self) -> None:
        if self.settings.git_remote:
            return
        shelf = Shelf(self.settings.folder)
        try:
            if not shelf.exists(_STATE_REPOSITORY):
                shelf.create(_STATE_REPOSITORY, Owner("avow", "platform", "platform"))
        except Broken:
            # Another reconciler on this folder may be making it at the same moment.
            if not shelf.exists(_STATE_REPOSITORY):
                raise

    def stop(self) -> None:
        pass


def _remote(settings: Settings) -> tuple[str, Access]:
    url = settings.git_remote or str(Shelf(settings.folder).place(_STATE_REPOSITORY))
    roots: tuple[Path, ...] = ()
    if url.startswith("/"):
        roots = (Path(url).parent,)
        url = f"file://{url}"
    password = settings.git_password.get_secret_value()
    credentials = Credentials(settings.git_username, password) if password else None
    rules = RemoteRules(hosts=(*RemoteRules().hosts, *settings.git_hosts), file_roots=roots)
    return url, Access(rules=rules, credentials=credentials)


def _database_trouble(db: Database) -> str:
    try:
        with db.read() as tx:
            tx.execute(sa.select(1))
    except PlatformError as error:
        return error.message
    return ""


def _policy_trouble(engine: PolicyEngine) -> str:
    state = engine.state()
    return "" if state.is_ready else state.message or "the engine is not ready"
