"""docs/replay.md says what is so: its examples are read, its tables name every file, record and field."""

import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from aforo.commands.replay import replay
from schemas.events import Output
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
    rows = re.findall(r"^\| (`.*?) \|", TEXT.partition("`summary.json`:\n")[2].partition("## ")[0], re.MULTILINE)
    assert [name for row in rows for name in re.findall(r"`(\w+)`", row)] == [
        each.encode_name for each in msgspec.structs.fields(Summary)
    ]


def test_every_file_is_said_to_hold_what_the_fold_says_into_its_topic() -> None:
    rows = dict(re.findall(r"^\| `([\w-]+\.ndjson)` \| (.*?) \|$", TEXT, re.MULTILINE))
    said = {each.__name__ for each in get_args(Output)}
    assert {name: set(re.findall(r"`(\w+)`", records)) for name, records in rows.items()} == {
        name: set(topics()[topic].records) & said for name, topic in TOPICS.items()
    }


def test_every_option_is_explained() -> None:
    """The commands of runs have a table of their own."""
    rows = re.findall(r"^\| (`--.*?) \|", TEXT.partition("## From Kafka")[0], re.MULTILINE)
    explained = {name for row in rows for name in re.findall(r"`(--[\w-]+)", row)}
    assert explained == {option for each in replay.params for option in each.opts}
