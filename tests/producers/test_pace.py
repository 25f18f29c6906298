import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.pace import Pace


def went(pace: Pace, *, came_per_s: int, seconds: int, start: float = 0.0) -> int:
    """Messages that go out when all that may does."""
    total = 0
    for tenth in range(1, seconds * 10 + 1):
        now = start + tenth / 10
        pace.came(came_per_s // 10, now)
        allowed = pace.allows(now)
        pace.went(allowed)
        total += allowed
    return total


@pytest.mark.parametrize(("came_per_s", "factor"), [(100, 5), (1_000, 2), (80, 50)])
def test_a_backlog_goes_out_at_a_multiple_of_what_comes_in(came_per_s: int, factor: float) -> None:
    pace = Pace(factor, 10, 0.0)
    went(pace, came_per_s=came_per_s, seconds=60)
    assert went(pace, came_per_s=came_per_s, seconds=10, start=60.0) == pytest.approx(
        10 * factor * came_per_s, rel=0.02
    )


def test_a_quiet_edge_drains_too() -> None:
    assert went(Pace(5, 200, 0.0), came_per_s=0, seconds=10) == pytest.approx(2_000, rel=0.02)


@given(st.lists(st.floats(0.001, 100), min_size=1, max_size=50))
def test_no_more_than_a_second_of_it_is_ever_saved_up(steps: list[float]) -> None:
    pace, now = Pace(5, 200, 0.0), 0.0
    for step in steps:
        now += step
        assert pace.allows(now) <= 200
