"""`aforo export`: copies the folded part of the camera log from Kafka to a file; what the file says is `replay.exporting`'s.

Only what the live fold has acknowledged is exported: before that nobody has judged its signatures.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
from confluent_kafka import KafkaException

from aforo.lag import FOLD_GROUP
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
from stream_processors.runtime.reading import Place, Reader


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
    with Reader(kafka, FOLD_GROUP) as reader:
        folded = _folded(reader, kafka)  # before the refusals: all below is judged, and the verdicts are written
        refused = refusals(_messages(reader, _ends(reader, kafka)), wire)
        yield from records(_messages(reader, folded), wire, Partitioning.of(kafka), refused, cameras)


def _folded(reader: Reader, kafka: KafkaSettings) -> dict[Place, int]:
    """How far the live fold has acknowledged each partition; the reader never joins the group."""
    committed = reader.committed(CAMERA_LOG, range(kafka.partitions))
    if not any(committed.values()):
        raise ExportError("nothing has been folded yet; start `aforo process cameras` and export again")
    return {(CAMERA_LOG, partition): offset or 0 for partition, offset in committed.items()}


def _ends(reader: Reader, kafka: KafkaSettings) -> dict[Place, int]:
    places = [(CAMERA_EVENTS, partition) for partition in range(kafka.partitions)]
    return {place: reader.bounds(*place)[1] for place in places}


def _messages(reader: Reader, ends: dict[Place, int]) -> Iterator[Stored]:
    """Every message below the given ends, partition by partition in order."""
    for place, end in sorted(ends.items()):
        begin, _ = reader.bounds(*place)
        for each in reader.read({place: (begin, end)}):
            yield Stored(each.partition, each.offset, each.appended_at, each.key, each.value)


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
