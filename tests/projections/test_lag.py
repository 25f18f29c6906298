"""How far the read model is behind: what an alarm sees while the projector writes, waits, and has nothing to do."""

import pytest

from stream_processors.projections.lag import Lag


class Clock:
    """Unix seconds, as a test sets them."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_nothing_is_behind_before_the_first_record(clock: Clock) -> None:
    assert Lag(clock).seconds() == 0


def test_it_grows_for_as_long_as_a_batch_waits_for_the_database(clock: Clock) -> None:
    lag = Lag(clock)
    with lag.writing([999.5, 998.0, 999.0]):
        assert lag.seconds() == 2.0
        clock.now += 3_600
        assert lag.seconds() == 3_602.0


def test_between_batches_it_tells_how_late_the_newest_record_was_written(clock: Clock) -> None:
    lag = Lag(clock)
    with lag.writing([990.0, 995.0]):
        clock.now += 1
    clock.now += 3_600
    assert lag.seconds() == 6.0


def test_a_batch_that_failed_stays_behind(clock: Clock) -> None:
    lag = Lag(clock)
    with pytest.raises(ConnectionError), lag.writing([999.0]):
        raise ConnectionError
    clock.now += 5
    assert lag.seconds() == 6.0


def test_a_broker_whose_clock_is_ahead_does_not_make_it_negative(clock: Clock) -> None:
    lag = Lag(clock)
    with lag.writing([clock.now + 3_600]):
        assert lag.seconds() == 0
    assert lag.seconds() == 0
