"""What only a real database can show: fences under concurrency, errors told apart, hours, and logs made at random."""

import random
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Barrier

import psycopg2
import pytest

from infra.local.stack import Stack
from schemas.events import Derived, Event, Position, ZoneMinuteMeasured
from schemas.registry import MemoryRegistry
from schemas.topics import TRACKS, ZONE_MINUTES
from schemas.wire import Wire
from stream_processors.projections import timescale
from stream_processors.projections.errors import BadRowError, FencedError, TransientError
from stream_processors.projections.projector import Projector, SourceRecord
from stream_processors.projections.timescale import TimescaleStore, libpq_url
from tests.local_stack import free_ports
from tests.projections.conftest import ReadModel, memory_model, rows_in
from tests.projections.databases import new_database, query
from tests.projections.letters import Letters
from tests.projections.samples import (
    NOON,
    TRACK,
    appended,
    at,
    seen,
    seen_before,
    track_ended,
    tracks_observed,
    zone_entered,
    zone_exited,
    zone_minute,
    zones_defined,
)

pytestmark = pytest.mark.integration
HOUR_MS = 3_600_000


def log_of_a_camera(rng: random.Random) -> list[Derived]:
    """People come, stay in a zone and go; now and then the tail of the log is written again, as after a crash."""
    log: list[Derived] = []
    alive: dict[int, int] = {}
    for frame in range(120):
        now = NOON + frame * 230
        arriving = [now - 230] if rng.random() < 0.1 else []
        leaving = [track for track in alive if rng.random() < 0.03]
        for track in leaving:
            started = alive.pop(track)
            visit = {"track_no": track, "entered_at": started, "entered_at_min": started, "entered_at_max": started}
            log.append(track_ended(position=at(frame, 2), track_no=track, started_at=started, ended_at=now - 230))
            log.append(zone_exited(position=at(frame, 3), **visit, exited_at=now, dwell_ms=now - started))
        alive |= {first: first for first in arriving}
        tracks = tuple(seen(track, x=rng.uniform(-50, 640), y=rng.uniform(-50, 480)) for track in sorted(alive))
        backlog = tuple(seen_before(first, first) for first in arriving)
        log.append(
            tracks_observed(
                position=at(frame), observed_at=now, seq=frame, tracks=tracks, backlog=backlog, accepted=frame
            )
        )
        log += [zone_entered(position=at(frame, 1), track_no=track, entered_at=track) for track in arriving]
        if rng.random() < 0.05:
            log += log[-rng.randint(1, 40) :]
    return log


@pytest.mark.parametrize("seed", range(6))
def test_the_database_and_its_twin_agree_on_any_log_in_any_batches(database_of_edition: str, seed: int) -> None:
    rng = random.Random(seed)
    log = log_of_a_camera(rng)
    twin = memory_model()
    twin.project(*log)
    with closing(TimescaleStore(database_of_edition)) as store:
        model = ReadModel(store, lambda table: rows_in(database_of_edition, table))
        while log:
            size = rng.randint(1, 60)
            batch, log = log[:size], log[size:]
            model.project(*batch)
    assert len(twin.rows("track_positions")) > 20
    assert model.holds_what(twin)


def test_of_two_writers_at_once_one_wins_and_the_other_is_fenced(database_of_edition: str) -> None:
    def write(offset: int) -> str:
        with closing(TimescaleStore(database_of_edition)) as store:
            store.next_offset(TRACKS, 0)
            try:
                store.write(TRACKS, 0, offset, offset + 1, appended(track_ended(track_no=offset)))
            except FencedError:
                return "fenced"
        return "wrote"

    with ThreadPoolExecutor(4) as pool:
        for offset in range(5):
            assert Counter(pool.map(write, [offset] * 4)) == {"wrote": 1, "fenced": 3}
    assert query(database_of_edition, "SELECT count(*) FROM tracks") == [(5,)]


def test_a_broken_connection_is_transient_and_the_next_call_makes_a_new_one(database_of_edition: str) -> None:
    with closing(TimescaleStore(database_of_edition)) as store:
        assert store.next_offset(TRACKS, 0) == 0
        terminate = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = 'aforo-projector'"
        assert query(database_of_edition, terminate) == [(True,)]
        with pytest.raises(TransientError):
            store.write(TRACKS, 0, 0, 1, appended(track_ended()))
        store.write(TRACKS, 0, 0, 1, appended(track_ended()))
        assert store.next_offset(TRACKS, 0) == 1


def test_a_server_that_is_away_is_transient_and_the_password_stays_secret() -> None:
    (port,) = free_ports(1)
    store = TimescaleStore(f"timescaledb+psycopg2://aforo:hush-hush@127.0.0.1:{port}/aforo")
    with pytest.raises(TransientError, match="OperationalError") as caught:
        store.next_offset(TRACKS, 0)
    assert "hush" not in str(caught.value)


def test_a_database_without_tables_is_waited_for(stack: Stack) -> None:
    missing = pytest.raises(TransientError, match="UndefinedTable")
    with new_database(stack, "plain") as url, closing(TimescaleStore(url)) as store, missing:
        store.next_offset(TRACKS, 0)


def test_a_lock_that_is_held_too_long_is_transient(database_of_edition: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timescale, "_OPTIONS", "-c lock_timeout=100ms")
    with closing(TimescaleStore(database_of_edition)) as store:
        store.next_offset(TRACKS, 0)
        with closing(psycopg2.connect(libpq_url(database_of_edition))) as other, other.cursor() as cursor:
            cursor.execute("SELECT 1 FROM ingest_offsets FOR UPDATE")
            with pytest.raises(TransientError, match="LockNotAvailable"):
                store.write(TRACKS, 0, 0, 1, [])
        store.write(TRACKS, 0, 0, 1, [])


def raises(url: str, sqlstate: str) -> None:
    """From now on whatever moves an offset fails with this code."""
    query(url, f"""CREATE OR REPLACE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS
                   $$ BEGIN RAISE EXCEPTION 'so it is' USING ERRCODE = '{sqlstate}'; END $$""")  # fmt: skip
    query(url, "CREATE OR REPLACE TRIGGER fails BEFORE UPDATE ON ingest_offsets FOR EACH ROW EXECUTE FUNCTION fails()")


WAIT = {
    "disk full": "53100", "out of memory": "53200", "too many connections": "53300", "I/O error": "58030",
    "shutting down": "57P01", "starting up": "57P03", "statement time-out": "57014", "lock time-out": "55P03",
    "deadlock": "40P01", "serialization": "40001", "read only": "25006", "table missing": "42P01",
}  # fmt: skip
SET_ASIDE = {
    "not a number": "22P02",
    "out of range": "22003",
    "check": "23514",
    "not null": "23502",
    "too long": "54000",
}


@pytest.mark.parametrize(
    ("sqlstate", "kind"),
    [(code, TransientError) for code in WAIT.values()] + [(code, BadRowError) for code in SET_ASIDE.values()],
    ids=[*WAIT, *SET_ASIDE],
)
def test_what_the_server_says_decides_between_waiting_and_setting_aside(
    database: str, sqlstate: str, kind: type[Exception]
) -> None:
    with closing(TimescaleStore(database)) as store:
        store.next_offset(TRACKS, 0)
        raises(database, sqlstate)
        with pytest.raises(kind, match="so it is"):
            store.write(TRACKS, 0, 0, 1, appended(track_ended()))
        query(database, "DROP TRIGGER fails ON ingest_offsets")
        store.write(TRACKS, 0, 0, 1, appended(track_ended()))
    assert query(database, "SELECT count(*) FROM tracks") == [(1,)]


def test_a_full_disk_is_waited_for_until_there_is_room(database: str) -> None:
    waits: list[float] = []

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        if len(waits) == 3:
            query(database, "DROP TRIGGER fails ON ingest_offsets")
        return False

    raises(database, "53100")
    registry, letters = MemoryRegistry(), Letters()
    with closing(TimescaleStore(database)) as store:
        projector = Projector(store, Wire(registry), letters, lambda _topic, _partition: 0, wait)
        projector.project(source_records(registry, [track_ended(track_no=n, position=at(n)) for n in range(5)]))
    assert (len(waits), letters.taken) == (3, [])
    assert query(database, "SELECT count(*) FROM tracks") == [(5,)]


def source_records(registry: MemoryRegistry, events: Sequence[Event]) -> list[SourceRecord]:
    wire = Wire(registry)
    return [SourceRecord(TRACKS, 0, n, NOON, b"entrance", wire.encode(event)) for n, event in enumerate(events)]


@pytest.mark.parametrize("seed", range(2))
def test_projectors_that_overlap_for_a_while_leave_the_rows_of_one(database_of_edition: str, seed: int) -> None:
    log, registry, letters = log_of_a_camera(random.Random(seed)), MemoryRegistry(), Letters()
    records = source_records(registry, log)
    begin = Barrier(2)

    def project(worker: int) -> int:
        rng, waits = random.Random(f"{seed} {worker}"), [0]

        def wait(_seconds: float) -> bool:
            waits[0] += 1
            return False

        with closing(TimescaleStore(database_of_edition)) as store:
            projector = Projector(store, Wire(registry), letters, lambda _topic, _partition: 0, wait)
            begin.wait()
            first = 0
            while first < len(records):
                size = rng.randint(4, 30)
                projector.project(records[first : first + size])
                first += size
        return waits[0]

    with ThreadPoolExecutor(2) as pool:
        waits = list(pool.map(project, range(2)))
    twin = memory_model()
    twin.project(*log)
    with closing(TimescaleStore(database_of_edition)) as store:
        model = ReadModel(store, lambda table: rows_in(database_of_edition, table))
        assert model.holds_what(twin)
        assert store.next_offset(TRACKS, 0) == len(records)
    assert (waits, letters.taken) == ([0, 0], [])


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (track_ended(camera_id="nul\0"), "invalid byte sequence"),
        (track_ended(camera_id="\ud800"), "surrogates not allowed"),
        (track_ended(camera_id="".join(map(chr, range(0x4E00, 0x7E00)))), "index row"),
        (track_ended(started_at=10**17), "does not fit"),
        (track_ended(track_no=TRACK + 1, observations=2**63), "does not fit"),
        (tracks_observed(tracks=(seen(x=1e12),)), "does not fit"),
    ],
    ids=["nul", "surrogate", "long key", "far future", "long", "far right"],
)
def test_what_postgresql_cannot_hold_is_a_bad_row(database_of_edition: str, event: Derived, message: str) -> None:
    with closing(TimescaleStore(database_of_edition)) as store:
        store.next_offset(TRACKS, 0)
        with pytest.raises(BadRowError, match=message):
            store.write(TRACKS, 0, 0, 2, appended(track_ended(), event))
        assert store.next_offset(TRACKS, 0) == 0
    assert query(database_of_edition, "SELECT * FROM tracks") == []


def test_text_arrives_as_it_was_written(database_of_edition: str) -> None:
    awkward = 'Ä\t\\N "quoted"\n\\.\u2028 終'
    with closing(TimescaleStore(database_of_edition)) as store:
        store.next_offset(TRACKS, 0)
        store.write(TRACKS, 0, 0, 1, appended(track_ended(camera_id=awkward)))
    assert query(database_of_edition, "SELECT camera_id FROM tracks") == [(awkward,)]


def test_times_arrive_to_the_millisecond(database_of_edition: str) -> None:
    with closing(TimescaleStore(database_of_edition)) as store:
        store.next_offset(TRACKS, 0)
        store.write(TRACKS, 0, 0, 1, appended(track_ended(started_at=-1, ended_at=NOON + 123)))
    found = query(database_of_edition, "SELECT started_at::text, ended_at::text FROM tracks")
    assert [[text.removesuffix("+00") for text in row] for row in found] == [
        ["1969-12-31 23:59:59.999", "2026-01-01 12:00:00.123"]
    ]


def test_a_history_of_zones_read_backwards_is_the_same(database_of_edition: str) -> None:
    history = [zones_defined(n, position=at(0, epoch=n)) for n in (1, 2, 4, 5)]
    history.insert(2, zones_defined(3, position=at(0, epoch=3), zones=(), lines=()))
    twin = memory_model()
    twin.project(*history)
    with closing(TimescaleStore(database_of_edition)) as store:
        model = ReadModel(store, lambda table: rows_in(database_of_edition, table))
        for event in reversed(history):
            model.project(event)
        assert model.holds_what(twin)
    ended = "SELECT zones_revision, valid_to IS NULL FROM zones UNION ALL SELECT zones_revision, valid_to IS NULL FROM lines"
    assert sorted(query(database_of_edition, ended)) == sorted([(1, False), (2, False), (4, False), (5, True)] * 2)


def test_hours_are_the_sums_of_their_minutes_whatever_the_batches(database_of_edition: str) -> None:
    rng = random.Random(7)
    minutes = [
        zone_minute(
            position=Position(epoch=0, partition=0, offset=n, index=0), minute=NOON + n * 60_000, zone_id=zone, peak=rng.randint(0, 5),
            person_ms=rng.randint(0, 10**6), entries=rng.randint(0, 9), dwell_ms_max=rng.randint(0, 10**5), capacity=2,
        )
        for n in range(150)
        for zone in ("desk", "door")
    ]  # fmt: skip
    with closing(TimescaleStore(database_of_edition)) as store:
        offset = store.next_offset(ZONE_MINUTES, 0)
        for first in range(0, len(minutes), 7):
            batch = minutes[first : first + 7]
            store.write(ZONE_MINUTES, 0, offset, offset + 7, appended(*batch))
            offset += 7
    hours: dict[tuple[str, int], list[ZoneMinuteMeasured]] = {
        (event.zone_id, event.minute // HOUR_MS * HOUR_MS): [] for event in minutes
    }
    for event in minutes:
        hours[event.zone_id, event.minute // HOUR_MS * HOUR_MS].append(event)
    expected = {
        (*key, len(of), sum(m.person_ms for m in of), sum(m.entries for m in of), max(m.peak for m in of), max(m.dwell_ms_max for m in of))
        for key, of in hours.items()
    }  # fmt: skip
    statement = "SELECT zone_id, (extract(epoch FROM hour) * 1000)::bigint, minutes, person_ms, entries, peak, dwell_ms_max FROM zone_hours"
    assert set(query(database_of_edition, statement)) == expected
    assert query(database_of_edition, "SELECT DISTINCT kind, capacity FROM zone_hours") == [("WORK", 2)]
