"""Dead letters on a real broker: found, shown, projected again, dropped; and what cannot be done says what can."""

import json
from collections.abc import Callable
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from aforo.cli import main
from aforo.dead_letters import DeadLetters, LetterError, Wanted, project, told
from infra.local.stack import Stack
from schemas.registry import HttpRegistry
from schemas.settings import KafkaSettings
from schemas.topics import CAMERA_LOG, ZONE_VISITS
from schemas.wire import Wire
from tests.aforo.letters import record, set_aside
from tests.projections.samples import at, zone_entered

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("topics_exist")]


@pytest.fixture
def camera() -> str:
    return f"letters-{uuid4().hex[:8]}"


@pytest.fixture
def wire(stack: Stack) -> Wire:
    return Wire(HttpRegistry(stack.registry_url))


@pytest.fixture
def aforo(stack: Stack, database: str) -> Callable[..., Result]:
    settings = {
        "AFORO_KAFKA__BOOTSTRAP": stack.bootstrap,
        "AFORO_REGISTRY__URL": stack.registry_url,
        "AFORO_DATABASE__URL": database,
        "COLUMNS": "300",
    }
    return lambda *arguments: CliRunner().invoke(main, ["dead-letters", *arguments], env=settings)


def visits(database: str, camera: str) -> int:
    with create_engine(database, poolclass=NullPool).connect() as connection:
        found = connection.execute(
            text("SELECT count(*) FROM zone_visits WHERE camera_id = :camera"), {"camera": camera}
        )
        return int(found.scalar_one())


def test_letters_are_listed_with_where_they_stood_and_filtered(
    kafka: KafkaSettings, camera: str, aforo: Callable[..., Result]
) -> None:
    poison = set_aside(kafka, record(CAMERA_LOG, camera, b"\0x"), "POISON")
    bad_row = set_aside(kafka, record(ZONE_VISITS, camera, b"\0y", offset=9), "BAD_ROW")
    listed = [json.loads(line) for line in aforo("list", "--camera", camera, "--json").output.splitlines()]
    assert {f"{each['partition']}/{each['offset']}": each["reason"] for each in listed} == {
        poison: "POISON",
        bad_row: "BAD_ROW",
    }
    assert {(each["topic"], each["record_partition"], each["record_offset"]) for each in listed} == {
        (CAMERA_LOG, 1, 7),
        (ZONE_VISITS, 1, 9),
    }
    for filters in (["--reason", "BAD_ROW"], ["--topic", ZONE_VISITS]):
        table = aforo("list", "--camera", camera, *filters).output
        assert bad_row in table
        assert poison not in table
    assert "no dead letters" in aforo("list", "--camera", camera, "--since", "2999-01-01").output


def test_a_letter_that_can_be_read_is_shown_in_words_and_another_in_hex(
    kafka: KafkaSettings, camera: str, wire: Wire, aforo: Callable[..., Result]
) -> None:
    entered = zone_entered(camera_id=camera, position=at(3))
    readable = set_aside(kafka, record(ZONE_VISITS, camera, wire.encode(entered)), "BAD_ROW", "because")
    garbage = set_aside(kafka, record(CAMERA_LOG, camera, b"\x07garbage"), "UNDECODABLE")
    shown = aforo("show", readable).output
    assert '"type": "ZoneEntered"' in shown
    assert "because" in shown
    assert b"\x07garbage".hex(" ") in aforo("show", garbage).output


def test_what_the_database_refused_is_written_once_it_would_take_it(
    kafka: KafkaSettings, camera: str, wire: Wire, database: str
) -> None:
    entered = zone_entered(camera_id=camera, position=at(3))
    place = set_aside(kafka, record(ZONE_VISITS, camera, wire.encode(entered)), "BAD_ROW")
    with DeadLetters(kafka) as letters:
        letter = letters.at(*map(int, place.split("/")))
    assert told(letter, wire)["camera_id"] == camera
    for _ in range(2):
        project(letter, wire, database)
        assert visits(database, camera) == 1


def test_a_frame_comes_back_only_by_a_replay_run_and_the_command_says_which(
    kafka: KafkaSettings, camera: str, aforo: Callable[..., Result]
) -> None:
    place = set_aside(kafka, record(CAMERA_LOG, camera, b"\0x"), "POISON")
    result = aforo("replay", place)
    assert result.exit_code == 1
    assert f"aforo replay start --camera {camera}" in " ".join(result.output.split())


def test_bytes_that_still_cannot_be_read_are_not_projected(
    kafka: KafkaSettings, camera: str, wire: Wire, database: str
) -> None:
    place = set_aside(kafka, record(ZONE_VISITS, camera, b"garbage"), "UNDECODABLE")
    with DeadLetters(kafka) as letters:
        letter = letters.at(*map(int, place.split("/")))
    with pytest.raises(LetterError, match="still cannot be read"):
        project(letter, wire, database)


def test_nothing_is_dropped_without_yes_and_then_all_up_to_the_letter(
    kafka: KafkaSettings, camera: str, aforo: Callable[..., Result]
) -> None:
    first, second, third = [
        set_aside(kafka, record(CAMERA_LOG, camera, bytes([number]), partition=2), "POISON") for number in range(3)
    ]
    refused = aforo("drop", second)
    assert refused.exit_code == 1
    assert "repeat with --yes" in refused.output
    assert aforo("drop", second, "--yes").exit_code == 0
    with DeadLetters(kafka) as letters:
        assert [letter.place for letter in letters.find(Wanted(camera_id=camera))] == [third]
    for gone in (first, second):
        told_so = aforo("show", gone)
        assert told_so.exit_code == 1
        assert "aforo dead-letters list" in told_so.output


@pytest.mark.parametrize("place", ["17", "a/b", "1/2/3"])
def test_what_is_no_place_is_refused(place: str, aforo: Callable[..., Result]) -> None:
    result = aforo("show", place)
    assert result.exit_code == 2
    assert "is no place" in result.output


def test_a_broker_that_is_away_is_named() -> None:
    away = {"AFORO_KAFKA__BOOTSTRAP": "127.0.0.1:1"}
    result = CliRunner().invoke(main, ["dead-letters", "show", "0/0"], env=away)
    assert result.exit_code == 1
    assert "Kafka does not answer" in result.output
