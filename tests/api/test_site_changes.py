"""Sites and their shifts are changed through the schema, each change a version; what cannot be is said with its path."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Connection, text
from strawberry.types.execution import ExecutionResult

from graphql_api.access.principal import OPEN
from graphql_api.context import Context, Services
from graphql_api.database import Database
from graphql_api.schema import api_schema
from tests.api.doubles import services

pytestmark = pytest.mark.integration

SHOWN = "site { siteId name timeZone revision } userErrors { code message field }"
DEFINE = f"""mutation($input: ShiftsDefineInput!, $ifRevision: Int) {{
    shiftsDefine(input: $input, ifRevision: $ifRevision) {{ {SHOWN} }} }}"""
EARLY = {"weekday": 1, "start": "06:00", "end": "14:00"}
NIGHT = {"weekday": 1, "start": "22:00", "end": "06:00", "validFrom": "2026-01-01", "validTo": "2026-12-31"}


def execute(read_model: Database, document: str, **variables: Any) -> ExecutionResult:
    made, _, _ = services()
    context = Context(Services(made.settings, read_model, made.live, made.commands), OPEN)
    result = asyncio.run(api_schema().execute(document, variables, context))
    assert isinstance(result, ExecutionResult)
    return result


def done(read_model: Database, document: str, **variables: Any) -> Any:
    """What the one field of a document answered."""
    result = execute(read_model, document, **variables)
    assert result.errors is None, result.errors
    assert result.data is not None
    (answer,) = result.data.values()
    return answer


def changed(read_model: Database, mutation: str, **fields: Any) -> Any:
    kind = mutation[0].upper() + mutation[1:]
    document = f"mutation($input: {kind}Input!) {{ {mutation}(input: $input) {{ {SHOWN} }} }}"
    return done(read_model, document, input=fields)


def define(read_model: Database, if_revision: int | None = None, **fields: Any) -> Any:
    wanted = {"siteId": "default", "shifts": [], "exceptions": []} | fields
    return done(read_model, DEFINE, input=wanted, ifRevision=if_revision)


def codes(answer: Any) -> list[tuple[str, list[str]]]:
    return [(error["code"], error["field"]) for error in answer["userErrors"]]


def test_a_site_is_made_and_changed_and_every_version_stays(read_model: Database, rows: Connection) -> None:
    made = changed(read_model, "siteCreate", siteId="mill", name="Mill", timeZone="Asia/Kolkata")
    assert made == {
        "site": {"siteId": "mill", "name": "Mill", "timeZone": "Asia/Kolkata", "revision": 1},
        "userErrors": [],
    }
    assert changed(read_model, "siteUpdate", siteId="mill", name="Old mill")["site"]["timeZone"] == "Asia/Kolkata"
    moved = changed(read_model, "siteUpdate", siteId="mill", timeZone="Europe/Berlin")["site"]
    assert moved == {"siteId": "mill", "name": "Old mill", "timeZone": "Europe/Berlin", "revision": 3}
    versions = rows.execute(
        text("SELECT revision, name, time_zone, changed_by FROM site_versions WHERE site_id = 'mill' ORDER BY 1")
    )
    assert [tuple(version) for version in versions] == [
        (1, "Mill", "Asia/Kolkata", "anonymous"),
        (2, "Old mill", "Asia/Kolkata", "anonymous"),
        (3, "Old mill", "Europe/Berlin", "anonymous"),
    ]


def test_shifts_are_shown_as_they_were_given(read_model: Database) -> None:
    exceptions = [{"date": "2026-12-25"}, {"date": "2026-12-24", "start": "06:00", "end": "12:00"}]
    assert define(read_model, shifts=[EARLY, NIGHT], exceptions=exceptions)["site"]["revision"] == 2
    query = """{ site(siteId: "default") { revision shifts { weekday start end validFrom validTo }
        exceptions { date start end } } }"""
    open_ended = {"validFrom": None, "validTo": None}
    assert done(read_model, query) == {
        "revision": 2,
        "shifts": [EARLY | open_ended, NIGHT],
        "exceptions": [exceptions[0] | {"start": None, "end": None}, exceptions[1]],
    }


def test_shifts_outlive_a_change_of_name_and_go_when_others_are_defined(read_model: Database, rows: Connection) -> None:
    define(read_model, shifts=[EARLY, NIGHT])
    changed(read_model, "siteUpdate", siteId="default", name="Home")
    query = '{ site(siteId: "default") { revision shifts { weekday } } }'
    assert done(read_model, query) == {"revision": 3, "shifts": [{"weekday": 1}, {"weekday": 1}]}
    define(read_model, shifts=[])
    assert done(read_model, query) == {"revision": 4, "shifts": []}
    assert rows.execute(text("SELECT count(*) FROM shifts")).scalar() == 2


def test_overlapping_shifts_are_refused_and_nothing_changes(read_model: Database, rows: Connection) -> None:
    late = {"weekday": 2, "start": "05:59", "end": "12:00"}
    answer = define(read_model, shifts=[EARLY, NIGHT, late])
    assert answer["site"] is None
    assert codes(answer) == [("OVERLAPPING_SHIFTS", ["input", "shifts", "2"])]
    assert answer["userErrors"][0]["message"].startswith("shifts.1 and shifts.2 overlap on 2026-01-05.")
    assert rows.execute(text("SELECT revision, shifts_revision FROM sites")).one() == (1, 0)
    assert rows.execute(text("SELECT count(*) FROM shifts")).scalar() == 0


def test_an_exception_can_overlap_with_the_night_before(read_model: Database) -> None:
    early_tuesday = {"date": "2026-03-03", "start": "05:00", "end": "12:00"}
    assert codes(define(read_model, shifts=[EARLY, NIGHT], exceptions=[early_tuesday])) == [
        ("OVERLAPPING_SHIFTS", ["input", "exceptions", "0"])
    ]
    closed_monday = {"date": "2026-03-02"}
    assert codes(define(read_model, shifts=[EARLY, NIGHT], exceptions=[early_tuesday, closed_monday])) == []


def test_a_change_on_top_of_an_old_revision_is_refused_with_the_site_as_it_is(read_model: Database) -> None:
    define(read_model, shifts=[EARLY])
    answer = define(read_model, if_revision=1)
    assert codes(answer) == [("REVISION_CONFLICT", ["ifRevision"])]
    assert answer["site"]["revision"] == 2
    assert codes(define(read_model, if_revision=2, shifts=[NIGHT])) == []


def test_of_changes_at_once_on_the_same_revision_one_is_made(read_model: Database) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: define(read_model, if_revision=1, shifts=[EARLY]), range(4)))
    assert sorted(len(answer["userErrors"]) for answer in answers) == [0, 1, 1, 1]


@pytest.mark.parametrize("wrong", ["Europe/Nowhere", "Mars+3", "", "europe/berlin"])
def test_a_time_zone_that_is_none_is_refused(wrong: str, read_model: Database) -> None:
    for mutation in ("siteCreate", "siteUpdate"):
        answer = changed(read_model, mutation, siteId="mill", name="Mill", timeZone=wrong)
        assert codes(answer) == [("BAD_TIME_ZONE", ["input", "timeZone"])]


def test_an_id_that_is_taken_and_names_that_are_empty_are_refused(read_model: Database) -> None:
    assert codes(changed(read_model, "siteCreate", siteId="default", name="Mine")) == [
        ("SITE_EXISTS", ["input", "siteId"])
    ]
    assert codes(changed(read_model, "siteCreate", siteId="", name="")) == [
        ("INVALID", ["input", "siteId"]),
        ("INVALID", ["input", "name"]),
    ]


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"shifts": [EARLY, EARLY | {"weekday": 0}]}, ["shifts", "1", "weekday"]),
        ({"shifts": [NIGHT | {"validFrom": "2027-01-01"}]}, ["shifts", "0", "validTo"]),
        ({"exceptions": [{"date": "2026-01-01", "start": "08:00"}]}, ["exceptions", "0"]),
    ],
)
def test_a_shift_that_is_none_is_named(fields: dict[str, Any], path: list[str], read_model: Database) -> None:
    assert codes(define(read_model, **fields)) == [("INVALID", ["input", *path])]


@pytest.mark.parametrize("document", [
    'mutation { siteUpdate(input: {siteId: "none", name: "x"}) { userErrors { code } } }',
    'mutation { shiftsDefine(input: {siteId: "none", shifts: []}) { userErrors { code } } }',
])  # fmt: skip
def test_a_site_that_does_not_exist_is_an_error(document: str, read_model: Database) -> None:
    result = execute(read_model, document)
    assert [(error.extensions or {})["code"] for error in result.errors or []] == ["NOT_FOUND"]


@pytest.mark.parametrize("wrong", ["24:00", "6", "06:00:30", "06:00Z", 6])
def test_a_time_that_no_clock_shows_is_refused(wrong: Any, read_model: Database) -> None:
    result = execute(
        read_model, DEFINE, input={"siteId": "default", "shifts": [EARLY | {"end": wrong}]}, ifRevision=None
    )
    assert "LocalTime" in str(result.errors)
