"""Commands to cameras: signed, appended to the camera's log, and answered by what the fold then says.

A command id that was answered before gets the same answer again, from memory or from the database, and is not sent. What
was accepted stands in the answer, so an id that is used again for something else is found out by any process.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from time import monotonic, time
from typing import Protocol, TypeVar

import msgspec
import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from graphql_api.database import ReadModel
from graphql_api.errors import QueryTimeoutError, ServiceUnavailableError
from graphql_api.metrics import COMMAND_SECONDS
from graphql_api.sql.commands import outcome
from graphql_api.wakeup import Wakeup
from schemas.events import (
    RECORDS,
    CameraConfigured,
    Command,
    CommandRefused,
    ConfigureCamera,
    DefineZones,
    Event,
    RecordRefused,
    ZonesDefined,
)
from schemas.registry import RegistryUnavailableError
from schemas.settings import KafkaSettings
from schemas.signing import VALID_FOR_MS, Signer
from schemas.topics import CAMERA_LOG
from schemas.wire import Wire

Accepted = ZonesDefined | CameraConfigured
Answer = Accepted | CommandRefused | RecordRefused
_KEPT = 1_000
_ACCEPTED_AS: dict[type[Command], type[Accepted]] = {DefineZones: ZonesDefined, ConfigureCamera: CameraConfigured}

K = TypeVar("K")
V = TypeVar("V")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Appended:
    """Where a record stands in the camera log."""

    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class CommandIdReused:
    """The id belongs to another command to the same camera; this one was not carried out."""


class CommandLog(Protocol):
    """Appends commands to the camera log."""

    def append(self, command: Command, timeout_s: float) -> Appended | None:
        """Append and wait for the broker's word; None when it does not come in time. Blocks.

        Raises:
            ServiceUnavailableError: the command was certainly not appended.
        """
        ...


class KafkaCommandLog:
    """The camera log on Kafka; each record is signed."""

    def __init__(self, kafka: KafkaSettings, wire: Wire, signer: Signer, timeout_s: float) -> None:
        own = {"message.timeout.ms": int(timeout_s * 1000), "linger.ms": 0, "error_cb": _ignore, "log_level": 2}
        self._producer = Producer(kafka.producer() | own)
        self._wire = wire
        self._signer = signer

    def append(self, command: Command, timeout_s: float) -> Appended | None:
        """As `CommandLog.append` says."""
        delivered: list[Appended] = []

        def report(error: KafkaError | None, message: Message) -> None:
            if error is None:
                delivered.append(Appended(message.partition(), message.offset()))

        body = self._encoded(command)
        expires_at = int(time() * 1000) + VALID_FOR_MS
        headers = self._signer.headers(command.camera_id, body, expires_at)
        try:
            self._producer.produce(CAMERA_LOG, body, command.camera_id.encode(), headers=headers, on_delivery=report)
        except (BufferError, KafkaException) as error:
            raise ServiceUnavailableError("Kafka does not take commands now. Try again later.") from error
        self._producer.flush(timeout_s)
        return delivered[0] if delivered else None

    def topics(self, timeout_s: float) -> None:
        """Ask the broker for its topics; blocks.

        Raises:
            KafkaException: it does not answer.
        """
        self._producer.list_topics(timeout=timeout_s)

    def close(self) -> None:
        """Let go of the broker; what it has not taken by now is dropped, and its senders were told TIMEOUT."""
        self._producer.purge()
        self._producer.close()

    def _encoded(self, command: Command) -> bytes:
        try:
            return self._wire.encode(command)
        except RegistryUnavailableError as error:
            raise ServiceUnavailableError("The schema registry is away. Try again later.") from error


class Commands:
    """Issues commands and matches them with answers; belongs to the event loop."""

    def __init__(self, appender: CommandLog, database: ReadModel, timeout_s: float) -> None:
        self._log = appender
        self._database = database
        self._timeout_s = timeout_s
        self._answers: OrderedDict[tuple[str, str | Appended], Answer] = OrderedDict()
        self._asked: OrderedDict[tuple[str, str], Command] = OrderedDict()
        self._wakeup = Wakeup()

    def heard(self, event: Event) -> None:
        """Remember what a camera answered, and wake who waits for it."""
        match event:
            case ZonesDefined() | CameraConfigured() | CommandRefused():
                key: str | Appended = event.command_id
            case RecordRefused():
                key = Appended(event.position.partition, event.position.offset)
            case _:
                return
        self._answers.setdefault((event.camera_id, key), event)
        if len(self._answers) > _KEPT:
            self._answers.popitem(last=False)
        self._wakeup.notify()

    async def issue(self, command: Command) -> Answer | CommandIdReused | None:
        """The camera's answer to `command`; None when there was none in time, and it may still be carried out.

        Raises:
            ServiceUnavailableError: the command was certainly not sent.
        """
        began = monotonic()
        answer = await self._outcome(command)
        COMMAND_SECONDS.labels(type(command).__name__, type(answer).__name__).observe(monotonic() - began)
        return answer

    async def _outcome(self, command: Command) -> Answer | CommandIdReused | None:
        key = (command.camera_id, command.command_id)
        if not _same(_remember(self._asked, key, command), command):
            return CommandIdReused()
        try:
            answer = await self._known(command) or await self._sent(command) or await self._known(command)
        except ServiceUnavailableError:
            self._asked.pop(key, None)  # it was not sent, so its id is free
            raise
        return answer if answer is None or answers(answer, command) else CommandIdReused()

    async def _known(self, command: Command) -> Answer | None:
        answer = self._answers.get((command.camera_id, command.command_id))
        return answer or await self._stored(command)

    async def _stored(self, command: Command) -> Answer | None:
        try:
            rows = await self._database.run(outcome, command.camera_id, command.command_id)
        except (ServiceUnavailableError, QueryTimeoutError):
            return None  # the camera itself refuses to carry out an id twice
        return _restored(rows[0]["type"], rows[0]["body"]) if rows else None

    async def _sent(self, command: Command) -> Answer | None:
        try:
            async with asyncio.timeout(self._timeout_s):
                where = await asyncio.to_thread(self._log.append, command, self._timeout_s)
                return await self._answer(command, where)
        except TimeoutError:
            log.warning(
                "a command was not answered in time", camera_id=command.camera_id, command_id=command.command_id
            )
            return None

    async def _answer(self, command: Command, where: Appended | None) -> Answer:
        keys: list[str | Appended] = [command.command_id, *([where] if where else [])]
        while True:
            for key in keys:
                if answer := self._answers.get((command.camera_id, key)):
                    return answer
            await self._wakeup.wait()


def answers(answer: Answer, command: Command) -> bool:
    """Whether it is this command that was answered, and not another one of the same id; a refusal names the kind only."""
    match answer:
        case RecordRefused():
            return True
        case CommandRefused():
            return answer.command == type(command).__name__
    if not isinstance(answer, _ACCEPTED_AS[type(command)]):
        return False
    agreed = all(getattr(answer, name) == getattr(command, name) for name in _content(command))
    return agreed and command.expected_revision in {None, answer.revision - 1}


def _same(one: Command, other: Command) -> bool:
    """Whether two commands of one id ask for the same, whoever issued them."""
    return msgspec.structs.replace(one, issued_by=other.issued_by) == other


def _content(command: Command) -> list[str]:
    return [name for name in command.__struct_fields__ if name not in Command.__struct_fields__]


def _remember(memory: OrderedDict[K, V], key: K, value: V) -> V:
    """What the memory holds under `key`: what was there, else `value`; the oldest are forgotten."""
    kept = memory.setdefault(key, value)
    if len(memory) > _KEPT:
        memory.popitem(last=False)
    return kept


def _restored(record: str, body: dict[str, object]) -> Answer:
    fields = {name: value for name, value in body.items() if name != "type"}
    answer = msgspec.convert(fields | {"type": record}, RECORDS[record])
    assert isinstance(answer, ZonesDefined | CameraConfigured | CommandRefused | RecordRefused)
    return answer


def _ignore(error: KafkaError) -> None:
    """A lost broker shows in the command's own outcome and in /readyz."""
    del error
