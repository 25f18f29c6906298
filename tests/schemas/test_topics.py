"""The topic files: valid, complete, and the only home of each record."""

from collections import Counter
from pathlib import Path

import msgspec
import pytest

from schemas import topics as module
from schemas.events import RECORDS
from schemas.topics import DEAD_LETTERS, TopicSpec, topic_of, topics

FOLDER = Path(__file__).parents[2] / "schemas" / "topics"

each_topic = pytest.mark.parametrize("spec", [pytest.param(spec, id=name) for name, spec in topics().items()])


def test_the_name_of_a_file_is_the_name_of_its_topic() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {f"{name}.toml" for name in topics()}


def test_every_record_stands_in_exactly_one_topic_and_no_schema_is_an_orphan() -> None:
    assert Counter(record for spec in topics().values() for record in spec.records) == Counter(RECORDS.keys())


def test_the_names_in_code_are_the_topics() -> None:
    named = [value for name, value in vars(module).items() if name.isupper() and isinstance(value, str)]
    assert sorted(named) == sorted(topics())


@pytest.mark.parametrize("record", RECORDS)
def test_a_record_is_found_in_the_topic_whose_file_names_it(record: str) -> None:
    assert record in topics()[topic_of(record)].records


@each_topic
def test_a_topic_says_what_it_is_for_and_who_writes_and_reads_it(spec: TopicSpec) -> None:
    assert spec.purpose.endswith(".")
    assert spec.producers
    assert spec.consumers
    assert spec.key.startswith("camera_id")
    assert spec.epoch == 0
    assert all(meaning.endswith(".") for meaning in spec.headers.values())


@each_topic
def test_a_topic_promises_compatibility_exactly_when_it_carries_records(spec: TopicSpec) -> None:
    assert (spec.compatibility == "NONE") == (not spec.records)


@pytest.mark.parametrize("name", ["aforo.tracks.v1", "aforo.zone-visits.v1", "aforo.zone-minutes.v1"])
def test_topics_others_build_on_are_readable_in_both_directions(name: str) -> None:
    assert topics()[name].compatibility == "FULL_TRANSITIVE"


@each_topic
def test_who_writes_and_reads_a_topic_is_a_deployable_of_this_house_or_named_people(spec: TopicSpec) -> None:
    known = {"producers", "stream_processors", "graphql_api", "operators", "data teams"}
    assert {name.partition(".")[0] for name in (*spec.producers, *spec.consumers)} <= known


def test_an_unknown_word_in_a_topic_file_is_refused() -> None:
    known = msgspec.to_builtins(topics()[DEAD_LETTERS])
    with pytest.raises(msgspec.ValidationError, match="retentoin"):
        msgspec.convert(known | {"retentoin": "privacy"}, TopicSpec)
    with pytest.raises(msgspec.ValidationError, match="retention"):
        msgspec.convert(known | {"retention": "a while"}, TopicSpec)
