"""The account of a camera log: folds it again offline and compares, byte for byte, with what was published and stored.

Every record must be folded or named as refused; every output must be there, the same, and in the database.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Consumer, Message, TopicPartition
from confluent_kafka.admin import AdminClient
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from aforo.lag import ends
from schemas.events import Event, FrameObserved, TracksObserved, ZoneEntered, ZoneExited, ZoneMinuteMeasured
from schemas.settings import KafkaSettings
from schemas.signing import Verifier
from schemas.topics import CAMERA_EVENTS, CAMERA_LOG, DEAD_LETTERS, TRACKS, ZONE_MINUTES, ZONE_VISITS
from schemas.wire import UndecodableError, Wire
from stream_processors.agents.cameras import CameraFold
from stream_processors.domain.camera import CameraState
from stream_processors.runtime.checkpoint import Message as Source

FACTS = (TRACKS, ZONE_VISITS, ZONE_MINUTES, CAMERA_EVENTS)
_POLL_S = 10.0
_LATEST_VISITS = """
SELECT camera_id, track_no, zone_id, (extract(epoch FROM entered_at) * 1000)::bigint,
       (extract(epoch FROM exited_at) * 1000)::bigint FROM zone_visits"""
_MINUTES = """
SELECT camera_id, zone_id, (extract(epoch FROM minute) * 1000)::bigint, zones_revision,
       person_ms, exclusive_person_ms, occupied_ms, observed_ms, frames, peak FROM zone_minutes"""

Rows = Counter[tuple[Any, ...]]


@dataclass(slots=True)
class Account:
    """What the comparison found; `faults` is empty when nothing was lost, doubled or changed."""

    read: int = 0
    frames: int = 0
    folded: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    outputs: int = 0
    duplicates: int = 0  # repeated byte for byte after a crash; readers drop them
    contradictory: int = 0
    lost: int = 0
    visits: int = 0
    minutes: int = 0
    wrong_rows: int = 0
    dead_letters: int = 0

    @property
    def faults(self) -> list[str]:
        """What must not be."""
        unaccounted = self.frames - self.folded - sum(self.refused.values())
        found = {
            "frames neither folded nor refused": unaccounted,
            "contradictory outputs": self.contradictory,
            "lost outputs": self.lost,
            "wrong database rows": self.wrong_rows,
        }
        return [f"{count} {what}" for what, count in found.items() if count]


def audit(kafka: KafkaSettings, wire: Wire, verifier: Verifier, database_url: str) -> Account:
    """Fold the whole camera log again and compare. The log must be at rest and everything caught up with it."""
    account = Account()
    expected = asyncio.run(_refold(account, _records(kafka, [CAMERA_LOG]), wire, verifier))
    published = Counter((message.topic(), message.value()) for message in _records(kafka, FACTS))
    account.folded = sum(
        isinstance(wire.decode(value), TracksObserved) for topic, value in published if topic == TRACKS
    )
    account.outputs = len(published)
    account.duplicates = published.total() - len(published)
    account.contradictory = len(published.keys() - expected)
    account.lost = len(expected - published.keys())
    account.dead_letters = sum(1 for _ in _records(kafka, [DEAD_LETTERS]))
    _compare_database(account, [wire.decode(value) for _, value in expected], database_url)
    return account


async def _refold(account: Account, log: Iterable[Message], wire: Wire, verifier: Verifier) -> set[tuple[str, bytes]]:
    """What the fold says of the log: every output with its topic."""
    fold = CameraFold(wire, verifier)
    states: dict[bytes, CameraState] = {}
    expected: set[tuple[str, bytes]] = set()
    for message in log:
        source = _source(message)
        key = fold.key(source)
        state = states.get(key) or fold.restore(key, source.partition, None)[0]
        states[key], outputs = await fold.apply(state, source)
        expected |= {(output.topic, output.value) for output in outputs if output.topic in FACTS}
        account.read += 1
        account.frames += _is_frame(wire, source)
    for state in states.values():
        account.refused.update(state.admission.refused)
    return expected


def _is_frame(wire: Wire, source: Source) -> bool:
    """Whether a record is a frame; one that cannot be read goes to the dead letters and is counted there."""
    try:
        return isinstance(wire.decode(source.value), FrameObserved)
    except UndecodableError:
        return False


def _compare_database(account: Account, expected: list[Event], database_url: str) -> None:
    visits = _visits(expected)
    minutes = Counter(
        (each.camera_id, each.zone_id, each.minute, each.zones_revision, each.person_ms, each.exclusive_person_ms,
         each.occupied_ms, each.observed_ms, each.frames, each.peak)
        for each in expected if isinstance(each, ZoneMinuteMeasured)
    )  # fmt: skip
    account.visits, account.minutes = visits.total(), minutes.total()
    for wanted, statement in ((visits, _LATEST_VISITS), (minutes, _MINUTES)):
        found = _rows(database_url, statement)
        account.wrong_rows += (wanted - found).total() + (found - wanted).total()


def _visits(expected: list[Event]) -> Rows:
    """Every visit once: closed where an exit says so, open otherwise."""
    exits: dict[tuple[Any, ...], int | None] = {}
    for each in sorted((each for each in expected if isinstance(each, ZoneEntered | ZoneExited)), key=_position):
        visit = (each.camera_id, each.track_no, each.zone_id, each.entered_at)
        exits[visit] = each.exited_at if isinstance(each, ZoneExited) else None
    return Counter((*visit, exited_at) for visit, exited_at in exits.items())


def _position(event: ZoneEntered | ZoneExited) -> tuple[int, int]:
    return event.position.offset, event.position.index


def _rows(database_url: str, statement: str) -> Rows:
    engine = create_engine(database_url, poolclass=NullPool)
    with engine.connect() as connection:
        return Counter(tuple(row) for row in connection.execute(text(statement)))


def _records(kafka: KafkaSettings, topics: Iterable[str]) -> Iterator[Message]:
    """Every record of the topics up to their present ends, partition by partition in order."""
    consumer = Consumer(kafka.client() | {"group.id": "aforo-audit", "enable.auto.commit": False})
    try:
        admin = AdminClient(kafka.client())
        for (topic, partition), end in sorted(ends(admin, topics, range(kafka.partitions)).items()):
            yield from _partition(consumer, topic, partition, end)
    finally:
        consumer.close()


def _partition(consumer: Consumer, topic: str, partition: int, end: int) -> Iterator[Message]:
    position, _ = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=_POLL_S)
    consumer.assign([TopicPartition(topic, partition, position)])
    while position < end:
        message = consumer.poll(_POLL_S)
        if message is None or message.error():
            raise ConnectionError(f"{topic}/{partition} could not be read to its end at {end}")
        position = message.offset() + 1
        yield message


def _source(message: Message) -> Source:
    return Source(
        topic=message.topic(),
        partition=message.partition(),
        offset=message.offset(),
        appended_at=message.timestamp()[1],
        key=message.key(),
        value=message.value(),
        headers=message.headers() or [],
    )
