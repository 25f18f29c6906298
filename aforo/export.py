"""`aforo export`: copies the folded part of the camera log from Kafka to a file; what the file says is `replay.exporting`'s.

Only what the live fold has acknowledged is exported: before that nobody has judged its signatures.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from aforo.lag import FOLD_GROUP, ends
from aforo.settings import Settings
from schemas.registry import HttpRegistry, RegistryUnavailableError
from schemas.settings import KafkaSettings
from schemas.topics import CAMERA_EVENTS, CAMERA_LOG
from schemas.wire import UndecodableError, Wire
from stream_processors.replay.containers import write_container
from stream_processors.replay.errors import ExportError
from stream_processors.replay.exporting import Stored, records, refusals
from stream_processors.replay.lines import Logged, to_json
from stream_processors.runtime.partitioning import Partitioning

POLL_S = 10.0


def run(settings: Settings, output: Path, cameras: frozenset[str]) -> Counter[str]:
    """Write the log to `output`, which appears when all is written; returns how many records of each kind it holds.

    Raises:
        click.ClickException: nothing has been folded yet, or the log cannot be read to its end.
    """
    try:
        return write(output, exported(settings.kafka, Wire(HttpRegistry(settings.registry.url)), cameras))
    except (ExportError, OSError, KafkaException, RegistryUnavailableError, UndecodableError) as error:
        raise click.ClickException(str(error)) from error


def exported(kafka: KafkaSettings, wire: Wire, cameras: frozenset[str]) -> Iterator[Logged]:
    """The records of the log, partition by partition.

    Raises:
        ExportError: nothing has been folded yet.
        ConnectionError: the log cannot be read to its end.
    """
    consumer = Consumer(kafka.client() | {"group.id": FOLD_GROUP, "enable.auto.commit": False})
    try:
        folded = _folded(
            consumer, kafka
        )  # before the refusals: all that lies below is judged, and the verdicts are written
        refused = refusals(
            _messages(consumer, ends(AdminClient(kafka.client()), [CAMERA_EVENTS], range(kafka.partitions))), wire
        )
        yield from records(_messages(consumer, folded), wire, Partitioning.of(kafka), refused, cameras)
    finally:
        consumer.close()


def _folded(consumer: Consumer, kafka: KafkaSettings) -> dict[tuple[str, int], int]:
    """How far the live fold has acknowledged each partition; the consumer never joins the group."""
    wanted = [TopicPartition(CAMERA_LOG, number) for number in range(kafka.partitions)]
    found = {(each.topic, each.partition): max(each.offset, 0) for each in consumer.committed(wanted, timeout=POLL_S)}
    if not any(found.values()):
        raise ExportError("nothing has been folded yet; start `aforo process cameras` and export again")
    return found


def _messages(consumer: Consumer, ends: dict[tuple[str, int], int]) -> Iterator[Stored]:
    """Every message below the given ends, partition by partition in order."""
    for (topic, partition), end in sorted(ends.items()):
        position, _ = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=POLL_S)
        consumer.assign([TopicPartition(topic, partition, position)])
        while position < end:
            message = consumer.poll(POLL_S)
            if message is None or message.error():
                raise ConnectionError(f"{topic}/{partition} could not be read to its end at {end}; is the broker up?")
            position = message.offset() + 1
            appended_at = message.timestamp()[1]
            yield Stored(partition, message.offset(), appended_at, message.key(), message.value())


def write(output: Path, log: Iterable[Logged]) -> Counter[str]:
    """Write records to `output`, an Avro container if it is called so; returns how many of each kind."""
    partial = output.with_name(f".{output.name}.partial")
    counts: Counter[str] = Counter()
    try:
        with partial.open("wb") as file:
            if output.suffix == ".avro":
                write_container(file, _counted(log, counts))
            else:
                file.writelines(map(to_json, _counted(log, counts)))
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)
    return counts


def _counted(log: Iterable[Logged], counts: Counter[str]) -> Iterator[Logged]:
    for each in log:
        counts[type(each.record).__name__] += 1
        yield each
