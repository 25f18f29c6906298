"""Zones folded again from what was published are byte for byte those of the full fold."""

from collections.abc import Sequence

from hypothesis import given, settings

from schemas.events import (
    CameraConfigured,
    CameraStatusObserved,
    Fact,
    LineCrossed,
    LogRecord,
    Output,
    TrackEnded,
    TracksObserved,
    ZoneEntered,
    ZoneExited,
    ZoneMinuteMeasured,
    ZonesDefined,
)
from schemas.wire import from_avro, to_avro
from stream_processors.domain.zone_replay import Cause, ZoneReplayState, causes, step_zones
from tests.domain import walks
from tests.domain.walks import CAMERA, DESK, START, define, entries, every, film, fold, frame, of, square, standing

ZONED = ZoneEntered | ZoneExited | LineCrossed | ZoneMinuteMeasured


def published(outputs: Sequence[Output]) -> list[Cause]:
    """The replay's input as it comes from the topics: through its Avro bytes."""
    kinds = (TracksObserved, TrackEnded, ZonesDefined, CameraConfigured, CameraStatusObserved)
    read = (from_avro(type(each).__name__, to_avro(each)) for each in outputs)
    return [each for each in read if isinstance(each, kinds)]


def replayed(events: Sequence[Cause]) -> list[Fact]:
    state, found = ZoneReplayState(CAMERA), list[Fact]()
    for several in causes(events):
        state, said = step_zones(state, several)
        found += said
    return found


@settings(max_examples=30)
@given(walks.logs())
def test_zones_replayed_from_published_tracks_give_the_same_bytes(records: list[LogRecord]) -> None:
    outputs = fold(entries(records))[1]
    full = [each for each in outputs if isinstance(each, ZONED)]
    assert [to_avro(each) for each in replayed(published(outputs))] == [to_avro(each) for each in full]


def test_other_zones_give_what_a_fold_with_those_zones_gives() -> None:
    frames = [*film(every(100, START, START + 90_000), standing(0.5, 0.5)), frame(9_999, START + 200_000)]
    other = square("desk", 0.4, 0.4, 0.6, 0.6, kind="REST")
    seen = published(fold(entries([define(DESK), *frames]))[1])
    (wanted,) = of(published(fold(entries([define(other)]))[1]), ZonesDefined)
    changed = [wanted if isinstance(each, ZonesDefined) else each for each in seen]
    full = [each for each in fold(entries([define(other), *frames]))[1] if isinstance(each, ZONED)]
    assert replayed(changed) == full
    assert {each.kind for each in of(full, ZoneMinuteMeasured)} == {"REST"}
