"""Scene 5: an order of the web shop, with exactly one effect per step under any crash."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial

import pytest

from deploy.demo.company_server import Call, Company, Refusal, serving
from tests.scenarios.rig import Rig
from tests.scenarios.scenes import fails, journal, stage
from tests.services.polling import eventually

INPUTS = {"item": "book", "quantity": 1, "card": "card-1", "cents": 1990}
STEPS = ("/stock/reservations", "/payments/charges", "/shop/orders", "/fulfilment/notices")
UNDONE = ("/payments/refunds", "/stock/reservations")


@pytest.fixture
def company() -> Iterator[Company]:
    """Give the shop's systems, which count every effect and know nothing of Avow."""
    with serving() as running:
        yield running


@pytest.fixture
def shop(rig: Rig, company: Company) -> Rig:
    """Give an installation on which orders can be placed."""
    stage(rig, "order-saga", url=company.url)
    return rig


def place(shop: Rig, name: str) -> None:
    shop.request(name, "order", environment="prod", owner="team-orders", inputs=INPUTS)


class Murder:
    """Kills Avow with all that belongs to it at a call, once."""

    def __init__(self, shop: Rig, method: str, prefix: str) -> None:
        self.shop = shop
        self.victim = (method, prefix)
        self.done = False

    def __call__(self, call: Call) -> None:
        """Kill, when it is the call that is waited for."""
        if self.done or call.method != self.victim[0] or not call.path.startswith(self.victim[1]):
            return
        self.done = True
        with suppress(ProcessLookupError):
            os.killpg(self.shop.pid, signal.SIGKILL)


class Interception(Murder):
    """Kills in the same way, and the call is lost as well."""

    def __call__(self, call: Call) -> None:
        """Kill, and drop the call."""
        was_done = self.done
        super().__call__(call)
        if self.done and not was_done:
            raise ConnectionAbortedError


def crash_at(shop: Rig, company: Company, crash: Murder, begin: Callable[[], None] | None = None) -> None:
    """Have Avow killed at a call, and start it again."""
    company.before = crash if isinstance(crash, Interception) else lambda call: None
    company.after = crash if not isinstance(crash, Interception) else lambda call: None
    if begin is not None:
        begin()
    eventually(lambda: crash.done and not shop.is_running, "the crash")
    shop.start()


def test_an_order_is_placed_in_four_steps(shop: Rig, company: Company) -> None:
    place(shop, "a-book")
    ready = shop.until_ready("a-book")
    assert ready["outputs"] == {"order": "a-book"}
    assert [call.path for call in company.calls] == [f"{step}/a-book" for step in STEPS]
    assert company.entity("/payments/charges/a-book") == {"card": "card-1", "cents": 1990}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("crash", [Murder, Interception], ids=["after the effect", "before the effect"])
def test_a_crash_at_any_step_leaves_one_effect_of_each(
    shop: Rig, company: Company, crash: type[Murder]
) -> None:
    orders = {f"order-{number}": step for number, step in enumerate(STEPS)}
    for name, step in orders.items():
        crash_at(shop, company, crash(shop, "PUT", f"{step}/{name}"), partial(place, shop, name))
        shop.until_ready(name)
    assert company.twice() == []
    assert len(company.effects) == len(orders) * len(STEPS)
    for name in orders:
        assert company.made(*(f"{step}/{name}" for step in STEPS)) == sorted(f"{s}/{name}" for s in STEPS)
        assert len({call.key for call in company.calls if call.path.endswith(f"/{name}")}) == len(STEPS)
        assert len(shop.runs(name)) == 1


def test_an_order_that_is_refused_is_undone_in_reverse_order(shop: Rig, company: Company) -> None:
    company.refusals.append(Refusal(409, "/shop/orders"))
    place(shop, "a-book")
    fails(shop, "a-book")
    said = journal(shop, "a-book")
    assert said.steps("AttemptSucceeded", "undo") == ["charge", "reserve"]
    undone = [(call.method, call.path) for call in company.calls][-2:]
    assert undone == [("PUT", "/payments/refunds/a-book"), ("DELETE", "/stock/reservations/a-book")]
    assert company.made() == ["/payments/charges/a-book", "/payments/refunds/a-book"]
    assert company.twice() == []


def test_a_card_that_is_declined_is_not_refunded(shop: Rig, company: Company) -> None:
    company.refusals.append(Refusal(402, "/payments/charges"))
    place(shop, "a-book")
    fails(shop, "a-book")
    assert company.made() == []
    assert company.asked("PUT", "/payments/refunds") == []


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("crash", [Murder, Interception], ids=["after the effect", "before the effect"])
def test_a_crash_while_undoing_undoes_each_step_once(
    shop: Rig, company: Company, crash: type[Murder]
) -> None:
    company.refusals.append(Refusal(409, "/shop/orders"))
    orders = dict(zip(("first", "second"), UNDONE, strict=True))
    for name, step in orders.items():
        method = "PUT" if step == UNDONE[0] else "DELETE"
        crash_at(shop, company, crash(shop, method, f"{step}/{name}"), partial(place, shop, name))
        fails(shop, name)
    assert company.made("/stock") == []
    assert company.made("/payments/refunds") == ["/payments/refunds/first", "/payments/refunds/second"]
    assert company.twice() == []
    # Two steps done and two undone, for each of the two orders.
    assert len(company.effects) == 2 * 4


def test_a_placed_order_is_final_and_can_be_returned(shop: Rig, company: Company) -> None:
    place(shop, "a-book")
    shop.until_ready("a-book")
    etag = shop.call("GET", "/v1/projects/shop/requests/a-book").headers["ETag"]
    body = {"contract": "order", "environment": "prod", "owner": "team-orders"}
    more = {**body, "inputs": {**INPUTS, "quantity": 2}}
    refused = shop.call("PUT", "/v1/projects/shop/requests/a-book", more, **{"If-Match": etag})
    assert (refused.status_code, "order-is-final" in refused.text) == (403, True)
    shop.delete("a-book")
    shop.until_gone("a-book")
    assert company.made() == ["/payments/charges/a-book", "/payments/refunds/a-book"]
    assert company.twice() == []
