"""The breaker: what keeps failing rests, one may try again, success clears."""

from policy.breaker import Breaker


class Watch:
    """A monotonic clock that a test moves."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def a_resting_breaker(watch: Watch) -> Breaker:
    breaker = Breaker(threshold=3, rest_seconds=10, monotonic=watch)
    for _ in range(3):
        breaker.failed("a")
    return breaker


def test_fewer_failures_than_the_threshold_change_nothing() -> None:
    breaker = Breaker(threshold=3, rest_seconds=10, monotonic=Watch())
    breaker.failed("a")
    breaker.failed("a")

    assert breaker.admits("a")
    assert not breaker.rests("a")


def test_after_the_threshold_nobody_is_let_through() -> None:
    breaker = a_resting_breaker(Watch())

    assert breaker.rests("a")
    assert not breaker.admits("a")


def test_names_do_not_pay_for_one_another() -> None:
    assert a_resting_breaker(Watch()).admits("b")


def test_after_the_rest_one_may_try_and_the_others_wait() -> None:
    watch = Watch()
    breaker = a_resting_breaker(watch)
    watch.now += 11

    assert [breaker.admits("a") for _ in range(3)] == [True, False, False]


def test_a_failed_try_renews_the_rest() -> None:
    watch = Watch()
    breaker = a_resting_breaker(watch)
    watch.now += 11
    breaker.admits("a")
    breaker.failed("a")
    watch.now += 9

    assert not breaker.admits("a")


def test_a_successful_try_clears_the_name() -> None:
    watch = Watch()
    breaker = a_resting_breaker(watch)
    watch.now += 11
    breaker.admits("a")
    breaker.succeeded("a")

    assert [breaker.admits("a") for _ in range(3)] == [True, True, True]


def test_a_success_in_between_clears_the_count() -> None:
    breaker = Breaker(threshold=2, rest_seconds=10, monotonic=Watch())
    for _ in range(5):
        breaker.failed("a")
        breaker.succeeded("a")

    assert breaker.admits("a")


def test_it_forgets_the_oldest_names_instead_of_growing() -> None:
    breaker = Breaker(threshold=1, rest_seconds=10, monotonic=Watch())
    for number in range(1500):
        breaker.failed(str(number))

    assert breaker.admits("0")
    assert not breaker.admits("1499")
