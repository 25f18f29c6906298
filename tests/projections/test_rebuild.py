"""`aforo rebuild` on the real broker and database: the same rows again, while everything goes on."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Self

import psycopg2
import pytest
from click.testing import CliRunner

from aforo.cli import main
from aforo.lag import PROJECTED
from infra.timescale.migrate import upgrade
from infra.timescale.swap import PROJECTIONS, REBUILT, REPLACED
from schemas.events import Event
from schemas.registry import HttpRegistry
from schemas.wire import Wire
from stream_processors.projections.filling import Filler, reader, retained
from stream_processors.projections.timescale import TimescaleStore, libpq_url
from tests.projections.databases import query
from tests.projections.samples import (
    MARKS,
    at,
    camera_configured,
    frames_lost,
    line_crossed,
    restated,
    seen,
    tracks_observed,
    zone_entered,
    zone_exited,
    zone_minute,
    zones_defined,
)
from tests.projections.site import PARTITION, TODAY, Site, eventually

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("topics_exist")]

HOUR_MS = 3_600_000
NOON_TODAY = TODAY // HOUR_MS * HOUR_MS


def a_day(camera: str) -> list[Event]:
    """Something in every table, a part of it restated."""
    who = {"camera_id": camera}
    visits = [who | {"track_no": n, "entered_at": NOON_TODAY + n * 1_000, "position": at(n)} for n in range(20)]
    minutes = [who | {"minute": NOON_TODAY + n * 60_000, "position": at(n, 5)} for n in range(90)]
    span = {"range_from": NOON_TODAY, "range_to": NOON_TODAY + 10_000}
    return [
        camera_configured(**who),
        zones_defined(camera_id=camera, position=at(1)),
        zones_defined(2, camera_id=camera, position=at(2)),
        frames_lost(**who, position=at(3)),
        tracks_observed(**who, position=at(4), observed_at=NOON_TODAY, tracks=(seen(),)),
        line_crossed(**who, crossed_at=NOON_TODAY),
        *(zone_entered(**visit) for visit in visits),
        *(zone_exited(**visit | {"position": at(50 + n)}) for n, visit in enumerate(visits[:15])),
        *(zone_minute(**minute) for minute in minutes),
        *(zone_exited(**visit, restatement=1) for visit in visits[:5]),
        *(zone_minute(**minute, restatement=1) for minute in minutes[:3]),
        *(restated(mark, **who, **span, position=at(100)) for mark in MARKS),
    ]


def contents(site: Site) -> set[tuple[str, str]]:
    """Every row of the camera in every projection: table and text."""
    tables = [table for table in PROJECTIONS if table != "ingest_offsets"]
    row = "SELECT to_jsonb(t)::text FROM {} AS t WHERE camera_id = %s"
    return {(table, text) for table in tables for (text,) in query(site.database, row.format(table), site.camera)}


def project_all(site: Site) -> None:
    """Bring the camera's partition into the database, as the projector would."""
    with closing(
        Filler(site.kafka, Wire(HttpRegistry(site.stack.registry_url)), TimescaleStore(site.database))
    ) as filler:
        for topic in PROJECTED:
            with closing(reader(site.kafka)) as consumer:
                filler.fill(topic, PARTITION, retained(consumer, topic, PARTITION).end)


def schemas(database: str) -> set[str]:
    return {name for (name,) in query(database, "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'aforo%%'")}


def environment(site: Site) -> dict[str, str]:
    """Where the command finds everything."""
    return {
        "AFORO_KAFKA__BOOTSTRAP": site.kafka.bootstrap,
        "AFORO_REGISTRY__URL": site.stack.registry_url,
        "AFORO_DATABASE__URL": site.database,
        "PYTHONUNBUFFERED": "1",
    }


@contextmanager
def rebuilding(site: Site, *options: str) -> Iterator[subprocess.Popen[str]]:
    """`aforo rebuild` as a user runs it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "aforo", "rebuild", *options],
        env=os.environ | environment(site), text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    with process:
        try:
            yield process
        finally:
            process.kill()


def rebuild(site: Site, *options: str) -> str:
    with rebuilding(site, "--yes", *options) as process:
        said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    return said


class Reader(threading.Thread):
    """Somebody who asks all the time, and must always get the same answer."""

    def __init__(self, database: str, question: str) -> None:
        super().__init__()
        self._database, self._question = database, question
        self.answers: set[int] = set()
        self.asked = 0
        self.faults: list[Exception] = []
        self._enough = threading.Event()

    def run(self) -> None:
        while not self._enough.is_set():
            try:
                self.answers.add(query(self._database, self._question)[0][0])
            except Exception as error:  # noqa: BLE001 - whatever a reader meets is a fault of the rebuild
                self.faults.append(error)
            self.asked += 1

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self.join()


def test_a_rebuild_arrives_at_the_same_rows_while_readers_and_the_projector_go_on(site: Site) -> None:
    site.produce(*a_day(site.camera), *site.ended(0, 3_000))
    visits = f"SELECT count(*) FROM current_zone_visits WHERE camera_id = '{site.camera}'"
    with site.projector() as projector:
        eventually(lambda: site.count("tracks") == 3_000 and site.count("restatements") == 3)
        eventually(lambda: site.count("zone_minutes") == 93 and site.count("frames_lost") == 1)
        before = contents(site)
        assert {table for table, _ in before} == set(PROJECTIONS) - {"ingest_offsets"}, "something of everything"
        query(site.database, "DELETE FROM tracks WHERE track_no BETWEEN 100 AND 199")
        query(site.database, "UPDATE zone_minutes SET person_ms = person_ms + 1; DELETE FROM zone_hours")
        with Reader(site.database, visits) as reader:
            said = rebuild(site)
        assert contents(site) == before
        assert (reader.faults, reader.answers) == ([], {15}), "5 restated, 10 after them, and the 5 voided ones no more"
        assert reader.asked > 50
        site.produce(*site.ended(3_000, 3_100))
        eventually(lambda: site.count("tracks") == 3_100)
        assert projector.poll() is None, "the projector never noticed"
    assert "records" in said
    assert schemas(site.database) == set()


def test_a_rebuild_that_was_killed_is_gone_on_with(site: Site) -> None:
    site.produce(*a_day(site.camera), *site.ended(0, 8_000))
    project_all(site)
    assert site.count("tracks") == 8_000
    before = contents(site)
    filled = f"SELECT coalesce(sum(next_offset), 0) FROM {REBUILT}.ingest_offsets"
    with rebuilding(site, "--yes") as process:
        eventually(lambda: REBUILT in schemas(site.database) and query(site.database, filled)[0][0] > 0)
        process.kill()
    kept = query(site.database, filled)[0][0]
    assert contents(site) == before, "nothing has taken its place"
    said = rebuild(site)
    assert "an interrupted rebuild is gone on with" in said
    assert kept > 0
    assert contents(site) == before
    assert {REBUILT, REPLACED} & schemas(site.database) == set()
    site.produce(*site.ended(8_000, 8_010))
    with site.projector():
        eventually(lambda: site.count("tracks") == 8_010)


def test_what_a_rebuild_left_that_ended_right_after_the_change_over_is_removed(site: Site) -> None:
    site.produce(*a_day(site.camera))
    project_all(site)
    before = contents(site)
    upgrade(site.database, schema=REBUILT)
    for table in PROJECTIONS:
        query(site.database, f"DROP TABLE {REBUILT}.{table} CASCADE")
    query(site.database, f"CREATE SCHEMA {REPLACED}; CREATE TABLE {REPLACED}.zones AS TABLE zones")
    answered = CliRunner().invoke(main, ["rebuild", "--yes", "--jobs", "1"], env=environment(site))
    assert answered.exit_code == 0, answered.output
    assert "gone on with" not in answered.output
    assert contents(site) == before
    assert schemas(site.database) == set()


def test_nothing_is_done_where_nobody_says_yes(site: Site) -> None:
    site.produce(*site.ended(0, 10))
    project_all(site)
    before = contents(site)
    answered = CliRunner().invoke(main, ["rebuild"], env=environment(site), input="n\n")
    assert answered.exit_code == 1
    assert re.search(r"[1-9][\d,]* records are read from the topics", answered.output)
    assert contents(site) == before
    assert schemas(site.database) == set()


def test_a_database_that_was_never_filled_is_no_case_for_a_rebuild(site: Site) -> None:
    answered = CliRunner().invoke(main, ["rebuild", "--yes"], env=environment(site))
    assert answered.exit_code == 1
    assert "nothing has been projected yet; `aforo process projector` fills the tables" in answered.output


def test_a_second_rebuild_at_the_same_time_is_refused(site: Site) -> None:
    with closing(psycopg2.connect(libpq_url(site.database))) as other, other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtext('aforo.rebuild'))")
        answered = CliRunner().invoke(main, ["rebuild", "--yes"], env=environment(site))
    assert answered.exit_code == 1
    assert "another rebuild is under way" in answered.output
