"""Paths of tracks and heat maps from stored positions."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import Connection

from graphql_api.database import Database
from tests.api.tables import START, camera, insert, position, track
from tests.api.test_queries import RANGE, ask

pytestmark = pytest.mark.integration

SECOND = timedelta(seconds=1)
PATH = """query($range: TimeRange!, $most: Int!) { tracks(cameraId: "door", range: $range) {
    nodes { trackNo path(maxPoints: $most) { t x y } } } }"""
HEAT = """query($range: TimeRange!, $columns: Int = 2, $rows: Int = 2) {
    heatMap(cameraId: "door", range: $range, columns: $columns, rows: $rows) {
        cells maxSeconds totalSeconds restatedAt } }"""


def walked(rows: Connection, seconds: int, track_no: int = 1) -> None:
    insert(rows, "tracks", [track(track_no, START, last_seen_at=START + seconds * SECOND)])
    steps = [
        position(track_no, START + n * SECOND, foot_x=100 * n, foot_y=5_000, offset_ms=n % 1_000)
        for n in range(seconds)
    ]
    insert(rows, "track_positions", steps)


def paths(read_model: Database, most: int) -> dict[str, Any]:
    nodes = ask(read_model, PATH, range=RANGE, most=most)["tracks"]["nodes"]
    return {node["trackNo"]: node["path"] for node in nodes}


@pytest.mark.parametrize(("seconds", "most"), [(1, 2), (2, 2), (5, 5), (60, 2), (60, 7), (60, 59), (60, 200)])
def test_a_path_has_its_first_and_last_point_and_no_more_than_asked_for(
    read_model: Database, rows: Connection, seconds: int, most: int
) -> None:
    walked(rows, seconds)
    path = paths(read_model, most)["1"]
    steps = [round(x * 100) for x in path["x"]]
    assert (steps[0], steps[-1], len(steps)) == (0, seconds - 1, min(seconds, most))
    gaps = [after - before for before, after in pairwise(steps)]
    assert max(gaps, default=0) - min(gaps, default=0) <= 1
    assert path["t"][-1].endswith(f"{(seconds - 1):02d}.{(seconds - 1):03d}Z")


def test_paths_of_a_page_are_each_of_their_own_track(read_model: Database, rows: Connection) -> None:
    for track_no, seconds in ((1, 3), (2, 5)):
        walked(rows, seconds, track_no)
    assert {number: len(path["t"]) for number, path in paths(read_model, 10).items()} == {"1": 3, "2": 5}


def test_a_track_whose_positions_are_gone_has_an_empty_path(read_model: Database, rows: Connection) -> None:
    insert(rows, "tracks", [track(1, START)])
    assert paths(read_model, 10)["1"] == {"t": [], "x": [], "y": []}


def test_a_heat_map_counts_seconds_by_cell_row_by_row(read_model: Database, rows: Connection) -> None:
    insert(rows, "cameras", [camera()])
    feet = [(0, 0), (4_999, 4_999), (5_000, 0), (10_000, 10_000), (10_001, 0), (-1, 0)]
    insert(rows, "track_positions", [position(n, START, foot_x=x, foot_y=y) for n, (x, y) in enumerate(feet)])
    insert(rows, "track_positions", [position(9, START - SECOND)])
    found = ask(read_model, HEAT, range=RANGE)["heatMap"]
    assert found == {"cells": [2, 1, 0, 1], "maxSeconds": 2, "totalSeconds": 4, "restatedAt": None}
