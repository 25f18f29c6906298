"""A bounded replay of a partition says of its range what a replay of the whole log says of it, however it is read."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import (
    Event,
    LineCrossed,
    LogRecord,
    Position,
    RecordRefused,
    TrackEnded,
    TracksObserved,
    ZoneVisitEvent,
)
from schemas.registry import MemoryRegistry
from schemas.topics import CAMERA_EVENTS, CAMERA_LOG, CAMERA_SNAPSHOTS, TRACKS
from schemas.wire import Wire, to_avro
from stream_processors.replay.errors import InputError
from stream_processors.replay.folding import Said
from stream_processors.replay.plan import Parameters, Plan, Source
from stream_processors.replay.span import Span
from tests.domain.walks import (
    DESK,
    MINUTE,
    configure,
    define,
    film,
    logs,
    square,
    standing,
    unseen,
    vertical,
    walking,
)
from tests.replay.live import Live
from tests.replay.partitions import HOUR, NOON, OTHER, bursts, live, run, spans, steps, zoned
from tests.schemas.next_release import encode_next

few = settings(max_examples=15)


def replayed(system: Live, **plan: Any) -> list[Said]:
    return steps(run(system, Plan(**plan)))


def of_the_whole_log(system: Live, span: Span, **plan: Any) -> list[Said]:
    """The same by folding everything from the first record to the last."""
    return [
        said
        for folded, _ in run(system, Plan(**plan)).steps(lambda *_: None)
        for said in folded.said
        if Plan(span=span).reports(said.output, folded.watermark)
    ]


def facts(said: Iterable[Said]) -> list[Any]:
    """Visits, crossings and minutes but for the number of the zones' revision."""
    return [msgspec.structs.replace(each.output, zones_revision=0) for each in zoned(said)]


# --- a range ----------------------------------------------------------------------------------------------------------


@few
@given(first=logs(), second=logs(), span=spans)
def test_a_range_is_replayed_from_a_snapshot_to_what_the_whole_log_says_of_it(
    first: list[LogRecord], second: list[LogRecord], span: Span
) -> None:
    system = live(first, second)
    assert replayed(system, span=span) == of_the_whole_log(system, span)


@few
@given(log=logs(), span=spans)
def test_zones_alone_are_replayed_to_the_same_bytes(log: list[LogRecord], span: Span) -> None:
    system = live(log)
    assert replayed(system, span=span, source="tracks") == zoned(replayed(system, span=span))


@few
@given(log=logs(), span=spans)
def test_other_zones_give_the_same_bytes_from_tracks_and_from_the_log(log: list[LogRecord], span: Span) -> None:
    system = live(log)
    assert replayed(system, span=span, zones=OTHER, source="tracks") == zoned(replayed(system, span=span, zones=OTHER))


@few
@given(log=logs(), span=spans)
def test_other_zones_count_as_if_they_had_always_been_there(log: list[LogRecord], span: Span) -> None:
    system = live(log)
    assert facts(replayed(system, span=span, zones=OTHER)) == facts(of_the_whole_log(system, span, zones=OTHER))


@few
@given(log=logs(), span=spans, source=st.sampled_from(["log", "tracks"]), stop=st.integers(1, 150))
def test_a_replay_goes_on_at_any_mark_as_if_it_had_not_been_interrupted(
    log: list[LogRecord], span: Span, source: Source, stop: int
) -> None:
    system, plan = live(log), Plan(span=span, zones=OTHER, source=source)
    uninterrupted, interrupted, before = run(system, plan), run(system, plan), list[Said]()
    for number, (_, reported) in enumerate(interrupted.steps(lambda *_: None), 1):
        before += reported
        if number == stop:
            break
    resumed = run(system, plan, interrupted.course.mark())
    assert before + steps(resumed) == steps(uninterrupted)
    assert resumed.course.tally == uninterrupted.course.tally


# --- where it begins --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def five_hours() -> Live:
    system = Live()
    system.run([define(DESK), *bursts(5)])
    return system


def test_no_more_of_the_log_is_read_than_from_the_snapshot_to_where_the_range_is_settled(five_hours: Live) -> None:
    found = run(five_hours, Plan(span=Span(NOON + 2 * HOUR, NOON + 2 * HOUR + MINUTE)))
    assert found.course.next_offset == 1 + 4 * 16 + 8  # the first frame of the hour
    assert steps(found)
    assert found.course.next_offset == 1 + 5 * 16 + 1  # the first frame after the minute
    assert found.course.approximate == frozenset()


def test_of_the_snapshots_only_those_since_the_hour_of_the_range_are_read(five_hours: Live) -> None:
    five_hours.broker.reads.clear()
    replayed(five_hours, span=Span(NOON + 3 * HOUR + 60_000, None))
    kept = len(five_hours.broker.messages[CAMERA_SNAPSHOTS, 0])
    assert [each for each in five_hours.broker.reads if each[0] == CAMERA_SNAPSHOTS] == [(CAMERA_SNAPSHOTS, 4, kept)]


def test_under_other_zones_it_begins_before_anybody_came_who_is_there_at_first() -> None:
    """Somebody sits from before one till after two o'clock: the state at two knows nothing of where he sat down."""
    system, span = Live(), Span(NOON + 2 * HOUR, NOON + 2 * HOUR + MINUTE)
    came = NOON + HOUR - 3_000
    times = [NOON - 5_000, NOON, came, *range(came + 400, NOON + 2 * HOUR + 200_000, 50_000)]
    patient = configure(max_gap_ms=HOUR, track_timeout_ms=HOUR)
    system.run([define(DESK), patient, *film(times, unseen(standing(0.9, 0.9), 0, came))])
    found = run(system, Plan(span=span, zones=OTHER))
    assert found.course.next_offset == 3, "noon"
    assert facts(steps(found)) == facts(of_the_whole_log(system, span, zones=OTHER))
    assert run(system, Plan(span=span)).course.next_offset > 70, "as it was, the newest state will do"


@pytest.mark.parametrize("spoilt", [{"state": b"no state"}, {"fold_version": 99}, {"format": 0}])
def test_a_snapshot_that_cannot_be_used_is_passed_over_for_one_before_it(spoilt: dict[str, Any]) -> None:
    system, span = Live(), Span(NOON + 2 * HOUR + 1_000, None)
    system.run([define(DESK), *bursts(3)])
    wanted = replayed(system, span=span)
    newest: Any = system.wire.decode(system.broker.messages[CAMERA_SNAPSHOTS, 0][-1].value)
    rewrite(system, CAMERA_SNAPSHOTS, -1, msgspec.structs.replace(newest, **spoilt))
    found = run(system, Plan(span=span))
    assert found.course.next_offset == newest.next_offset - 32, "the hour before"
    assert steps(found) == wanted


def rewrite(system: Live, topic: str, at: int, event: Event) -> None:
    messages = system.broker.messages[topic, 0]
    messages[at] = replace(messages[at], value=system.wire.encode(event))


def test_without_a_snapshot_it_begins_at_the_first_record_and_is_exact_if_the_log_begins_there() -> None:
    span = Span(NOON + HOUR, NOON + 2 * HOUR)
    system = Live()
    system.run([define(DESK), *bursts(3)])
    wanted = replayed(system, span=span)
    system.broker.messages[CAMERA_SNAPSHOTS, 0].clear()
    found = run(system, Plan(span=span))
    assert steps(found) == wanted
    assert found.course.approximate == frozenset()


def test_where_retention_took_the_records_before_it_is_approximate() -> None:
    system = Live()
    system.run([define(DESK), *bursts(3)])
    system.broker.messages[CAMERA_SNAPSHOTS, 0].clear()
    system.broker.low[CAMERA_LOG, 0] = 10
    found = run(system, Plan(span=Span(NOON + HOUR, NOON + 2 * HOUR)))
    assert found.course.next_offset == 10
    assert steps(found)
    assert found.course.approximate == {"c1"}


def test_a_snapshot_whose_records_retention_took_is_not_used() -> None:
    system, span = Live(), Span(NOON + HOUR + HOUR // 4, NOON + 2 * HOUR)
    system.run([define(DESK), *bursts(3)])
    system.broker.low[CAMERA_LOG, 0] = 70  # beyond the last snapshot before the range
    found = run(system, Plan(span=span))
    assert found.course.next_offset == 70
    assert steps(found)
    assert found.course.approximate == {"c1"}


# --- what is reported -------------------------------------------------------------------------------------------------


def test_a_visit_that_is_open_at_the_end_of_the_range_is_followed_till_it_closes() -> None:
    system = Live()
    system.run(
        [
            define(DESK),
            *film(range(NOON, NOON + 300_000, 1_000), unseen(standing(0.5, 0.5), NOON + 200_000, NOON + HOUR)),
        ]
    )
    found = run(system, Plan(span=Span(NOON, NOON + MINUTE)))
    visits = [each.output for each in steps(found) if isinstance(each.output, ZoneVisitEvent)]
    assert [type(each).__name__ for each in visits] == ["ZoneEntered", "ZoneExited"]
    assert found.course.next_offset < system.end, "and no further"


def test_a_visit_that_does_not_close_before_the_log_ends_is_counted() -> None:
    system = Live()
    system.run([define(DESK), *film(range(NOON, NOON + 100_000, 1_000), standing(0.5, 0.5))])
    found = run(system, Plan(span=Span(NOON, NOON + MINUTE)))
    steps(found)
    assert found.course.tally.cameras["c1"].open_visits == 1


def test_a_crossing_that_is_not_decided_at_the_end_of_the_range_is_waited_for() -> None:
    """The line is cut in the last second of the range, and the other side must be held for ten more."""
    cut = NOON + MINUTE - 1_000
    system = Live()
    times = range(NOON + 1_000, NOON + 2 * MINUTE, 200)
    walk = walking((NOON, 0.25, 0.5), (cut - 500, 0.4375, 0.5), (cut + 500, 0.5625, 0.5), (NOON + HOUR, 0.5625, 0.5))
    system.run([define(vertical("door", 0.5, min_stay_ms=10_000)), *film(times, walk)])
    (crossed,) = [
        each.output for each in replayed(system, span=Span(NOON, NOON + MINUTE)) if isinstance(each.output, LineCrossed)
    ]
    assert NOON + MINUTE - 1_500 < crossed.crossed_at < NOON + MINUTE


def test_only_the_cameras_that_were_asked_for_are_replayed() -> None:
    system = live(bursts(1), bursts(1), bursts(1))
    found = run(system, Plan(cameras=("c1", "c3")))
    steps(found)
    assert found.course.tally.cameras.keys() == {"c1", "c3"}


def test_a_range_of_offsets_reports_what_these_records_caused(five_hours: Live) -> None:
    found = run(five_hours, Plan(offsets={0: (20, 40)}))
    assert found.course.next_offset < 20
    said = steps(found)
    assert {each.output.position.offset for each in said} == set(range(20, 40))
    assert said == [each for each in replayed(five_hours) if 20 <= each.output.position.offset < 40]


def test_other_partitions_have_nothing_to_say_in_a_range_of_offsets(five_hours: Live) -> None:
    assert replayed(five_hours, offsets={3: (20, 40)}) == []


def test_other_parameters_hold_from_the_beginning_and_over_those_of_the_log() -> None:
    """With a longer time-out somebody who is hidden for four seconds stays one track."""
    system = Live()
    hidden = unseen(standing(0.5, 0.5), NOON + 10_000, NOON + 14_000)
    frames = film(range(NOON, NOON + 30_000, 250), hidden)
    system.run([define(DESK), *frames[:8], configure(track_timeout_ms=1_000), *frames[8:]])
    span = Span(NOON, None)
    own = replayed(system, span=span)
    patient = replayed(system, span=span, parameters=Parameters(track_timeout_ms=5_000))
    assert [tracks(own), tracks(patient)] == [2, 1]


def test_a_shorter_gap_ends_what_a_longer_one_let_go_on() -> None:
    system = Live()
    times = [*range(NOON, NOON + 10_000, 250), *range(NOON + 11_500, NOON + 20_000, 250)]
    system.run(film(times, standing(0.5, 0.5)))
    assert ends(replayed(system)) == []
    assert ends(replayed(system, parameters=Parameters(max_gap_ms=1_000))) == ["GAP"]


def ends(said: Iterable[Said]) -> list[str]:
    return [each.output.reason for each in said if isinstance(each.output, TrackEnded)]


def tracks(said: Iterable[Said]) -> int:
    return len(
        {track.track_no for each in said if isinstance(each.output, TracksObserved) for track in each.output.tracks}
    )


# --- what the live shell refused, repeated and restated ---------------------------------------------------------------


def test_what_the_live_shell_refused_stands_as_it_was_and_is_not_judged_again() -> None:
    system = Live()
    frames = bursts(2)
    forged = system.wire.encode(define(square("forged", 0, 0, 1, 1)))
    system.run([define(DESK), *frames[:20], b"bytes of nobody", forged, *frames[20:]])
    named = [each.output for each in replayed(system) if isinstance(each.output, RecordRefused)]
    assert [(each.reason, each.position.offset) for each in named] == [("UNDECODABLE", 21), ("UNSIGNED", 22)]
    assert [to_avro(each) for each in named] == [
        message.value[5:] for message in system.broker.messages[CAMERA_EVENTS, 0]
        if message.value and isinstance(system.wire.decode(message.value), RecordRefused)
    ]  # fmt: skip


@pytest.mark.parametrize("source", ["log", "tracks"])
def test_what_followed_is_found_when_the_brokers_clock_was_set_back_before_it_was_said(source: Source) -> None:
    system = Live()
    frames = bursts(2)
    system.run([*frames[:5], define(DESK), *frames[5:20], b"bytes of nobody", *frames[20:]])
    before = replayed(system, source=source)
    for topic in (CAMERA_EVENTS, TRACKS):
        said = system.broker.messages[topic, 0]
        said[:] = [replace(each, appended_at=each.appended_at - HOUR) for each in said]
    assert replayed(system, source=source) == before


def test_bytes_of_nobody_do_not_keep_what_followed_from_being_found() -> None:
    system = Live()
    system.run(bursts(1))
    said = system.broker.messages[TRACKS, 0]
    said[:] = [replace(each, appended_at=each.appended_at - HOUR) for each in said]
    place = len(said) - 2
    said[place] = replace(said[place], key=b"stranger", value=b"junk")
    assert list(system.topics.since(TRACKS, 0)) == said


def test_what_can_be_read_by_now_comes_back_when_a_replay_is_told_to_judge_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("schemas.patience.REGISTERED_WITHIN_S", 0.0)
    system, well = Live(), Live()
    frames, release = bursts(2), NextRelease(system.wire)
    unsigned = release.encode(define(square("forged", 0, 0, 1, 1)))
    system.run([define(DESK), *frames[:20], release.encode(frames[20]), unsigned, b"bytes of nobody", *frames[21:]])
    release.register()
    assert reasons(replayed(system)) == ["UNKNOWN_SCHEMA", "UNKNOWN_SCHEMA", "UNDECODABLE"]
    again = replayed(system, judge_again=True)
    assert reasons(again) == ["UNKNOWN_SCHEMA", "UNDECODABLE"]
    well.run([define(DESK), *frames])
    assert tracked(again) == tracked(replayed(well))
    assert tracked(again) != tracked(replayed(system))


class NextRelease:
    """A producer whose schemas the registry comes to know later."""

    def __init__(self, wire: Wire) -> None:
        registry = wire._registry
        assert isinstance(registry, MemoryRegistry)
        self._known, self._own = registry._schemas, MemoryRegistry()
        self._own._schemas = list(self._known)

    def encode(self, event: Event) -> bytes:
        return encode_next(self._own, event)

    def register(self) -> None:
        self._known[:] = self._own._schemas


def reasons(said: Iterable[Said]) -> list[str]:
    """Why records are named as refused."""
    return [each.output.reason for each in said if isinstance(each.output, RecordRefused)]


def tracked(said: Iterable[Said]) -> list[TracksObserved]:
    """What was tracked, without the places in the log."""
    nowhere = Position(epoch=0, partition=0, offset=0, index=0)
    found = [each.output for each in said if isinstance(each.output, TracksObserved)]
    return [msgspec.structs.replace(each, position=nowhere) for each in found]


def test_a_record_that_cannot_be_read_and_that_nobody_refused_ends_it_with_its_place() -> None:
    system = Live()
    system.run(bursts(1))
    system.broker.append(CAMERA_LOG, 0, NOON, b"c1", b"bytes of nobody")
    with pytest.raises(InputError, match=r"camera-log.v1, partition 0, offset 32: .*camera-events does not name it"):
        replayed(system)


def test_what_a_worker_repeated_after_a_crash_counts_once() -> None:
    system, span = Live(), Span(NOON, NOON + HOUR)
    system.run([define(DESK), *bursts(2)])
    wanted = replayed(system, span=span, source="tracks")
    for topic in (TRACKS, CAMERA_EVENTS):
        messages = system.broker.messages[topic, 0]
        messages[20:20] = messages[5:20]
    assert replayed(system, span=span, source="tracks") == wanted


def test_tracks_that_an_adopted_run_restated_are_no_input_of_a_replay() -> None:
    system, span = Live(), Span(NOON, NOON + HOUR)
    system.run([define(DESK), *bursts(2)])
    wanted = replayed(system, span=span, source="tracks")
    first: Any = system.wire.decode(system.broker.messages[TRACKS, 0][8].value)
    later = msgspec.structs.replace(first, restatement=1, position=msgspec.structs.replace(first.position, offset=40))
    system.broker.append(TRACKS, 0, NOON + 3 * HOUR, b"c1", system.wire.encode(later))
    assert replayed(system, span=span, source="tracks") == wanted
