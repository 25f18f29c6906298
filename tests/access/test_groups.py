"""What is withheld from those who may not see single persons."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine

from graphql_api.access.groups import WITHHELD, withheld
from tests.access.installations import Installation, ask
from tests.api.site_rows import site
from tests.api.tables import START, camera, insert, minute, zone


def row(bucket: int, zone_id: str | None, peak: int | None) -> dict[str, Any]:
    return {"bucket": bucket, "zone_id": zone_id, "peak": peak, "efficiency": 0.5, "people": 1.0, "coverage": 1.0}


def shown(rows: list[dict[str, Any]], group_of: int) -> list[Any]:
    return [each["efficiency"] for each in withheld(rows, group_of)]


def test_a_zone_needs_its_own_group_and_all_zones_need_one_somewhere() -> None:
    rows = [row(1, None, None), row(1, "hall", 5), row(1, "desk", 1)]
    assert shown(rows, 5) == [0.5, 0.5, None]
    assert shown(rows, 6) == [None, None, None]


def test_a_group_in_one_bucket_opens_no_other() -> None:
    assert shown([row(1, "hall", 5), row(2, "hall", 4), row(1, None, None), row(2, None, None)], 5) == [
        0.5,
        None,
        0.5,
        None,
    ]


def test_that_nobody_was_there_is_withheld_too() -> None:
    assert shown([row(1, "desk", 0), row(2, "desk", None)], 2) == [None, None]


@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from([None, "hall", "desk"]), st.integers(0, 9))),
    st.integers(2, 9),
)
def test_whatever_is_shown_is_about_a_group_and_the_rest_of_the_row_stays(
    given_rows: list[tuple[int, str | None, int]], group_of: int
) -> None:
    rows = [row(*each) for each in given_rows]
    for before, after in zip(rows, withheld(rows, group_of), strict=True):
        if after["efficiency"] is not None:
            same = [each["peak"] for each in rows if each["bucket"] == before["bucket"] and each["zone_id"] is not None]
            assert max(same) >= group_of
        assert after["coverage"] == before["coverage"]
        assert all(after[name] in {None, before[name]} for name in WITHHELD if name in before)


SERIES = """{ efficiency(siteId: "north", range: {from: "2026-03-02T08:00:00Z", to: "2026-03-02T10:00:00Z"}) {
    efficiency presentMs coverage total { efficiency presentMs } zones { zoneId utilisation } } }"""
PEOPLE = """{ occupancy(siteId: "north", range: {from: "2026-03-02T08:00:00Z", to: "2026-03-02T10:00:00Z"}) {
    zones { zoneId people peak totalPeak } } }"""


@pytest.mark.integration
def test_a_viewer_sees_the_hours_of_groups_and_an_operator_all_hours(installation: Installation) -> None:
    engine = create_engine(installation.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as rows:
        site(rows, "north", "UTC", [])
        insert(rows, "cameras", [camera(site_id="north")])
        insert(rows, "zones", [zone()])
        crowd: dict[str, Any] = {"person_ms": 300_000, "exclusive_person_ms": 300_000, "occupied_ms": 60_000, "peak": 5}
        alone: dict[str, Any] = {"person_ms": 60_000, "exclusive_person_ms": 60_000, "occupied_ms": 60_000, "peak": 1}
        insert(rows, "zone_minutes", [minute(at=START, **crowd), minute(at=START.replace(hour=9), **alone)])
    engine.dispose()
    viewer, operator = (installation.holding({"north": role}) for role in ("VIEWER", "OPERATOR"))
    seen, all_seen = (ask(each, SERIES)["data"]["efficiency"] for each in (viewer, operator))
    assert seen["presentMs"] == [300_000, None]
    assert all_seen["presentMs"] == [300_000, 60_000]
    assert seen["coverage"] == all_seen["coverage"]
    assert seen["zones"] == [{"zoneId": "desk", "utilisation": [1.0, None]}]
    assert ask(viewer, PEOPLE)["data"]["occupancy"]["zones"] == [
        {"zoneId": "desk", "people": [5.0, None], "peak": [5, None], "totalPeak": 5}
    ]
    params = {"site_id": "north", "from": "2026-03-02T08:00:00Z", "to": "2026-03-02T10:00:00Z"}
    assert viewer.get("/api/v1/reports/efficiency", params=params).json()["present_ms"] == [300_000, None]
