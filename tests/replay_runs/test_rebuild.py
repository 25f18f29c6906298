"""What was restated stands in the topics: a database made anew from them says the same, now and as it was before."""

import time
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import pytest
from click.testing import Result

from graphql_api.sql.replay_runs import ADOPT
from schemas.events import FrameObserved, LogRecord
from tests.domain.walks import DESK, MINUTE, START
from tests.projections.databases import query
from tests.replay_runs.installation import Installation, zones
from tests.replay_runs.scenes import SOFA, STOP, WIDER, a_walk

pytestmark = pytest.mark.integration

RELATIONS = (
    "zone_visits", "zone_minutes", "line_crossings", "restatements", "zones", "current_zone_visits",
    "current_zone_minutes", "zone_visits_before(1)", "zone_visits_before(2)", "zone_minutes_before(1)",
)  # fmt: skip


# The database keeps facts for their days only.
LATER = int(time.time() * 1_000) // MINUTE * MINUTE - 24 * 60 * MINUTE - START


def recently(records: Iterable[LogRecord]) -> list[LogRecord]:
    """The same, seen a day ago."""
    return [
        msgspec.structs.replace(each, observed_at=each.observed_at + LATER) if isinstance(each, FrameObserved) else each
        for each in records
    ]


def rows(installation: Installation) -> dict[str, set[tuple[Any, ...]]]:
    """All that the database says of the camera."""
    told = "SELECT row_to_json(found)::text FROM {} AS found WHERE camera_id = %s"
    return {each: set(query(installation.database, told.format(each), installation.camera)) for each in RELATIONS}


def test_the_log_proves_what_was_restated_and_a_database_made_anew_from_the_topics_says_the_same(
    installation: Installation, aforo: Callable[..., Result]
) -> None:
    installation.live(recently(a_walk()))
    for begin, shapes in ((START, [WIDER]), (START + MINUTE, [DESK, SOFA])):
        run_id = installation.done(begin + LATER, STOP + LATER, zones=zones(*shapes))
        installation.ask(run_id, ADOPT)
        installation.work()
        assert installation.run(run_id)["state"] == "ADOPTED", installation.run(run_id)["error"]
    before = rows(installation)
    assert {restatement for *_, restatement, _, _ in installation.visits("zone_visits_before(2)")} == {1}
    verified = aforo("verify", "--camera", installation.camera, "--jobs", "1")
    assert verified.exit_code == 0, verified.output
    assert verified.output.count("all there, and what the log gives") == 2
    rebuilt = aforo("rebuild", "--yes", "--jobs", "1")
    assert rebuilt.exit_code == 0, rebuilt.output
    assert rows(installation) == before
