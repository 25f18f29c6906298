"""Commands: sent once, answered by the camera, from memory or from the database."""

import asyncio
from typing import Any

import msgspec
import pytest
from strawberry import ID

from graphql_api.commands import Appended, CommandIdReused
from graphql_api.configuration import CameraConfigureInput, PointInput, configure_camera
from graphql_api.errors import QueryTimeoutError, ServiceUnavailableError
from graphql_api.sql.commands import outcome
from graphql_api.user_errors import exposed, malformed, user_errors
from schemas.events import (
    Command,
    CommandRefused,
    ConfigureCamera,
    DefineZones,
    Event,
    Fault,
    RecordRefused,
    Zone,
    ZonesDefined,
)
from tests.api.doubles import at, services

SQUARE = ((0.1, 0.1), (0.9, 0.1), (0.9, 0.9))
OF_EVERY_COMMAND = {*Command.__struct_fields__} - {"camera_id"}
DESK = Zone(zone_id="desk", name="Desk", kind="WORK", polygon=SQUARE)


def define(command_id: str = "c-1", **fields: Any) -> DefineZones:
    return DefineZones(**{"camera_id": "door", "command_id": command_id, "zones": (DESK,)} | fields)


def defined(command: Command, where: Appended) -> ZonesDefined:
    assert isinstance(command, DefineZones)
    return ZonesDefined(
        camera_id=command.camera_id,
        position=at(where.offset),
        command_id=command.command_id,
        revision=3,
        effective_at=1_000,
        zones=command.zones,
    )


def accept(command: Command, where: Appended) -> list[Event]:
    return [defined(command, where)]


def test_a_command_is_answered_by_the_camera() -> None:
    made, _, log = services({outcome: []})
    log.answer = accept
    answer = asyncio.run(made.commands.issue(define()))
    assert answer == defined(define(), Appended(0, 1))


def test_a_command_sent_again_is_answered_again_and_not_sent_twice() -> None:
    made, _, log = services({outcome: []})
    log.answer = accept
    first = asyncio.run(made.commands.issue(define()))
    assert asyncio.run(made.commands.issue(define())) == first
    assert len(log.appended) == 1


def test_an_answer_from_before_the_process_started_comes_from_the_database() -> None:
    earlier = defined(define(), Appended(0, 9))
    made, _, log = services({outcome: [{"type": "ZonesDefined", "body": msgspec.to_builtins(earlier)}]})
    assert asyncio.run(made.commands.issue(define())) == earlier
    assert not log.appended


def test_the_same_id_for_another_camera_is_another_command() -> None:
    made, _, log = services({outcome: []})
    log.answer = accept
    asyncio.run(made.commands.issue(define()))
    answer = asyncio.run(made.commands.issue(define(camera_id="hall")))
    assert isinstance(answer, ZonesDefined)
    assert answer.camera_id == "hall"
    assert len(log.appended) == 2


@pytest.mark.parametrize("error", [ServiceUnavailableError("away"), QueryTimeoutError("slow")])
def test_a_database_that_is_away_does_not_stop_commands(error: Exception) -> None:
    made, _, log = services({outcome: error})
    log.answer = accept
    assert isinstance(asyncio.run(made.commands.issue(define())), ZonesDefined)


def test_a_record_refused_before_the_fold_is_matched_by_its_place_in_the_log() -> None:
    made, _, log = services({outcome: []})
    log.answer = lambda command, where: [
        RecordRefused(camera_id=command.camera_id, position=at(where.offset), reason="UNSIGNED", detail="no key")
    ]
    answer = asyncio.run(made.commands.issue(define()))
    assert [(error.code, error.message) for error in user_errors(answer)] == [
        ("UNSIGNED", "The command was not taken: no key.")
    ]


def test_a_camera_that_says_nothing_leaves_the_sender_with_a_timeout_and_what_to_do() -> None:
    made, _, _ = services({outcome: []}, command_timeout_s=0.05)
    answer = asyncio.run(made.commands.issue(define()))
    assert answer is None
    (error,) = user_errors(answer)
    assert error.code == "TIMEOUT"
    assert "same commandId again" in error.message


def test_a_command_that_could_not_be_sent_says_so() -> None:
    made, _, log = services({outcome: []})
    log.error = ServiceUnavailableError("Kafka is away")
    with pytest.raises(ServiceUnavailableError, match="Kafka is away"):
        asyncio.run(made.commands.issue(define()))


def test_memory_of_answers_is_bounded() -> None:
    made, _, log = services({outcome: []})
    log.answer = accept
    for number in range(1_001):
        made.commands.heard(defined(define(f"c-{number}"), Appended(0, number)))
    asyncio.run(made.commands.issue(define("c-0")))
    asyncio.run(made.commands.issue(define("c-1000")))
    assert [command.command_id for command in log.appended] == ["c-0"]


def refused(**fields: Any) -> CommandRefused:
    values: dict[str, Any] = {"camera_id": "door", "position": at(1), "command_id": "c-1", "command": "DefineZones"}
    return CommandRefused(**values | {"reason": "INVALID", "revision": 2} | fields)


def test_faults_point_to_the_fields_of_the_input() -> None:
    faults = (
        Fault(code="POLYGON_CROSSES_ITSELF", path="zones[1].polygon", message="It crosses itself."),
        Fault(code="NEGATIVE", path="lines[0].min_stay_ms", message="Below 0."),
    )
    assert [(error.code, error.field) for error in user_errors(refused(faults=faults))] == [
        ("POLYGON_CROSSES_ITSELF", ["input", "zones", "1", "polygon"]),
        ("NEGATIVE", ["input", "lines", "0", "minStayMs"]),
    ]


def test_a_conflict_names_the_revision_in_force() -> None:
    (error,) = user_errors(refused(reason="REVISION_CONFLICT"))
    assert (error.code, error.field) == ("REVISION_CONFLICT", ["ifRevision"])
    assert "Revision 2 is in force" in error.message


def test_a_refusal_without_faults_keeps_its_reason() -> None:
    assert [error.code for error in user_errors(refused(reason="OTHER"))] == ["OTHER"]


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"command_id": ""}, ["commandId"]),
        ({"camera_id": ""}, ["input", "cameraId"]),
        ({"zones": (msgspec.structs.replace(DESK, min_stay_ms=-1),)}, ["input", "zones", "0", "minStayMs"]),
        ({"zones": (DESK, msgspec.structs.replace(DESK, capacity=-1))}, ["input", "zones", "1", "capacity"]),
    ],
)
def test_what_the_record_cannot_hold_is_named_before_it_is_sent(fields: dict[str, Any], path: list[str]) -> None:
    assert [(error.code, error.field) for error in malformed(define(**fields))] == [("INVALID", path)]


def test_a_command_the_record_can_hold_is_left_to_the_camera() -> None:
    assert malformed(define()) == []


@pytest.mark.parametrize(
    ("source", "codes"),
    [
        ("rtsp://user:secret@192.0.2.1/stream1", ["CREDENTIALS_IN_SOURCE"]),
        ("rtsp://192.0.2.1/stream1", []),
        ("http://192.0.2.1/live@high", []),
        ("/dev/video0", []),
        ("", []),
    ],
)
def test_a_password_in_an_address_never_gets_into_the_log(source: str, codes: list[str]) -> None:
    faults = exposed(ConfigureCamera(camera_id="door", command_id="c", source=source))
    assert [fault.code for fault in faults] == codes
    assert "secret" not in str(faults)


def test_every_setting_of_a_camera_can_be_asked_for() -> None:
    wanted = CameraConfigureInput(camera_id=ID("door"), name="Door", masks=[[PointInput(x=0, y=0)] * 3], target_fps=5)
    command = configure_camera(wanted, 2, "c")
    assert command == ConfigureCamera(
        camera_id="door", command_id="c", expected_revision=2, name="Door", target_fps=5, masks=(((0, 0),) * 3,)
    )
    assert {*CameraConfigureInput.__annotations__} == {*ConfigureCamera.__struct_fields__} - OF_EVERY_COMMAND


def test_an_id_used_again_for_something_else_is_refused_and_not_sent() -> None:
    made, _, log = services({outcome: []})
    log.answer = accept
    asyncio.run(made.commands.issue(define()))
    answer = asyncio.run(made.commands.issue(define(zones=())))
    assert [(error.code, error.field) for error in user_errors(answer)] == [("COMMAND_ID_REUSED", ["commandId"])]
    assert len(log.appended) == 1


@pytest.mark.parametrize(
    ("fields", "reused"),
    [
        ({}, False),
        ({"issued_by": "someone-else"}, False),
        ({"expected_revision": 2}, False),
        ({"expected_revision": 3}, True),
        ({"zones": (msgspec.structs.replace(DESK, name="Bench"),)}, True),
    ],
)
def test_another_process_compares_with_what_the_camera_accepted(fields: dict[str, Any], reused: bool) -> None:
    earlier = defined(define(), Appended(0, 9))
    made, _, log = services({outcome: [{"type": "ZonesDefined", "body": msgspec.to_builtins(earlier)}]})
    answer = asyncio.run(made.commands.issue(define(**fields)))
    assert answer == (CommandIdReused() if reused else earlier)
    assert not log.appended


def test_an_id_of_another_kind_of_command_is_refused() -> None:
    earlier = defined(define(), Appended(0, 9))
    made, _, _ = services({outcome: [{"type": "ZonesDefined", "body": msgspec.to_builtins(earlier)}]})
    answer = asyncio.run(made.commands.issue(ConfigureCamera(camera_id="door", command_id="c-1", name="Door")))
    assert answer == CommandIdReused()


def test_an_id_whose_command_was_not_sent_is_free() -> None:
    made, _, log = services({outcome: []})
    log.answer, log.error = accept, ServiceUnavailableError("Kafka is away")
    with pytest.raises(ServiceUnavailableError):
        asyncio.run(made.commands.issue(define()))
    log.error = None
    assert isinstance(asyncio.run(made.commands.issue(define(zones=()))), ZonesDefined)
