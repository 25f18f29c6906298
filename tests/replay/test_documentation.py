"""docs/replay.md says what is so: its examples are read, its tables name every file, record and field."""

import re
from pathlib import Path

import msgspec
import pytest

from schemas.topics import topics
from stream_processors.replay.lines import Logged, read_json
from stream_processors.replay.shapes import read_zones
from stream_processors.replay.summary import Summary
from tests.replay.files import TOPICS

TEXT = (Path(__file__).parents[2] / "docs" / "replay.md").read_text()
EXAMPLES = [line for block in re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL) for line in block.splitlines()]
LOG = [line for line in EXAMPLES if '"type"' in line]
ZONES = [line for line in EXAMPLES if '"type"' not in line]


def test_there_are_examples_of_a_log_and_of_both_kinds_of_zones() -> None:
    assert (len(LOG), len(ZONES)) == (2, 2)


@pytest.mark.parametrize("line", LOG)
def test_an_example_of_a_log_is_one(line: str) -> None:
    assert isinstance(read_json("", line.encode()), Logged)


@pytest.mark.parametrize("line", ZONES)
def test_an_example_of_zones_can_be_used(line: str, tmp_path: Path) -> None:
    path = tmp_path / "zones.json"
    path.write_text(line)
    assert read_zones(path)


def test_every_field_of_the_summary_is_explained() -> None:
    rows = re.findall(r"^\| (`.*?) \|", TEXT.partition("`summary.json`:\n")[2], re.MULTILINE)
    assert [name for row in rows for name in re.findall(r"`(\w+)`", row)] == [
        each.encode_name for each in msgspec.structs.fields(Summary)
    ]


def test_every_file_is_said_to_hold_the_records_of_its_topic() -> None:
    rows = dict(re.findall(r"^\| `([\w-]+\.ndjson)` \| (.*?) \|$", TEXT, re.MULTILINE))
    assert {name: re.findall(r"`(\w+)`", records) for name, records in rows.items()} == {
        name: list(topics()[topic].records) for name, topic in TOPICS.items()
    }
