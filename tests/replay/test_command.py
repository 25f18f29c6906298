"""`aforo replay`: what it prints, and how it ends."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from aforo.cli import main
from tests.domain.walks import START, every, film, standing
from tests.replay.files import lines, said

ZONE = {
    "zone_id": "z",
    "name": "Desk",
    "kind": "WORK",
    "polygon": [[0.25, 0.25], [0.75, 0.25], [0.75, 0.75], [0.25, 0.75]],
}
LINE = {"line_id": "door", "name": "Door", "points": [[0.5, 0], [0.5, 1]]}


@pytest.fixture(autouse=True)
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "500")
    path = tmp_path / "log.ndjson"
    path.write_bytes(lines(film(every(100, START, START + 90_000), standing(0.5, 0.5))))
    return path


def replay(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["replay", "--input", "log.ndjson", "--output", "said", *arguments])


def zones(content: object) -> tuple[str, str]:
    Path("zones.json").write_text(content if isinstance(content, str) else json.dumps(content))
    return "--zones", "zones.json"


def test_it_writes_five_files_and_prints_what_came_of_the_log() -> None:
    result = replay()
    assert result.exit_code == 0, result.output
    assert "read: 901 FrameObserved; refused: none; open visits: 0" in result.output
    assert sorted(path.name for path in Path("said").iterdir()) == [
        "camera-events.ndjson", "summary.json", "tracks.ndjson", "zone-minutes.ndjson", "zone-visits.ndjson",
    ]  # fmt: skip


@pytest.mark.parametrize("content", [{"zones": [ZONE]}, {"lines": [LINE], "zones": [ZONE]}, {"c1": {"zones": [ZONE]}}])
def test_other_zones_are_those_of_the_file(content: object) -> None:
    assert replay(*zones(content)).exit_code == 0
    assert [each["zone_id"] for each in said(Path("said"), "zone-visits.ndjson")] == ["z"]


def test_zones_of_a_camera_the_log_does_not_know_are_warned_of() -> None:
    result = replay(*zones({"c1": {"zones": [ZONE]}, "typo": {"zones": [ZONE]}}))
    assert result.exit_code == 0
    assert "warning: zones were given for cameras the log does not know: typo" in result.output


BOW = [[0.1, 0.1], [0.9, 0.9], [0.9, 0.1], [0.1, 0.9]]
BAD_ZONES = {
    "a polygon that crosses itself": ({"zones": [ZONE | {"polygon": BOW}]}, "zones[0].polygon: its edges cross"),
    "too few points": ({"zones": [ZONE | {"polygon": BOW[:2]}]}, "2 points; it takes 3 to 200"),
    "a point outside": ({"zones": [ZONE | {"polygon": [[0, 0], [2, 0], [1, 1]]}]}, "is outside the frame"),
    "an id used twice": ({"zones": [ZONE, ZONE]}, "'z' is used twice"),
    "a line of three points": ({"c1": {"lines": [LINE | {"points": [[0, 0], [1, 1], [1, 0]]}]}}, "c1: lines[0].points: 3 points"),
    "an unknown kind": ({"zones": [ZONE | {"kind": "PLAY"}]}, "PLAY"),
    "a misspelt field": ({"zones": [ZONE | {"capasity": 2}]}, "capasity"),
    "no JSON": ("zones", "zones.json: "),
    "a list": ([ZONE], "zones.json: "),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_ZONES)
def test_zones_that_cannot_be_used_end_it_before_anything_is_folded(name: str) -> None:
    content, words = BAD_ZONES[name]
    result = replay(*zones(content))
    assert result.exit_code == 1
    assert result.output.startswith("Error: zones.json: ")
    assert words in result.output
    assert not Path("said").exists()


@pytest.mark.parametrize(
    ("start", "stop"),
    [(str(START + 1_000), str(START + 2_000)), ("2023-11-14T22:14:01Z", "2023-11-14T23:14:02+01:00")],
)
def test_the_range_is_given_in_ms_or_as_rfc_3339(start: str, stop: str) -> None:
    assert START == 1_700_000_040_000
    assert replay("--from", start, "--to", stop).exit_code == 0
    assert [each["observed_at"] for each in said(Path("said"), "tracks.ndjson")] == list(
        range(START + 1_000, START + 2_000, 100)
    )


def test_a_range_without_data_ends_it_with_one_clear_line() -> None:
    result = replay("--from", "2030-01-01T00:00:00Z")
    assert result.exit_code == 1
    assert result.output == (
        "Error: no data in [2030-01-01T00:00:00+00:00, …): "
        "the log's frames go from 2023-11-14T22:14:00+00:00 to 2023-11-14T22:15:30+00:00\n"
    )


def test_a_range_that_begins_before_the_log_is_warned_of() -> None:
    assert "warning: approximate" in replay("--from", "2023-01-01T00:00:00Z").output


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--from", "yesterday"], "'yesterday'"),
        (["--to", "2023-11-14T22:14:01"], "time zone"),
        (["--from", "2", "--to", "2"], "--from must lie before --to"),
        (["--zones", "nowhere.json"], "nowhere.json"),
    ],
)
def test_a_wrong_option_is_a_usage_error(options: list[str], words: str) -> None:
    result = replay(*options)
    assert result.exit_code == 2
    assert words in result.output


def test_a_line_that_is_no_record_stops_it_or_is_skipped_and_warned_of(log: Path) -> None:
    log.write_bytes(b"{}\n" + log.read_bytes())
    stopped = replay()
    assert stopped.exit_code == 1
    assert stopped.output.startswith("Error: line 1 is no record of a camera's log: ")
    skipped = replay("--on-error", "skip")
    assert skipped.exit_code == 0
    assert "warning: 1 lines were no records and were skipped" in skipped.output
    assert json.loads(Path("said/summary.json").read_text())["not_records"] == 1


def test_only_the_camera_that_is_asked_for_is_replayed(log: Path) -> None:
    log.write_bytes(log.read_bytes() + log.read_bytes().replace(b'"c1"', b'"c2"'))
    assert replay("--camera", "c2").exit_code == 0
    assert {each["camera_id"] for each in said(Path("said"), "tracks.ndjson")} == {"c2"}


def test_other_parameters_hold_in_place_of_those_of_the_log() -> None:
    assert replay("--max-gap-ms", "50").exit_code == 0
    assert all(each["tracks"] == [] for each in said(Path("said"), "tracks.ndjson")), "every frame follows a gap"


def test_two_sets_of_zones_are_replayed_and_compared() -> None:
    result = replay(*zones({"zones": [ZONE]}), "--versus", "log")
    assert result.exit_code == 0, result.output
    assert "visits: 1 added" in result.output
    assert [said(Path("said") / side, "zone-visits.ndjson") != [] for side in ("before", "after")] == [False, True]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--input", "log.ndjson"], "--output is needed"),
        (["--input", "log.ndjson", "--output", "said", "--from-tracks", "always"], "a log file holds no tracks"),
    ],
)
def test_options_that_do_not_fit_are_a_usage_error(arguments: list[str], words: str) -> None:
    result = CliRunner().invoke(main, ["replay", *arguments])
    assert result.exit_code == 2
    assert words in result.output


def test_settings_that_are_wrong_do_not_matter_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFORO_KAFKA__PARTITIONS", "0")
    assert replay().exit_code == 0
