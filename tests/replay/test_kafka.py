"""A replay from a real broker: to files, by several processes, over interruptions, and from a log that is not whole any more."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from click.testing import CliRunner, Result
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from aforo.cli import main
from infra.local.stack import Stack
from schemas.events import RECORDS, LogRecord, ZoneExited
from schemas.settings import KafkaSettings
from schemas.topics import CAMERA_LOG, ZONE_VISITS
from schemas.wire import to_avro
from stream_processors.replay import engine, parts
from stream_processors.replay.engine import Log
from stream_processors.replay.errors import InterruptedReplayError
from stream_processors.replay.plan import Plan
from stream_processors.replay.span import Span, event_time
from stream_processors.runtime.messages import Outgoing
from tests.domain.walks import DESK, START, define, every, film, square, vertical, walking
from tests.replay.files import TOPICS, said
from tests.replay.kafka_live import KafkaLive, Killed

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("topics_exist")]

HOUR = START // 3_600_000 * 3_600_000 + 3_600_000
BEGIN = HOUR - 60_000
CAMERAS = {0: f"a-{uuid4()}", 1: f"b-{uuid4()}", 2: f"c-{uuid4()}"}
SPAN = "--from", str(BEGIN), "--to", str(BEGIN + 65_000)
PLAN = Plan(span=Span(BEGIN, BEGIN + 65_000), cameras=tuple(sorted(CAMERAS.values())))


def day(camera_id: str) -> list[LogRecord]:
    """People who cross a desk and a line, from a minute before an hour to two minutes after it."""
    people = [
        walking((BEGIN + begin, 0.0, 0.5), (BEGIN + begin + 20_000, 1.0, 0.5), (BEGIN + begin + 40_000, 0.0, 0.5))
        for begin in range(0, 120_000, 17_000)
    ]
    records: list[Any] = [define(DESK, vertical("door", 0.8)), *film(every(400, BEGIN, BEGIN + 185_000), *people)]
    return [msgspec.structs.replace(each, camera_id=camera_id) for each in records]


@pytest.fixture(scope="module")
def live(stack: Stack, kafka: KafkaSettings, topics_exist: None) -> KafkaLive:
    del topics_exist
    system = KafkaLive(Log(kafka, stack.registry_url))
    for partition, camera_id in CAMERAS.items():
        system.run(partition, day(camera_id))
    return system


@pytest.fixture(autouse=True)
def as_configured(live: KafkaLive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "500")
    monkeypatch.setenv("AFORO_KAFKA__BOOTSTRAP", live.log.kafka.bootstrap)
    monkeypatch.setenv("AFORO_REGISTRY__URL", live.log.registry_url)
    monkeypatch.setattr(engine, "FOLD_GROUP", live.group)


def replay(*options: str, folder: str = "said") -> Result:
    cameras = [word for camera_id in CAMERAS.values() for word in ("--camera", camera_id)]
    return CliRunner().invoke(main, ["replay", "--output", folder, "--jobs", "1", *cameras, *options])


def files(folder: str = "said") -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(folder).iterdir() if path.is_file()}


def published(live: KafkaLive, topic: str) -> list[bytes]:
    """What the live fold wrote of these cameras, without the frames of the wire."""
    found = [
        message
        for partition in CAMERAS
        for message in live.broker.read(topic, partition, *live.broker.bounds(topic, partition))
    ]
    return [
        message.value[5:] for message in found if message.value and (message.key or b"").decode() in CAMERAS.values()
    ]


def test_a_replay_of_all_there_is_says_what_was_published(live: KafkaLive) -> None:
    result = replay()
    assert result.exit_code == 0, result.output
    for name, topic in TOPICS.items():
        written = [to_avro(decoded(each)) for each in said(Path("said"), name)]
        assert written
        assert written == published(live, topic)
    assert sorted(files()) == sorted([*TOPICS, "summary.json"]), "nothing else is left"


def test_a_range_from_its_snapshot_is_what_the_whole_log_says_of_it() -> None:
    assert replay(folder="whole").exit_code == 0
    assert replay("--from", str(HOUR)).exit_code == 0
    for name in ("tracks.ndjson", "zone-visits.ndjson", "zone-minutes.ndjson"):
        in_range = [each for each in said(Path("whole"), name) if event_time(decoded(each), 0) >= HOUR]
        assert said(Path("said"), name) == in_range
        assert in_range
    read = [json.loads(files(folder)["summary.json"])["read"]["FrameObserved"] for folder in ("whole", "said")]
    assert read == [463 * len(CAMERAS), (463 - 150) * len(CAMERAS)], "it begins at the first frame of the hour"


def decoded(row: dict[str, Any]) -> Any:
    return msgspec.convert(row, RECORDS[row["type"]])


def test_partitions_side_by_side_give_the_bytes_of_one_after_the_other() -> None:
    assert replay(*SPAN).exit_code == 0
    serial = files()
    assert replay(*SPAN, "--jobs", "3").exit_code == 0
    assert files() == serial


def test_a_replay_whose_process_was_killed_goes_on_when_it_is_asked_for_again(live: KafkaLive) -> None:
    assert replay(*SPAN).exit_code == 0
    whole = files()
    with parts.under_way(Path("again"), PLAN, lambda: live.ends) as begun, pytest.raises(InterruptedReplayError):
        engine.replay(live.log, PLAN, Killed(begun, 2), ends=begun.ends, jobs=2, progress=quiet, checkpoint_records=100)
    marks = list(Path("again").glob(".replay/partition-*/mark"))
    assert marks, "it was killed after a checkpoint"
    result = replay(*SPAN, folder="again")
    assert result.exit_code == 0, result.output
    assert "going on with the replay that was interrupted" in result.output
    assert files("again") == whole


def quiet(_done: int, _total: int) -> None:
    """Nobody watches."""


def test_what_was_begun_for_another_range_is_not_gone_on_with(live: KafkaLive) -> None:
    with parts.under_way(Path("said"), PLAN, lambda: live.ends) as begun, pytest.raises(InterruptedReplayError):
        engine.replay(live.log, PLAN, begun, ends=begun.ends, progress=kept, checkpoint_records=10)
    result = replay("--from", str(BEGIN + 30_000))
    assert result.exit_code == 0, result.output
    assert "going on" not in result.output
    times = [each["observed_at"] for each in said(Path("said"), "tracks.ndjson") if each["type"] == "TracksObserved"]
    assert min(times) == BEGIN + 30_000


def kept(_done: int, _total: int) -> None:
    """Somebody ends the replay when there is something to go on with."""
    if list(Path("said").glob(".replay/partition-*/mark")):
        raise InterruptedReplayError("enough")


def test_two_replays_into_one_folder_at_a_time_are_one_too_many(live: KafkaLive) -> None:
    with parts.under_way(Path("said"), PLAN, lambda: live.ends):
        result = replay(*SPAN)
    assert result.exit_code == 1
    assert "another replay is at work in said" in result.output


def interrupt(done: int, total: int) -> None:
    """Somebody ends the replay a little later."""
    assert done <= total
    if done > 20:
        raise InterruptedReplayError("enough")


def test_what_stops_the_watching_stops_the_work(live: KafkaLive) -> None:
    with (
        parts.under_way(Path("said"), PLAN, lambda: live.ends) as begun,
        pytest.raises(InterruptedReplayError, match="enough"),
    ):
        engine.replay(live.log, PLAN, begun, ends=begun.ends, jobs=2, progress=interrupt)


def test_ctrl_c_ends_it_with_what_to_do_next(monkeypatch: pytest.MonkeyPatch) -> None:
    def ctrl_c(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(engine, "replay", ctrl_c)
        result = replay(*SPAN)
    assert result.exit_code == 1
    assert result.output == "Error: interrupted; the same command goes on where it was\n"
    assert "going on with the replay that was interrupted" in replay(*SPAN).output


def test_other_zones_are_replayed_from_tracks_to_the_visits_and_minutes_that_the_log_gives() -> None:
    other = square("desk", 0.5, 0.25, 1, 0.75)
    Path("zones.json").write_bytes(msgspec.json.encode({"zones": [other], "lines": []}))
    assert replay(*SPAN, "--zones", "zones.json", "--from-tracks", "never").exit_code == 0
    full = files()
    assert replay(*SPAN, "--zones", "zones.json").exit_code == 0
    assert files().keys() == {"zone-visits.ndjson", "zone-minutes.ndjson", "summary.json"}
    assert files() | {"summary.json": b""} == {name: full[name] for name in files()} | {"summary.json": b""}
    assert json.loads(files()["summary.json"])["source"] == "tracks"
    assert said(Path("said"), "zone-visits.ndjson")


def test_one_command_replays_under_two_sets_of_zones_and_shows_the_difference() -> None:
    wider = square("desk", 0.25, 0.25, 1, 0.75)
    Path("zones.json").write_bytes(msgspec.json.encode({"zones": [wider], "lines": []}))
    result = replay(*SPAN, "--zones", "zones.json", "--versus", "log")
    assert result.exit_code == 0, result.output
    sums = [sum(each["person_ms"] for each in said(Path("said") / side, "zone-minutes.ndjson")) for side in SIDES]
    assert sums[1] > sums[0] > 0
    counts = [kinds(Path("said") / side).count("ZoneExited") for side in SIDES]
    assert re.search(rf"visits: .*{min(counts)} longer", result.output), "the same people, in a wider zone"


SIDES = "before", "after"


def kinds(folder: Path) -> list[str]:
    return [each["type"] for each in said(folder, "zone-visits.ndjson")]


def test_a_range_without_data_says_so_and_writes_nothing() -> None:
    result = replay("--from", "2030-01-01T00:00:00Z")
    assert result.exit_code == 1
    assert "no data of " in result.output
    assert "in [2030-01-01T00:00:00+00:00, …): no frame was taken then" in result.output
    assert list(Path("said").iterdir()) == []


def test_a_log_that_nobody_has_folded_cannot_be_replayed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "FOLD_GROUP", f"test-{uuid4()}")
    result = replay(*SPAN)
    assert result.exit_code == 1
    assert "nothing has been folded yet; start `aforo process cameras`" in result.output


def test_a_broker_that_is_away_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFORO_KAFKA__BOOTSTRAP", "127.0.0.1:9")
    monkeypatch.setattr("stream_processors.runtime.reading._TIMEOUT_S", 0.5)
    result = replay(*SPAN)
    assert result.exit_code == 1
    assert "is the broker up?" in result.output


def test_a_registry_that_is_away_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFORO_REGISTRY__URL", "http://127.0.0.1:9")
    result = replay(*SPAN)
    assert result.exit_code == 1
    assert "is the registry up?" in result.output


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--offsets", "1:9-3"], "'1:9-3' is no range of offsets"),
        (["--offsets", "1:3-9", "--from", "5"], "not both"),
        (["--from-tracks", "always", "--max-gap-ms", "5"], "tracks do not say what other parameters"),
        (["--track-timeout-ms", "-1"], "-1"),
    ],
)
def test_a_wrong_option_is_a_usage_error(options: list[str], words: str) -> None:
    result = replay(*options)
    assert result.exit_code == 2
    assert words in result.output


def test_a_range_of_offsets_is_replayed_alone(live: KafkaLive) -> None:
    end = live.ends[1]
    assert replay("--offsets", f"1:{end - 5}-{end}").exit_code == 0
    assert [
        each["position"]["offset"] for each in said(Path("said"), "tracks.ndjson") if each["type"] == "TracksObserved"
    ] == list(range(end - 5, end))


def test_where_retention_has_taken_the_beginning_the_rest_is_approximate(live: KafkaLive) -> None:
    """A camera of its own, since what is deleted stays deleted."""
    camera_id = f"cut-{uuid4()}"
    log = live.run(3, day(camera_id))
    admin = AdminClient(live.log.kafka.client())
    for future in admin.delete_records([TopicPartition(CAMERA_LOG, 3, log[100].offset)]).values():
        future.result(30)
    result = CliRunner().invoke(main, ["replay", "--output", "said", "--jobs", "1", "--camera", camera_id, *SPAN])
    assert result.exit_code == 0, result.output
    assert "warning: approximate" in result.output
    summary = json.loads(files()["summary.json"])
    assert summary["cameras"][camera_id]["approximate"] is True
    assert summary["first_observed_at"] == BEGIN + 99 * 400


# --- aforo verify -----------------------------------------------------------------------------------------------------


def verify(*options: str) -> Result:
    return CliRunner().invoke(main, ["verify", "--jobs", "1", *options])


def test_what_was_published_is_verified() -> None:
    cameras = [word for camera_id in CAMERAS.values() for word in ("--camera", camera_id)]
    result = verify(*cameras, *SPAN)
    assert result.exit_code == 0, result.output
    assert "what was published is what the log gives" in result.output
    assert all(camera_id in result.output for camera_id in CAMERAS.values())


def test_a_planted_fault_is_found_and_named(live: KafkaLive) -> None:
    camera_id, spoilt = f"spoilt-{uuid4()}", list[Any]()

    def spoil(output: Outgoing) -> Outgoing:
        event = live.wire.decode(output.value) if output.topic == ZONE_VISITS else None
        if not isinstance(event, ZoneExited) or spoilt:
            return output
        spoilt.append(event)
        return replace(output, value=live.wire.encode(msgspec.structs.replace(event, dwell_ms=event.dwell_ms + 1)))

    live.run(0, day(camera_id), spoil)
    result = verify("--camera", camera_id)
    assert result.exit_code == 1
    (event,) = spoilt
    cause = f"cause at offset {event.position.offset}, effect {event.position.index}"
    assert f"of {ZONE_VISITS}, partition 0 ({cause}): dwell_ms: published {event.dwell_ms + 1}" in result.output
    assert "Error: what was published is not what the log gives" in result.output


def test_a_range_in_which_nothing_was_seen_proves_nothing() -> None:
    result = verify("--camera", CAMERAS[0], "--from", "2030-01-01T00:00:00Z")
    assert result.exit_code == 1
    assert "nothing was compared: no frame was taken in [2030-01-01T00:00:00+00:00, …)" in result.output
