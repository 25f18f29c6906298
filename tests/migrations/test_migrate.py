"""The migrations in every edition: the same tables for readers and writers, chunks and compression where they exist."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from infra.local.stack import Stack
from infra.timescale.migrate import DatabaseUnavailableError, downgrade, upgrade
from tests.local_stack import free_ports
from tests.projections.databases import EXTENSIONS, new_database, query

TSL_URL = "AFORO_TEST_TSL_DATABASE_URL"
COLUMNS = """
SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns
WHERE table_schema = 'public' ORDER BY table_name, ordinal_position
"""
INDEXES = "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY indexname"
FUNCTIONS = """
SELECT proname FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
WHERE nspname = 'public' AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')
"""
HYPERTABLES = """
SELECT hypertable_name, column_name, time_interval FROM timescaledb_information.dimensions ORDER BY hypertable_name
"""


@pytest.fixture(params=EXTENSIONS)
def edition(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def unmigrated(stack: Stack, edition: str) -> Iterator[str]:
    with new_database(stack, edition) as url:
        yield url


@pytest.mark.integration
def test_upgrade_finds_the_edition_and_a_second_run_changes_nothing(unmigrated: str, edition: str) -> None:
    assert upgrade(unmigrated) == edition
    before = query(unmigrated, COLUMNS), query(unmigrated, INDEXES)
    assert upgrade(unmigrated) == edition
    assert (query(unmigrated, COLUMNS), query(unmigrated, INDEXES)) == before


@pytest.mark.integration
def test_downgrade_leaves_nothing_and_can_be_undone(unmigrated: str) -> None:
    upgrade(unmigrated)
    assert query(unmigrated, FUNCTIONS)
    downgrade(unmigrated)
    assert {row[0] for row in query(unmigrated, COLUMNS)} == {"alembic_version"}
    assert query(unmigrated, FUNCTIONS) == []
    upgrade(unmigrated)
    assert query(unmigrated, "SELECT site_id, name, time_zone FROM sites") == [("default", "Default site", "UTC")]


@pytest.mark.integration
def test_sites_outlive_the_coming_and_going_of_shifts(unmigrated: str) -> None:
    upgrade(unmigrated, "0001")
    query(unmigrated, "INSERT INTO sites (site_id, name, time_zone) VALUES ('mill', 'Mill', 'Asia/Kolkata')")
    before = query(unmigrated, COLUMNS), query(unmigrated, INDEXES), query(unmigrated, "TABLE sites")
    upgrade(unmigrated)
    assert query(unmigrated, "SELECT site_id, revision, name, time_zone, changed_by FROM site_versions ORDER BY 1") == [
        ("default", 1, "Default site", "UTC", "migration"),
        ("mill", 1, "Mill", "Asia/Kolkata", "migration"),
    ]
    downgrade(unmigrated, "0001")
    assert (query(unmigrated, COLUMNS), query(unmigrated, INDEXES), query(unmigrated, "TABLE sites")) == before


@pytest.mark.integration
def test_a_visit_that_was_open_knows_where_it_was_entered_and_schedules_stay_what_they_were(unmigrated: str) -> None:
    upgrade(unmigrated, "0002")
    query(unmigrated, """INSERT INTO zone_visits (camera_id, track_no, zone_id, entered_at, entered_at_max, entry_reason,
                           exited_at, zones_revision, seq, seq_index)
                         VALUES ('door', 1, 'desk', now(), now(), 'CROSSED', NULL, 1, 70, 2),
                                ('door', 2, 'desk', now(), now(), 'CROSSED', now(), 1, 90, 1)""")  # fmt: skip
    query(
        unmigrated,
        """UPDATE sites SET time_zone = 'Europe/Madrid', shifts_revision = 1;
                         INSERT INTO shifts VALUES ('default', 1, 0, 6, '22:00', '06:00', NULL, '2026-12-31');
                         INSERT INTO shift_exceptions VALUES ('default', 1, 0, '2026-10-31', '08:00', '09:30')""",
    )
    schedule = "SELECT * FROM site_schedule('default', '2026-10-01', '2027-02-01')"
    before = query(unmigrated, schedule)
    upgrade(unmigrated)
    assert query(unmigrated, "SELECT track_no, entered_seq, entered_seq_index FROM zone_visits ORDER BY 1") == [
        (1, 70, 2),
        (2, -1, -1),
    ]
    assert len(before) == 13, "Saturdays from the third to the end of the year"
    assert query(unmigrated, schedule) == before


@pytest.mark.integration
def test_processes_that_migrate_at_once_take_turns(unmigrated: str, edition: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(upgrade, [unmigrated] * 4)) == [edition] * 4


@pytest.mark.integration
def test_editions_have_the_same_columns_and_indexes(stack: Stack) -> None:
    with new_database(stack, "plain") as plain, new_database(stack, "apache") as apache:
        upgrade(plain)
        upgrade(apache)
        assert query(plain, COLUMNS) == query(apache, COLUMNS)
        assert query(plain, INDEXES) == query(apache, INDEXES)


@pytest.mark.integration
def test_facts_are_chunked_by_the_time_they_began(stack: Stack) -> None:
    with new_database(stack, "apache") as url:
        upgrade(url)
        chunks = [(name, column, interval.days) for name, column, interval in query(url, HYPERTABLES)]
    assert chunks == [
        ("line_crossings", "crossed_at", 7),
        ("track_positions", "second", 1),
        ("tracks", "started_at", 7),
        ("zone_minutes", "minute", 30),
        ("zone_visits", "entered_at", 7),
    ]


@pytest.mark.integration
@pytest.mark.skipif(TSL_URL not in os.environ, reason=f"the TSL edition is tested only on a server given by {TSL_URL}")
def test_the_tsl_edition_compresses_positions() -> None:
    url = os.environ[TSL_URL]
    upgrade(url)
    downgrade(url)
    assert upgrade(url) == "tsl"
    jobs = query(url, "SELECT hypertable_name FROM timescaledb_information.jobs WHERE proc_name = 'policy_compression'")
    assert jobs == [("track_positions",)]


def test_a_database_that_stays_away_is_named_without_its_password() -> None:
    (port,) = free_ports(1)
    address = rf"no database at 127\.0\.0\.1:{port}/aforo: .*(?i:refused).*\. Start it"
    with pytest.raises(DatabaseUnavailableError, match=rf"(?s){address}") as caught:
        upgrade(f"timescaledb+psycopg2://aforo:hush-hush@127.0.0.1:{port}/aforo", wait_s=0)
    assert "hush" not in str(caught.value)


@pytest.mark.integration
def test_a_database_that_comes_later_is_waited_for(stack: Stack) -> None:
    name = "comes_later"
    with ThreadPoolExecutor(1) as pool:
        migrating = pool.submit(upgrade, stack.database_url(name))
        try:
            stack.timescale.ensure_database(name)
            assert migrating.result() == "plain"
        finally:
            stack.timescale.drop_database(name)
