"""A verification agrees with what the live fold published, names the first record that differs, and says what it cannot compare."""

import io
import json
import re
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import fastavro
import msgspec
import pytest
from hypothesis import given, settings

from schemas.events import AdoptRun, Event, LogRecord, RunAdopted, TracksObserved, ZoneExited, ZoneMinuteMeasured
from schemas.topics import CAMERA_EVENTS, CAMERA_LOG, CAMERA_SNAPSHOTS, TRACKS, ZONE_MINUTES, ZONE_VISITS
from stream_processors.replay.digests import Digests, adoption_digest
from stream_processors.replay.errors import InputError
from stream_processors.replay.exporting import Stored
from stream_processors.replay.plan import Plan
from stream_processors.replay.shapes import Shapes
from stream_processors.replay.span import Span
from stream_processors.replay.verifying import Verdict, verify_partition
from stream_processors.runs.adoption import marks, restated
from tests.domain.walks import DESK, MINUTE, configure, define, logs, square
from tests.replay.live import Live
from tests.replay.partitions import HOUR, NOON, OTHER, bursts, live, run, spans, steps, zoned

SPAN = Span(NOON, NOON + HOUR)
Messages = list[Stored]


def verified(system: Live, span: Span = SPAN, **plan: Any) -> Verdict:
    return verify_partition(system.topics, Plan(span=span, **plan), system.end, lambda *_: None)


def morning() -> Live:
    system = Live()
    forged = system.wire.encode(define(square("forged", 0, 0, 1, 1)))
    frames = bursts(3)
    system.run([define(DESK), *frames[:5], b"bytes of nobody", forged, *frames[5:]])
    return system


def messages(system: Live, topic: str) -> Messages:
    return system.broker.messages[topic, 0]


def index_of(system: Live, topic: str, kind: type[Event], nth: int = 0) -> int:
    found = [at for at, each in enumerate(messages(system, topic)) if isinstance(system.wire.decode(each.value), kind)]
    return found[nth]


# --- what agrees ------------------------------------------------------------------------------------------------------


@settings(max_examples=15)
@given(first=logs(), second=logs(), span=spans)
def test_what_the_live_fold_published_agrees(first: list[LogRecord], second: list[LogRecord], span: Span) -> None:
    verdict = verified(live(first, second), span)
    assert verdict.agrees
    assert verdict.incomparable == {}
    assert all(each.agrees and each.replayed == each.published for each in verdict.hours)


def test_it_counts_every_record_from_the_snapshot_on_by_camera_topic_and_hour() -> None:
    verdict = verified(morning(), Span(NOON + HOUR, NOON + 2 * HOUR))
    counted = {(each.topic, each.hour): each.published for each in verdict.hours}
    assert counted[TRACKS, NOON + HOUR] == 8 + 16 + 8 + 2, "frames, and the ends of two tracks"
    assert (TRACKS, NOON - HOUR) not in counted


def test_what_a_worker_repeated_and_what_a_run_restated_are_passed_over() -> None:
    system = morning()
    for topic in (TRACKS, ZONE_VISITS, CAMERA_EVENTS):
        said = messages(system, topic)
        said[len(said) // 2 : len(said) // 2] = said[: len(said) // 2]
    exited: Any = system.wire.decode(messages(system, ZONE_VISITS)[index_of(system, ZONE_VISITS, ZoneExited)].value)
    system.broker.append(ZONE_VISITS, 0, 0, b"c1", system.wire.encode(msgspec.structs.replace(exited, restatement=1)))
    assert verified(system).agrees


def test_records_written_with_an_older_schema_agree_when_they_say_the_same() -> None:
    """The released schema of ZonesDefined or CameraConfigured lacks fields that have defaults since."""
    system = Live()
    system.run([configure(name="Door"), *bursts(1)])
    old = (Path(__file__).parents[2] / "schemas/released/1/CameraConfigured.avsc").read_text()
    schema_id = system.wire._registry.register("old", old)
    message = messages(system, CAMERA_EVENTS)[0]
    fields = msgspec.to_builtins(system.wire.decode(message.value))
    body = io.BytesIO()
    fastavro.schemaless_writer(body, fastavro.parse_schema(json.loads(old)), fields)
    assert body.getvalue() != (message.value or b"")[5:]
    messages(system, CAMERA_EVENTS)[0] = replace(message, value=struct.pack(">bI", 0, schema_id) + body.getvalue())
    assert verified(system, Span()).agrees


# --- what differs -----------------------------------------------------------------------------------------------------


def changed(system: Live, topic: str, at: int, **fields: Any) -> None:
    said = messages(system, topic)
    event = msgspec.structs.replace(system.wire.decode(said[at].value), **fields)
    said[at] = replace(said[at], value=system.wire.encode(event))


def test_a_changed_field_is_named_with_its_record() -> None:
    system = morning()
    at = index_of(system, ZONE_MINUTES, ZoneMinuteMeasured, 2)
    minute: Any = system.wire.decode(messages(system, ZONE_MINUTES)[at].value)
    changed(system, ZONE_MINUTES, at, person_ms=minute.person_ms + 1)
    verdict = verified(system)
    assert not verdict.agrees
    first = verdict.disagreements["c1"]
    assert (first.topic, first.offset, first.position) == (ZONE_MINUTES, at, minute.position)
    assert first.what == f"person_ms: published {minute.person_ms + 1}, replayed {minute.person_ms}"
    assert [(each.topic, each.hour) for each in verdict.hours if not each.agrees] == [
        (ZONE_MINUTES, minute.minute // HOUR * HOUR)
    ]


def test_a_field_deep_in_a_record_is_named_by_its_path() -> None:
    system = morning()
    at = index_of(system, TRACKS, TracksObserved, 10)
    seen: Any = system.wire.decode(messages(system, TRACKS)[at].value)
    moved = msgspec.structs.replace(seen.tracks[0], x2=seen.tracks[0].x2 + 1)
    changed(system, TRACKS, at, tracks=(moved,))
    assert verified(system).disagreements["c1"].what.startswith("tracks[0].x2: published ")


def test_a_missing_record_is_named_by_its_cause_and_nothing_after_it_is_blamed() -> None:
    system = morning()
    at = index_of(system, ZONE_VISITS, ZoneExited)
    exited: Any = system.wire.decode(messages(system, ZONE_VISITS)[at].value)
    del messages(system, ZONE_VISITS)[at]
    verdict = verified(system)
    first = verdict.disagreements["c1"]
    assert (first.topic, first.offset, first.position) == (ZONE_VISITS, None, exited.position)
    assert first.what == "ZoneExited is missing"
    assert [each.replayed - each.published for each in verdict.hours if not each.agrees] == [1]


def test_a_record_that_the_log_does_not_cause_is_named() -> None:
    system = morning()
    at = index_of(system, ZONE_VISITS, ZoneExited)
    exited: Any = system.wire.decode(messages(system, ZONE_VISITS)[at].value)
    beside = msgspec.structs.replace(exited, position=msgspec.structs.replace(exited.position, index=9))
    messages(system, ZONE_VISITS).insert(at + 1, Stored(0, 77, NOON, b"c1", system.wire.encode(beside)))
    first = verified(system).disagreements["c1"]
    assert (first.offset, first.position) == (77, beside.position)
    assert first.what == "ZoneExited was published, but the log does not cause it"


def test_the_last_records_of_a_range_cannot_be_too_many_unnoticed() -> None:
    system = morning()
    last: Any = system.wire.decode(messages(system, TRACKS)[-1].value)
    beside = msgspec.structs.replace(last, position=msgspec.structs.replace(last.position, index=9))
    system.broker.append(TRACKS, 0, NOON + 3 * HOUR, b"c1", system.wire.encode(beside))
    assert verified(system, Span(NOON, None)).disagreements["c1"].position == beside.position
    assert verified(system).agrees, "which ends before"


def test_one_cameras_fault_is_not_anothers() -> None:
    system = live(bursts(1), bursts(1))
    changed(system, TRACKS, 3, width=7)
    verdict = verified(system, Span())
    assert len(verdict.disagreements) == 1
    (camera_id,) = verdict.disagreements
    assert {each.camera_id for each in verdict.hours if not each.agrees} == {camera_id}


def test_bytes_of_nobody_among_the_published_records_do_not_hide_a_named_camera() -> None:
    system = morning()
    for topic in (TRACKS, ZONE_VISITS, ZONE_MINUTES, CAMERA_EVENTS):
        found = messages(system, topic)
        found.append(replace(found[-1], offset=len(found), key=b"stranger", value=b"junk"))
    verdict = verified(system, cameras=("c1",))
    assert verdict.agrees
    assert verdict.hours
    with pytest.raises(InputError, match=rf"{CAMERA_EVENTS}, partition 0, offset \d+: "):
        verified(system)


# --- what cannot be compared ------------------------------------------------------------------------------------------


def test_what_another_version_of_the_fold_said_is_not_compared() -> None:
    system = live(bursts(3), bursts(3))
    at = next(at for at, each in enumerate(messages(system, CAMERA_SNAPSHOTS)) if each.key == b"c2")
    changed(system, CAMERA_SNAPSHOTS, at, fold_version=2)
    verdict = verified(system, Span())
    assert verdict.incomparable == {"c2": "made by fold version 1, 2, and this is version 1"}
    assert {each.camera_id for each in verdict.hours} == {"c1"}
    assert verdict.agrees
    alone = verified(system, Span(), cameras=("c2",))
    assert (alone.hours, alone.incomparable) == ([], verdict.incomparable)


def test_a_range_whose_beginning_is_gone_is_not_compared() -> None:
    system = morning()
    system.broker.low[CAMERA_LOG, 0] = 60
    messages(system, CAMERA_SNAPSHOTS)[:] = messages(system, CAMERA_SNAPSHOTS)[-1:]
    verdict = verified(system, Span(NOON + HOUR, NOON + 2 * HOUR))
    assert verdict.incomparable == {"c1": "the log no longer holds what came before"}
    assert verdict.hours == []


def test_without_a_beginning_it_goes_back_to_the_oldest_snapshot_whose_records_are_there() -> None:
    system = morning()
    system.broker.low[CAMERA_LOG, 0] = 20
    verdict = verified(system, Span())
    assert verdict.agrees
    assert min(each.hour for each in verdict.hours if each.topic == TRACKS) == NOON + HOUR


# --- restated ranges --------------------------------------------------------------------------------------------------

HALF_PAST = NOON + HOUR // 2
ADOPTED = Plan(span=Span(HALF_PAST, HALF_PAST + MINUTE), cameras=("c1",), zones=OTHER, source="tracks")


@pytest.fixture
def adopted() -> Live:
    """A system in which a run with other zones was adopted for a minute."""
    system = morning()
    facts = zoned(steps(run(system, ADOPTED)))
    assert {type(each.output).__name__ for each in facts} >= {"ZoneEntered", "ZoneExited", "ZoneMinuteMeasured"}
    digests = Digests()
    for each in facts:
        digests.add(each)
    shapes = OTHER.every or Shapes()
    command = AdoptRun(
        camera_id="c1", command_id="adopt", run_id="run", range_from=HALF_PAST, range_to=HALF_PAST + MINUTE, fold_version=1,
        digest=adoption_digest(digests.of("c1")), zones=shapes.zones, lines=shapes.lines,
    )  # fmt: skip
    system.run([command])
    said: Any = system.wire.decode(messages(system, CAMERA_EVENTS)[-1].value)
    assert isinstance(said, RunAdopted)
    for event in [*(restated(said, each.output) for each in facts), *marks(said, with_tracks=False)]:
        topic = ZONE_MINUTES if "Minute" in type(event).__name__ else ZONE_VISITS
        system.broker.append(topic, 0, NOON + 9 * HOUR, b"c1", system.wire.encode(event))
    return system


def test_a_restated_range_that_is_all_there_agrees(adopted: Live) -> None:
    verdict = verified(adopted)
    assert verdict.agrees
    (found,) = verdict.adoptions
    assert (found.wrong, found.unknown) == (None, None)
    assert found.facts == len(zoned(steps(run(adopted, ADOPTED))))


def test_an_adoption_outside_the_range_is_left_alone(adopted: Live) -> None:
    assert verified(adopted, Span(HALF_PAST + MINUTE, NOON + HOUR)).adoptions == []


FAULTS: dict[str, tuple[Callable[[Messages, Messages], object], str]] = {
    "a fact is missing": (lambda visits, _: visits.pop(-2), r"1 of \d+ facts are missing, the first at Position"),
    "a mark is missing": (lambda _, minutes: minutes.pop(), "the mark is missing, so these facts do not count yet"),
    "a fact stands after its mark": (lambda visits, _: visits.append(visits.pop(-2)), "after the mark"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_wrong_in_a_restated_range_is_told(name: str, adopted: Live) -> None:
    spoil, words = FAULTS[name]
    spoil(messages(adopted, ZONE_VISITS), messages(adopted, ZONE_MINUTES))
    verdict = verified(adopted)
    assert not verdict.agrees
    (found,) = verdict.adoptions
    assert found.wrong is not None
    assert re.search(words, found.wrong)


def test_an_adoption_that_another_camera_refused_or_that_is_not_finished_is_no_fault(adopted: Live) -> None:
    messages(adopted, ZONE_VISITS).pop()
    messages(adopted, ZONE_MINUTES).pop()
    verdict = verified(adopted)
    assert verdict.agrees
    (found,) = verdict.adoptions
    assert found.wrong is None
    assert found.unknown is not None
    assert "it has no mark, so nothing of it counts" in found.unknown


def test_a_restated_fact_that_says_something_else_is_named(adopted: Live) -> None:
    at = len(messages(adopted, ZONE_MINUTES)) - 2
    changed(adopted, ZONE_MINUTES, at, occupied_ms=1)
    (found,) = verified(adopted).adoptions
    assert found.wrong is not None
    assert "occupied_ms: published 1, replayed " in found.wrong


def test_a_restated_range_of_another_version_of_the_fold_is_not_compared(adopted: Live) -> None:
    at = index_of(adopted, CAMERA_EVENTS, RunAdopted)
    changed(adopted, CAMERA_EVENTS, at, fold_version=2)
    (found,) = verified(adopted, Span(HALF_PAST, HALF_PAST + MINUTE)).adoptions
    assert (found.wrong, found.unknown) == (None, "made by fold version 2, and this is version 1")
