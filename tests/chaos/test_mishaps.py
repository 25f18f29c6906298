"""Every mishap meets in the fold what its name promises."""

from collections import Counter

import pytest

from aforo.audit.refold import Refolded, refold
from schemas.events import CommandRefused, Event, FrameObserved, FramesLost, RecordRefused, ZonesDefined
from tests.chaos.crowd import frames
from tests.chaos.memory import BEGINS_AT, as_log, make_fold, make_pen
from tests.chaos.mishaps import MISHAPS


def told(name: str) -> Refolded:
    """What the fold makes of a frame and the mishap after it."""
    pen = make_pen()
    frame: FrameObserved = next(frames("c1", 1, BEGINS_AT))
    records = [pen.plain(frame), *MISHAPS[name].records(pen, frame)]
    return refold(as_log(records, pen), make_fold(pen), pen.wire)


def of(refolded: Refolded, kind: type[Event]) -> list[Event]:
    return [event for event in refolded.outputs.values() if isinstance(event, kind)]


@pytest.mark.parametrize("name", MISHAPS)
def test_exactly_the_records_that_must_be_are_refused_and_named(name: str) -> None:
    refolded = told(name)
    assert refolded.refused == Counter(MISHAPS[name].refused)
    assert [event.reason for event in of(refolded, RecordRefused) if isinstance(event, RecordRefused)] == list(
        MISHAPS[name].refused
    )


def test_a_command_that_comes_twice_counts_once() -> None:
    assert len(of(told("a command twice"), ZonesDefined)) == 1


@pytest.mark.parametrize("name", ["a revision conflict", "a crossed polygon"])
def test_a_command_that_cannot_be_carried_out_is_answered(name: str) -> None:
    assert len(of(told(name), CommandRefused)) == 1


def test_what_an_edge_gave_up_is_told() -> None:
    assert len(of(told("spool full"), FramesLost)) == 1
