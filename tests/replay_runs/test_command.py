"""`aforo replay diff|start|list|show|adopt|drop`: what they print, and what they say when something cannot be done."""

import csv
import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from aforo.cli import main
from schemas.events import Zone
from stream_processors.agents.replays import Replays, work
from tests.domain.walks import BORN, DESK, START, configure, define, every, film, standing
from tests.replay.files import lines
from tests.replay_runs.installation import PATIENCE_S, Installation, moment
from tests.replay_runs.scenes import GONE, LEFT, STOP, WIDER, a_walk

RANGE = ["--from", moment(START).isoformat(), "--to", moment(STOP).isoformat()]


def aforo(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["replay", *arguments])


def fine(*arguments: str) -> str:
    result = aforo(*arguments)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "500")


def replayed(folder: str, records: list[Any], *options: str) -> str:
    """The name of a folder with the outputs of these records."""
    Path("log.ndjson").write_bytes(lines(records))
    fine("--input", "log.ndjson", "--output", folder, *options)
    return folder


def zones(*shapes: Zone) -> list[str]:
    Path("zones.json").write_bytes(msgspec.json.encode({"zones": shapes}))
    return ["--zones", "zones.json"]


@pytest.fixture
def two_folders() -> list[str]:
    """A walk as it was, and under a wider zone."""
    return [replayed("as-it-was", a_walk()), replayed("what-if", a_walk(), *zones(WIDER))]


def test_the_difference_of_two_folders_is_a_table_of_hours_and_one_of_visits(two_folders: list[str]) -> None:
    told = fine("diff", *two_folders)
    assert f"{(LEFT - BORN) / 1_000:.1f} → {(GONE - BORN) / 1_000:.1f}" in told
    assert "LONGER" in told
    assert "visits: 1 longer, 0 the same" in told


def test_as_json_it_is_whole(two_folders: list[str]) -> None:
    found = json.loads(fine("diff", *two_folders, "--format", "json"))
    assert found["total"]["difference"]["dwell_ms"] == GONE - LEFT
    (visit,) = found["visits"]
    assert (visit["change"], visit["after"]["exited_at"]) == ("LONGER", GONE)
    assert [each["zone_id"] for each in found["hours"]] == ["desk"]


def test_as_csv_it_is_a_row_for_each_zone_and_hour_or_for_each_visit(two_folders: list[str]) -> None:
    (hour,) = csv.DictReader(io.StringIO(fine("diff", *two_folders, "--format", "csv")))
    assert (hour["zone_id"], int(hour["person_ms_difference"])) == ("desk", GONE - LEFT)
    (visit,) = csv.DictReader(io.StringIO(fine("diff", *two_folders, "--format", "csv", "--visits")))
    assert (visit["change"], int(visit["dwell_ms_before"]), int(visit["dwell_ms_after"])) == (
        "LONGER", LEFT - BORN, GONE - BORN,
    )  # fmt: skip


def test_a_folder_differs_from_itself_in_nothing(two_folders: list[str]) -> None:
    assert "visits: 1 the same" in fine("diff", two_folders[0], two_folders[0])


def test_where_people_were_tracked_otherwise_time_decides_which_visits_belong_together() -> None:
    times = [*every(500, START, START + 20_000), *every(500, START + 21_500, STOP)]
    people = [define(DESK), *film(times, standing(0.5, 0.5))]
    torn = replayed("torn", [configure(max_gap_ms=1_000), *people])
    whole = replayed("whole", people)
    assert "visits: 1 longer, 1 removed, 0 the same" in fine("diff", torn, whole)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["as-it-was", "nowhere"], "nowhere holds no outputs of a replay"),
        (["as-it-was", "part"], "report different ranges"),
        (["a", "b", "c"], "name a run, or two folders"),
        ([], "Missing argument"),
    ],
)
@pytest.mark.usefixtures("two_folders")
def test_what_cannot_be_compared_is_named(arguments: list[str], words: str) -> None:
    replayed("part", a_walk(), "--from", str(START + 60_000))
    result = aforo("diff", *arguments)
    assert result.exit_code != 0
    assert words in result.output


def test_a_damaged_line_is_named_by_its_number(two_folders: list[str]) -> None:
    path = Path(two_folders[1], "zone-visits.ndjson")
    path.write_bytes(path.read_bytes() + b"{}\n")
    result = aforo("diff", *two_folders)
    assert (result.exit_code, "what-if/zone-visits.ndjson, line 3" in result.output) == (1, True)


@pytest.fixture
def installed(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """An installation that the commands of this process find."""
    monkeypatch.setenv("AFORO_DATABASE__URL", installation.database)
    installation.live(a_walk())
    return installation


@pytest.mark.integration
def test_a_run_from_its_start_to_its_end(installed: Installation) -> None:
    assert "no runs yet" in fine("list")
    run_id = fine("start", *RANGE, "--camera", installed.camera, *zones(WIDER)).split()[-1]
    assert "REQUESTED" in fine("list")
    installed.work()
    assert "1 longer" in fine("show", run_id)
    assert "visits: 1 longer, 0 the same" in fine("diff", run_id)
    assert json.loads(fine("diff", run_id, "--format", "json"))["total"]["difference"]["dwell_ms"] == GONE - LEFT
    assert aforo("adopt", run_id).exit_code == 1, "nobody said yes"
    fine("adopt", run_id, "--yes")
    refused = aforo("drop", run_id)
    assert (refused.exit_code, "the run is ADOPT_REQUESTED; it must be REQUESTED or" in refused.output) == (1, True)
    installed.work()
    assert "ADOPTED" in fine("list")
    fine("drop", run_id)
    installed.work()
    gone = aforo("diff", run_id)
    assert (gone.exit_code, "the run is DROPPED and has no results" in gone.output) == (1, True)


@pytest.mark.integration
def test_who_waits_hears_how_it_ended(installed: Installation) -> None:
    with installed.replays() as worker, installed.running(), working(worker):
        only = ["--camera", installed.camera]
        run_id = fine("start", *RANGE, *only, "--wait").split()[1]
        assert "adopted" in fine("adopt", run_id, "--yes", "--wait")
        assert "dropped" in fine("drop", run_id, "--wait")
        failed = aforo("start", "--from", "0", "--to", "60000", *only, "--wait")
    assert (failed.exit_code, "the run is FAILED: no data" in failed.output) == (1, True)


@contextmanager
def working(worker: Replays) -> Iterator[None]:
    """The worker does what it is asked for, meanwhile."""
    stopping = threading.Event()
    thread = threading.Thread(target=work, args=(worker, stopping))
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join(PATIENCE_S)


BAD = {
    "a camera nobody knows": (["--camera", "nowhere"], "there is no camera nowhere"),
    "an end that is no moment": (["--to", "tomorrow"], "Invalid value for --to: 'tomorrow'"),
    "a range that is not over": (["--to", "2099-01-01T00:00:00Z"], "the range is not over yet"),
    "no whole minute": (["--from", str(START + 1), "--to", str(START + 9)], "No whole minute"),
    "shifts that are none": (["--shifts", "shifts.json"], "shifts.0.weekday: A weekday is 1 (Monday) to 7 (Sunday)"),
    "a field that shifts do not have": (["--shifts", "misspelt.json"], "misspelt.json: the shifts cannot be used"),
}


@pytest.mark.integration
@pytest.mark.usefixtures("installed")
def test_what_cannot_be_asked_for_is_named() -> None:
    Path("shifts.json").write_text('{"shifts": [{"weekday": 9, "start": "06:00", "end": "14:00"}]}')
    Path("misspelt.json").write_text('{"shift": []}')
    for name, (arguments, words) in BAD.items():
        result = aforo("start", *RANGE, *arguments)
        assert result.exit_code != 0, name
        assert words in result.output, name
    assert "a run needs both --from and --to" in aforo("start", *RANGE[:2]).output
    for command in ("show", "diff", "adopt", "drop"):
        result = aforo(command, "nothing")
        assert "there is no run 'nothing'; `aforo replay list` shows those there are" in result.output
    assert "no runs yet" in fine("list")


def test_a_database_that_is_away_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFORO_DATABASE__URL", "postgresql+psycopg2://aforo:hush@127.0.0.1:1/aforo")
    result = aforo("list")
    assert (result.exit_code, "the database is away" in result.output) == (1, True)
    assert "hush" not in result.output
