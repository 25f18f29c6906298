"""The snapshot's promises: whole or refused, small, and marked with what made it."""

import platform
from collections.abc import Callable

import numpy as np
import pytest
import scipy

from stream_processors.domain.tracker import Frame, TrackerState, dump, load, update
from stream_processors.domain.tracker_snapshot import UnreadableSnapshotError, libraries
from tests.domain.tracker_scenes import CONTRACT, START, frame, person, tell


def crowd(people: int) -> TrackerState:
    sights = [(person(60.0 * i), 0.9) for i in range(people)]
    return tell([frame(0, *sights), frame(100, *sights)]).state


def test_the_empty_state_comes_back_empty() -> None:
    state = load(dump(TrackerState.empty()))
    assert (state.observed_at, state.last_track_no, len(state.tracks)) == (None, 0, 0)


def test_every_field_comes_back() -> None:
    state = crowd(3)
    again = load(dump(state))
    assert (again.observed_at, again.last_track_no) == (START + 100, START + 2)
    assert again.tracks.dtype == state.tracks.dtype
    assert again.tracks.tobytes() == state.tracks.tobytes()
    assert np.array_equal(again.filters, state.filters)


def test_appearance_comes_back() -> None:
    looks = np.array([[0.6, 0.8], [1.0, 0.0]])
    sight = Frame(START, np.array([person(0), person(200)]), np.array([0.9, 0.8]), CONTRACT, looks)
    state, _ = update(TrackerState.empty(), sight)
    assert np.array_equal(load(dump(state)).appearance, state.appearance)
    assert state.appearance.tolist() == looks.tolist()


def test_54_tracks_take_less_than_20_kb() -> None:
    assert len(dump(crowd(54))) < 20_000


def test_a_snapshot_names_the_libraries_that_made_it() -> None:
    expected = {"python": platform.python_version(), "numpy": np.__version__, "scipy": scipy.__version__}
    assert libraries(dump(TrackerState.empty())) == expected


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda _: b"", id="nothing"),
        pytest.param(lambda raw: raw[:-1], id="cut short"),
        pytest.param(lambda raw: raw + b"\0", id="too long"),
        pytest.param(lambda raw: b"XXXX" + raw[4:], id="something else"),
        pytest.param(lambda raw: raw[:4] + b"\xff\xff" + raw[6:], id="another format"),
        pytest.param(lambda raw: raw[:8] + b"\xff" + raw[9:], id="no header"),
    ],
)
def test_what_is_no_whole_snapshot_is_refused(spoil: Callable[[bytes], bytes]) -> None:
    with pytest.raises(UnreadableSnapshotError, match="rebuild the state"):
        load(spoil(dump(crowd(3))))


def test_a_loaded_state_can_be_tracked_on() -> None:
    state, tracked = update(load(dump(crowd(2))), frame(200, (person(0), 0.9), (person(60), 0.9)))
    assert tracked.track_no.tolist() == [START, START + 1]
    assert state.observed_at == START + 200
