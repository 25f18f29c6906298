"""How the streams are doing, as data: readers, cameras, dead letters, and what is wrong with a next step. It must not print."""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition
from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from aforo.dead_letters import DeadLetters, LetterError, Wanted
from aforo.lag import PROJECTED, Offsets, Readers
from schemas.settings import KafkaSettings
from schemas.topics import CAMERA_LOG

LATE_AFTER_S = 60.0
_TIMEOUT_S = 10.0
_CAMERAS = text(
    """SELECT camera_id, site_id, status, status_reason, accepted, refused,
              (extract(epoch FROM last_seen_at) * 1000)::bigint AS watermark
       FROM cameras ORDER BY camera_id"""
)


@dataclass(frozen=True, slots=True)
class Reading:
    """How far one reader of one partition is.

    Attributes:
        reader: `fold` (the cameras app) or `database` (the projector).
        topic: what it reads.
        partition: of that topic.
        next_offset: the first record it has not taken.
        behind: records it has not taken.
        oldest_s: age of the first of them, 0 without any.
    """

    reader: str
    topic: str
    partition: int
    next_offset: int
    behind: int
    oldest_s: float


@dataclass(frozen=True, slots=True)
class CameraHealth:
    """A camera as the database knows it; `watermark` is event time in UTC ms, None before its first frame."""

    camera_id: str
    site_id: str
    status: str
    reason: str
    watermark: int | None
    accepted: int
    refused: dict[str, int]


@dataclass(slots=True)
class Health:
    """All of it; `problems` say what is wrong and what to do, and are empty when nothing is."""

    readings: list[Reading] = field(default_factory=list)
    cameras: list[CameraHealth] = field(default_factory=list)
    dead_letters: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def look(kafka: KafkaSettings, database_url: str) -> Health:
    """Ask broker and database; what does not answer is a problem, and the rest is still told."""
    health = Health()
    try:
        health.readings = list(_readings(kafka, database_url))
        health.dead_letters = _letters(kafka)
    except (KafkaException, LetterError, TimeoutError) as error:
        health.problems.append(
            f"Kafka does not answer: {str(error) or 'no answer in time'}. Start it (`aforo up`), or check AFORO_KAFKA__BOOTSTRAP"
        )
    except SQLAlchemyError as error:
        health.problems.append(_away(error))
    try:
        health.cameras = list(_cameras(database_url))
    except SQLAlchemyError as error:
        health.problems.append(_away(error))
    health.problems = list(dict.fromkeys([*health.problems, *judged(health)]))
    return health


def judged(health: Health) -> Iterator[str]:
    """What is wrong with what was found, and what to do about it."""
    for reader, process in (("fold", "cameras"), ("database", "projector")):
        late = [each for each in health.readings if each.reader == reader and each.oldest_s > LATE_AFTER_S]
        if late:
            worst = max(late, key=lambda each: each.oldest_s)
            yield (
                f"the {reader} is {worst.oldest_s:.0f} s behind on {worst.topic}/{worst.partition}: is `aforo process "
                f"{process}` running? Its log says what it waits for"
            )
    if health.dead_letters:
        yield f"{sum(health.dead_letters.values())} dead letters: `aforo dead-letters list` shows them"
    for camera in health.cameras:
        if camera.refused.get("QUARANTINED"):
            yield (
                f"camera {camera.camera_id} sent frames that could not be folded and was quarantined: "
                f"`aforo dead-letters list --camera {camera.camera_id}` shows what they were"
            )


def _readings(kafka: KafkaSettings, database_url: str) -> Iterator[Reading]:
    readers = Readers(kafka, database_url)
    peek = Consumer(kafka.client() | {"group.id": "aforo-status", "enable.auto.commit": False, "log_level": 0})
    try:
        yield from _reader(peek, "fold", readers.ends([CAMERA_LOG]), readers.folded())
        yield from _reader(peek, "database", readers.ends(PROJECTED), readers.projected())
    finally:
        peek.close()
        readers.close()


def _reader(peek: Consumer, reader: str, ends: Offsets, read: Offsets) -> Iterator[Reading]:
    for (topic, partition), end in sorted(ends.items()):
        next_offset = read.get((topic, partition), 0)
        behind = max(end - next_offset, 0)
        oldest_s = _age_s(peek, topic, partition, next_offset) if behind else 0.0
        yield Reading(reader, topic, partition, next_offset, behind, oldest_s)


def _age_s(peek: Consumer, topic: str, partition: int, offset: int) -> float:
    """How long ago the first record from `offset` on was written."""
    first, _ = peek.get_watermark_offsets(TopicPartition(topic, partition), timeout=_TIMEOUT_S)
    peek.assign([TopicPartition(topic, partition, max(first, offset))])
    message = peek.poll(_TIMEOUT_S)
    if message is None or message.error():
        return 0.0
    _, written_at = message.timestamp()
    return float(max(time.time() - written_at / 1_000, 0.0))


def _letters(kafka: KafkaSettings) -> dict[str, int]:
    with DeadLetters(kafka) as letters:
        return dict(Counter(letter.reason for letter in letters.find(Wanted())))


def _cameras(database_url: str) -> Iterator[CameraHealth]:
    engine = create_engine(database_url, poolclass=NullPool)
    with engine.connect() as connection:
        for row in connection.execute(_CAMERAS).mappings():
            fields: dict[str, Any] = dict(row)
            yield CameraHealth(reason=fields.pop("status_reason"), **fields)


def _away(error: SQLAlchemyError) -> str:
    reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
    return f"the database does not answer: {reason}. Start it (`aforo up`), or check AFORO_DATABASE__URL"
