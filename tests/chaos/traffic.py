"""Writes the logs of many cameras at once into Kafka, steadily and in bursts, and keeps what the broker acknowledged."""

import hashlib
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain, count
from random import Random
from typing import Any, Self

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from schemas.settings import KafkaSettings
from schemas.topics import CAMERA_LOG
from tests.chaos.crowd import frames
from tests.chaos.mishaps import MISHAPS, Pen, Record

MISHAPS_PER_FRAME = 0.03
OUTAGES_PER_FRAME = 0.01
LONGEST_OUTAGE_FRAMES = 120
FLUSH_WITHIN_S = 120.0

Place = tuple[int, int]  # partition, offset


@dataclass(slots=True)
class Sent:
    """How many records were written, and of those acknowledged where the broker says each stands, and its digest."""

    records: int = 0
    acknowledged: dict[Place, bytes] = field(default_factory=dict)


def digest(key: bytes | None, value: bytes | None) -> bytes:
    """A short name of a record's bytes."""
    return hashlib.blake2b(b"%r\0%s" % (key, value or b""), digest_size=8).digest()


def camera_log(camera_id: str, seed: int, begins_at: int, pen: Pen) -> Iterator[list[Record]]:
    """What a camera's edge and others write, frame by frame; while the edge's link is down nothing, then all of it."""
    random = Random(f"{seed}/{camera_id}/log")
    spool: list[Record] = []
    outage = 0
    for frame in frames(camera_id, seed, begins_at):
        spool.append(pen.plain(frame))
        if frame.seq == 0:
            spool += MISHAPS["new zones"].records(pen, frame)
        elif random.random() < MISHAPS_PER_FRAME:
            spool += random.choice(list(MISHAPS.values())).records(pen, frame, random)
        if not outage and random.random() < OUTAGES_PER_FRAME:
            outage = random.randint(1, LONGEST_OUTAGE_FRAMES)
        outage = max(outage - 1, 0)
        yield [] if outage else spool
        spool = spool if outage else []


class Traffic:
    """Sends every camera's log, `rate` frames a second each, in a thread of its own."""

    def __init__(self, kafka: KafkaSettings, logs: Sequence[Iterator[list[Record]]], rate: float) -> None:
        self.sent = Sent()
        self._logs = logs
        self._rate = rate
        self._ending = threading.Event()
        self._producer = Producer(kafka.producer() | {"message.timeout.ms": 0, "log_level": 2})
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="traffic")
        self._work = self._pool.submit(self._send_all)

    @property
    def frames_per_s(self) -> float:
        """Of all cameras together."""
        return self._rate * len(self._logs)

    def has_sent(self, records: int) -> bool:
        """Whether it has written so many; raises what ended it, if something did."""
        if self._work.done():
            self._work.result()
        return self.sent.records >= records

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._pool.shutdown()
        self._producer.purge()

    def finish(self) -> Sent:
        """Send no more, and return what was written when the broker has acknowledged all of it.

        Raises:
            KafkaException: it refused a record.
            TimeoutError: it did not answer.
        """
        self._ending.set()
        self._work.result()
        if self._producer.flush(FLUSH_WITHIN_S):
            raise TimeoutError(f"{len(self._producer)} records were not acknowledged in {FLUSH_WITHIN_S:.0f} s")
        return self.sent

    def _send_all(self) -> None:
        """On time; behind schedule, as fast as it can."""
        began = time.monotonic()
        for tick in count():
            if self._ending.wait(max(began + tick / self._rate - time.monotonic(), 0)):
                return
            for record in chain.from_iterable(map(next, self._logs)):
                self._send(record)
            self._producer.poll(0)

    def _send(self, record: Record) -> None:
        elsewhere: dict[str, Any] = {} if record.partition is None else {"partition": record.partition}
        self._producer.produce(
            CAMERA_LOG,
            key=record.key,
            value=record.value,
            headers=record.headers,
            on_delivery=self._delivered,
            **elsewhere,
        )
        self.sent.records += 1

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        """Called by `poll` and `flush`, which raise what this raises."""
        if error is not None:
            raise KafkaException(error)
        self.sent.acknowledged[message.partition(), message.offset()] = digest(message.key(), message.value())
