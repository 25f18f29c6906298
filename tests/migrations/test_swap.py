"""A second set of the projections takes the place of the first: whole, with its rights, and without those of the API."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, create_engine, make_url, text

from infra.local.stack import Stack
from infra.timescale import swap
from infra.timescale.migrate import downgrade, upgrade
from infra.timescale.swap import PROJECTIONS, REBUILT, REPLACED, VIEWS, TablesBusyError
from tests.migrations.test_migrate import COLUMNS, FUNCTIONS, INDEXES
from tests.projections.databases import EXTENSIONS, fresh_database, query

pytestmark = pytest.mark.integration

KINDS = (
    "SELECT relname, oid, relkind FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v')"
)
# Whatever a table is called in the future, somebody has to say which of the two it is.
API = {
    "alembic_version", "sites", "site_versions", "shifts", "shift_exceptions", "replay_runs", "run_zone_visits", "run_zones",
    "run_line_crossings", "run_tracks", "run_zone_minutes", "run_facts", "run_hour_differences", "run_visit_differences",
    "users", "grants", "invitations", "sessions", "api_keys", "login_attempts", "audit_log",
}  # fmt: skip


@pytest.fixture(params=EXTENSIONS)
def database(request: pytest.FixtureRequest, stack: Stack) -> Iterator[str]:
    """A database with two sets of tables; the second holds one visit."""
    with fresh_database(stack, request.param) as url:
        upgrade(url, schema=REBUILT)
        query(url, f"INSERT INTO {REBUILT}.tracks VALUES ('door', 1, now(), 0, now(), NULL, NULL, 1, 1, 1)")
        yield url


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    engine = create_engine(make_url(database).set(drivername="postgresql+psycopg2"))
    with engine.connect() as made:
        yield made
    engine.dispose()


def test_every_table_is_a_projection_or_the_apis_own(database: str) -> None:
    kinds = query(database, KINDS)
    assert {name for name, _, kind in kinds if kind == "r"} == {*PROJECTIONS} | API
    assert {name for name, _, kind in kinds if kind == "v"} == {*VIEWS}


def test_projections_change_places_and_nothing_else_does(database: str, connection: Connection) -> None:
    before = {name: oid for name, oid, _ in query(database, KINDS)}
    shape = query(database, COLUMNS), query(database, INDEXES), set(query(database, FUNCTIONS))
    with connection.begin():
        swap.swap(connection, tries=1)
    for schema in (REPLACED, REBUILT):
        with connection.begin():
            swap.drop(connection, schema)
    after = {name: oid for name, oid, _ in query(database, KINDS)}
    assert {name for name in before if before[name] != after[name]} == {*PROJECTIONS, *VIEWS}
    assert (query(database, COLUMNS), query(database, INDEXES), set(query(database, FUNCTIONS))) == shape
    found = "SELECT (SELECT count(*) FROM tracks), (SELECT count(*) FROM current_tracks), (SELECT count(*) FROM tracks_before(1))"
    assert query(database, found) == [(1, 1, 1)]
    assert query(database, "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'aforo%%'") == [(0,)]


def test_a_database_whose_tables_were_swapped_can_be_migrated_on(database: str, connection: Connection) -> None:
    with connection.begin():
        swap.swap(connection, tries=1)
    for schema in (REPLACED, REBUILT):
        with connection.begin():
            swap.drop(connection, schema)
    downgrade(database)
    assert {name for name, _, _ in query(database, KINDS)} == {"alembic_version"}
    upgrade(database)


def test_rights_that_were_granted_are_still_there(database: str, connection: Connection) -> None:
    query(database, "GRANT SELECT ON zone_visits, current_zone_visits TO PUBLIC; GRANT UPDATE ON zones TO pg_monitor")
    with connection.begin():
        swap.swap(connection, tries=1)
    rights = """SELECT table_name, grantee, privilege_type FROM information_schema.role_table_grants
                WHERE table_schema = 'public' AND grantee IN ('PUBLIC', 'pg_monitor') ORDER BY 1"""
    assert query(database, rights) == [
        ("current_zone_visits", "PUBLIC", "SELECT"),
        ("zone_visits", "PUBLIC", "SELECT"),
        ("zones", "pg_monitor", "UPDATE"),
    ]


def test_views_of_others_are_named(database: str, connection: Connection) -> None:
    assert swap.foreign_dependents(connection) == []
    query(database, "CREATE VIEW mine AS SELECT camera_id FROM zone_visits; CREATE VIEW also AS TABLE current_tracks")
    assert swap.foreign_dependents(connection) == ["also", "mine"]


def test_tables_that_are_read_without_a_pause_stay_as_they_are(database: str, connection: Connection) -> None:
    before = query(database, KINDS)
    engine = create_engine(make_url(database).set(drivername="postgresql+psycopg2"))
    with engine.connect() as reader, reader.begin():
        reader.execute(text("SELECT * FROM current_zone_visits"))
        with pytest.raises(TablesBusyError, match="read without a pause"), connection.begin():
            swap.swap(connection, tries=2)
        assert reader.execute(text("SELECT count(*) FROM zone_visits")).all() == [(0,)]
    engine.dispose()
    assert query(database, KINDS) == before


def test_a_writer_waits_while_it_is_held_and_then_finds_the_new_tables(database: str, connection: Connection) -> None:
    with connection.begin():
        swap.hold_writers(connection)
        blocked = "SET lock_timeout = '50ms'; UPDATE ingest_offsets SET next_offset = 1"
        with pytest.raises(Exception, match="lock timeout"):
            query(database, blocked)
        assert query(database, "SELECT count(*) FROM ingest_offsets") == [(0,)], "readers do not wait"
