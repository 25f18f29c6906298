"""A replay says what the fold says, whatever the file looks like, and says only what lies in the range."""

import io
import random
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import (
    DefineZones,
    LineCrossed,
    LogRecord,
    Output,
    RecordRefused,
    TracksObserved,
    ZoneEntered,
    ZoneExited,
    ZoneMinuteMeasured,
)
from stream_processors.replay.containers import write_container
from stream_processors.replay.errors import InputError, NoDataError
from stream_processors.replay.lines import Logged
from stream_processors.replay.plan import Plan
from stream_processors.replay.shapes import OtherZones, Shapes
from stream_processors.replay.span import Span
from tests.domain.walks import (
    DESK,
    MINUTE,
    START,
    configure,
    define,
    every,
    film,
    frame,
    logs,
    square,
    standing,
    vertical,
)
from tests.domain.walks import walking as walks
from tests.replay.files import TOPICS, digests, folded_by_hand, lines, run, said, written

IN_AND_OUT = walks(
    (START, 0.5, 0.5), (START + 20_000, 0.5, 0.5), (START + 25_000, 0.9, 0.5), (START + 100_000, 0.9, 0.5)
)
VISIT: list[LogRecord] = [define(DESK, vertical("door", 0.8)), *film(every(250, START, START + 100_000), IN_AND_OUT)]
few = settings(max_examples=20)  # each folds logs several times


def of_camera(camera_id: str, records: Sequence[Any]) -> list[Any]:
    return [msgspec.structs.replace(each, camera_id=camera_id) for each in records]


# --- the same as the fold ---------------------------------------------------------------------------------------------


@few
@given(log=logs())
def test_a_replay_writes_what_the_fold_says_of_the_log(log: list[LogRecord]) -> None:
    by_hand = folded_by_hand(log)
    with TemporaryDirectory() as folder:
        summary = run(lines(log), Path(folder))
        assert written(Path(folder)) == by_hand
    assert summary.cameras["c1"].digests == digests(by_hand)


@few
@given(first=logs(), second=logs(), order=st.randoms(use_true_random=False))
def test_it_does_not_matter_how_cameras_are_interleaved(
    first: list[LogRecord], second: list[LogRecord], order: random.Random
) -> None:
    cameras = [of_camera("a", first), of_camera("b", second)]
    turns = [0] * len(first) + [1] * len(second)
    order.shuffle(turns)
    queues = [iter(each) for each in cameras]
    mixed = [next(queues[turn]) for turn in turns]
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        apart, together = run(lines(cameras[0] + cameras[1]), Path(one)), run(lines(mixed), Path(other))
    assert together == apart
    assert {camera: each.digests for camera, each in together.cameras.items()} == {
        "a": digests(folded_by_hand(cameras[0])),
        "b": digests(folded_by_hand(cameras[1])),
    }


@few
@given(log=logs())
def test_a_container_replays_to_what_its_lines_replay_to(log: list[LogRecord]) -> None:
    file = io.BytesIO()
    write_container(file, [Logged("", each) for each in log])
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        assert run(file.getvalue(), Path(one)) == run(lines(log), Path(other))


def test_two_runs_write_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        run(lines(VISIT), tmp_path / name)
    for name in [*TOPICS, "summary.json"]:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_records_refused_by_the_fold_are_counted_by_reason(tmp_path: Path) -> None:
    first, late = frame(1, START), frame(2, START - 1)
    disabled: list[LogRecord] = [configure(enabled=False), frame(3, START + 100)]
    summary = run(lines([first, first, first, late, *disabled]), tmp_path)
    assert summary.refused == {"DUPLICATE": 2, "LATE": 1, "DISABLED": 1}
    assert summary.read == {"FrameObserved": 5, "ConfigureCamera": 1}


def test_a_frame_the_fold_cannot_take_is_refused_by_name_and_changes_nothing(tmp_path: Path) -> None:
    good = frame(1, START, [(1, 2, 3, 4)])
    log = lines([good]) + lines([good]).replace(b'"scores":[0.8999999761581421]', b'"scores":[]').replace(
        b'"seq":1', b'"seq":2'
    )
    log = log.replace(b'"seq":2,"observed_at":%d' % START, b'"seq":2,"observed_at":%d' % (START + 1))
    summary = run(log, tmp_path)
    assert summary.refused == {"POISON": 1}
    (refused,) = [each for each in said(tmp_path, "camera-events.ndjson") if each["type"] == "RecordRefused"]
    assert refused["detail"].startswith("MalformedFrameError: ")
    assert summary.last_observed_at == START


def test_a_refusal_of_the_live_shell_stands_as_it_was(tmp_path: Path) -> None:
    live = b'{"type":"RecordRefused","camera_id":"c1","position":{"epoch":0,"partition":3,"offset":7,"index":0},"reason":"UNSIGNED","detail":"x"}\n'
    summary = run(live + lines([frame(1, START)]), tmp_path)
    assert summary.refused == {"UNSIGNED": 1}
    assert msgspec.convert(said(tmp_path, "camera-events.ndjson")[0], RecordRefused).position.offset == 7
    assert said(tmp_path, "tracks.ndjson")[0]["position"] == {"epoch": 0, "partition": 3, "offset": 8, "index": 0}


def test_visits_that_are_open_at_the_end_are_counted(tmp_path: Path) -> None:
    log: list[LogRecord] = [
        define(DESK),
        *film(every(100, START, START + 5_000), standing(0.5, 0.5), standing(0.3, 0.3)),
    ]
    assert run(lines(log), tmp_path / "open").open_visits == 2
    assert run(lines([*log, frame(99, START + 60_000)]), tmp_path / "closed").open_visits == 0


# --- places in the log ------------------------------------------------------------------------------------------------


def placed(record: LogRecord, **place: int) -> bytes:
    return msgspec.json.encode(msgspec.json.decode(lines([record])) | place) + b"\n"


def test_offsets_of_the_file_are_those_of_what_is_said_and_go_on_where_there_are_none(tmp_path: Path) -> None:
    run(
        placed(frame(1, START), offset=41) + lines([frame(2, START + 1)]) + placed(frame(3, START + 2), offset=50),
        tmp_path,
    )
    assert [each["position"]["offset"] for each in said(tmp_path, "tracks.ndjson")] == [41, 42, 50]


def test_a_record_that_does_not_stand_after_the_one_before_it_is_an_error(tmp_path: Path) -> None:
    log = placed(frame(1, START), offset=5) + placed(frame(2, START + 1), offset=5)
    with pytest.raises(InputError, match=r"line 2 .*offset 5 after 5"):
        run(log, tmp_path)
    assert run(log, tmp_path, skip_errors=True).not_records == 1


@pytest.mark.parametrize("offset", [-1, 2**63])
def test_a_place_that_no_log_has_is_an_error(offset: int, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"line 1 .* is no place in a log"):
        run(placed(frame(1, START), offset=offset), tmp_path)


def test_a_frame_far_ahead_of_its_append_time_is_refused_as_it_was_live(tmp_path: Path) -> None:
    log = placed(frame(1, START), appended_at=START - 60_000) + placed(frame(2, START + 1), appended_at=START - 60_000)
    assert run(log, tmp_path).refused == {"FUTURE": 1}


# --- lines that are no records ----------------------------------------------------------------------------------------


def test_a_line_that_is_no_record_ends_the_replay_with_its_number_and_reason(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^line 3 is no record of a camera's log: .*`sequence`"):
        run(lines(VISIT[:2]) + lines(VISIT[2:3]).replace(b'"seq"', b'"sequence"'), tmp_path)


def test_lines_that_are_no_records_can_be_skipped_and_are_counted(tmp_path: Path) -> None:
    broken = b'{"type":"Nothing"}\n'
    summary = run(broken + lines(VISIT[:200]) + broken + lines(VISIT[200:]) + broken, tmp_path, skip_errors=True)
    assert summary.not_records == 3
    assert summary.cameras["c1"].digests == digests(folded_by_hand(VISIT))


def test_a_replay_that_fails_leaves_the_files_of_the_one_before(tmp_path: Path) -> None:
    run(lines(VISIT), tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(InputError):
        run(lines(VISIT[:100]) + b"no record", tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


# --- ranges -----------------------------------------------------------------------------------------------------------


def kinds(folder: Path, name: str) -> list[str]:
    return [each["type"] for each in said(folder, name)]


def test_a_range_is_half_open(tmp_path: Path) -> None:
    summary = run(lines(VISIT), tmp_path, Plan(span=Span(START + 1_000, START + 2_000)))
    assert [each["observed_at"] for each in said(tmp_path, "tracks.ndjson")] == list(
        range(START + 1_000, START + 2_000, 250)
    )
    assert (summary.from_, summary.to) == (START + 1_000, START + 2_000)


def test_a_visit_belongs_to_the_range_it_was_entered_in_and_is_told_to_its_end(tmp_path: Path) -> None:
    run(lines(VISIT), tmp_path / "entered", Plan(span=Span(START, START + 1_000)))
    (entered, exited) = said(tmp_path / "entered", "zone-visits.ndjson")
    assert (entered["type"], exited["type"]) == ("ZoneEntered", "ZoneExited")
    assert exited["exited_at"] > START + 20_000
    run(lines(VISIT), tmp_path / "exited", Plan(span=Span(START + 20_000, START + 40_000)))
    assert kinds(tmp_path / "exited", "zone-visits.ndjson") == ["LineCrossed"]


def test_a_minute_belongs_to_the_range_it_begins_in(tmp_path: Path) -> None:
    run(lines(VISIT), tmp_path, Plan(span=Span(START, START + 1)))
    assert [each["minute"] for each in said(tmp_path, "zone-minutes.ndjson")] == [START // MINUTE * MINUTE]


@few
@given(log=logs(), cut=st.integers(START, START + 5 * MINUTE))
def test_two_ranges_side_by_side_report_everything_once(log: list[LogRecord], cut: int) -> None:
    found = list[Output]()
    for span in (Span(None, cut), Span(cut, None)):
        with TemporaryDirectory() as folder, suppress(NoDataError):
            run(lines(log), Path(folder), Plan(span=span))
            found += written(Path(folder))
    assert sorted(found, key=lambda each: each.position) == folded_by_hand(log)


@pytest.mark.parametrize(
    "span", [Span(START + 200_000, None), Span(None, START - 200_000), Span(START + 10, START + 20)]
)
def test_a_range_without_data_says_so_and_writes_nothing(span: Span, tmp_path: Path) -> None:
    log = lines([frame(1, START), frame(2, START + 1_000)])
    with pytest.raises(NoDataError, match=r"no data in .*: the log's frames go from 2023-"):
        run(log, tmp_path, Plan(span=span))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("log", [b"", b"\n\n"])
def test_an_empty_log_says_so(log: bytes, tmp_path: Path) -> None:
    with pytest.raises(NoDataError, match="nothing to report"):
        run(log, tmp_path)


def test_a_range_that_begins_before_the_log_is_approximate(tmp_path: Path) -> None:
    log = lines(of_camera("a", VISIT)) + lines(of_camera("b", VISIT[50:]))
    exact = run(log, tmp_path, Plan(span=Span(START + 20_000, None)))
    assert (exact.approximate, exact.cameras["b"].approximate) == (False, False)
    summary = run(log, tmp_path, Plan(span=Span(START, None)))
    assert (summary.approximate, summary.cameras["a"].approximate, summary.cameras["b"].approximate) == (
        True,
        False,
        True,
    )


# --- other zones ------------------------------------------------------------------------------------------------------

ELSEWHERE = square("desk", 0.8, 0.25, 1, 0.75)


def test_other_zones_replace_those_of_the_log_from_before_its_first_record(tmp_path: Path) -> None:
    log: list[LogRecord] = [VISIT[0], *VISIT[1:300], define(square("late", 0, 0, 1, 1)), *VISIT[300:]]
    summary = run(lines(log), tmp_path, Plan(zones=OtherZones(every=Shapes(zones=(ELSEWHERE,)))))
    wanted = folded_by_hand([define(ELSEWHERE), *VISIT[1:]])
    assert summary.replaced_definitions == 2
    visits = [
        msgspec.convert(each, ZoneEntered | ZoneExited | LineCrossed) for each in said(tmp_path, "zone-visits.ndjson")
    ]
    plain = [msgspec.structs.replace(each, position=visits[0].position) for each in visits]
    by_hand = [each for each in wanted if isinstance(each, ZoneEntered | ZoneExited | LineCrossed)]
    assert plain == [msgspec.structs.replace(each, position=visits[0].position) for each in by_hand]
    (defined,) = [each for each in said(tmp_path, "camera-events.ndjson") if each["type"] == "ZonesDefined"]
    assert (defined["position"]["offset"], defined["effective_at"]) == (-1, 0)


def test_other_zones_of_one_camera_leave_the_others_as_they_were(tmp_path: Path) -> None:
    log = [*of_camera("a", VISIT), *of_camera("b", VISIT)]
    summary = run(lines(log), tmp_path, Plan(zones=OtherZones(cameras={"a": Shapes(), "typo": Shapes()})))
    assert summary.cameras["b"].digests == digests(folded_by_hand(of_camera("b", VISIT)))
    assert {each["camera_id"] for each in said(tmp_path, "zone-visits.ndjson")} == {"b"}
    assert summary.cameras_without_records == ["typo"]


def test_tracks_are_the_same_under_any_zones_but_for_what_they_say_of_zones(tmp_path: Path) -> None:
    run(lines(VISIT), tmp_path / "own")
    run(lines(VISIT), tmp_path / "other", Plan(zones=OtherZones(every=Shapes(zones=(ELSEWHERE,)))))

    def boxes(folder: Path) -> list[list[float]]:
        observed = [msgspec.convert(each, TracksObserved) for each in said(folder, "tracks.ndjson") if "tracks" in each]
        return [[each.track_no, each.x1, each.y2] for frame in observed for each in (*frame.tracks, *frame.backlog)]

    assert boxes(tmp_path / "own") == boxes(tmp_path / "other")


def test_the_counts_are_those_of_the_files(tmp_path: Path) -> None:
    summary = run(lines(VISIT), tmp_path)
    assert sum(summary.outputs.values()) == sum(len(said(tmp_path, name)) for name in TOPICS)
    wanted = {kind.__name__: sum(isinstance(each, kind) for each in folded_by_hand(VISIT))
              for kind in (TracksObserved, ZoneEntered, ZoneExited, LineCrossed, ZoneMinuteMeasured)}  # fmt: skip
    assert {name: summary.outputs[name] for name in wanted} == wanted
    assert isinstance(VISIT[0], DefineZones)
