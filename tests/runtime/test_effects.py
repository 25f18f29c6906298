"""What follows from a record is found wherever clocks say that it was appended."""

from hypothesis import given
from hypothesis import strategies as st

from stream_processors.runtime.effects import first_effect


@given(causes=st.lists(st.integers(0, 50)).map(sorted), head=st.integers(0, 50), data=st.data())
def test_nothing_that_follows_is_left_out_whatever_is_guessed(
    causes: list[int], head: int, data: st.DataObject
) -> None:
    begin = data.draw(st.integers(0, len(causes)))
    guess = data.draw(st.integers(begin, len(causes)))
    found = first_effect(guess, begin, lambda offset: causes[offset] >= head)
    assert begin <= found <= guess
    assert all(cause < head for cause in causes[begin:found])


def test_a_good_guess_costs_one_look() -> None:
    looks: list[int] = []

    def follows(offset: int) -> bool:
        looks.append(offset)
        return offset >= 1_000

    assert first_effect(1_000, 0, follows) == 1_000
    assert looks == [999]
