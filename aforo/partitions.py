"""More partitions without losing the order of a camera: the log begins a new epoch, and states move to where keys belong then.

Everything must be at rest: producers stopped, all records folded and stored, workers stopped. Why so:
docs/decisions/0008-more-partitions-by-a-new-epoch.md.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ConfigSource,
    NewPartitions,
    ResourceType,
)

from aforo.lag import Lag, Readers
from schemas.settings import KafkaSettings
from schemas.signing import Verifier
from schemas.topics import CAMERA_LOG, CAMERA_SNAPSHOTS, CAMERAS_CHANGELOG, topics
from schemas.wire import Wire
from stream_processors.agents.camera_fold import APP, CameraFold, Guarded
from stream_processors.projections.alignment import align
from stream_processors.runtime import changelog
from stream_processors.runtime.changelog import MARKER_KEY, Contents
from stream_processors.runtime.faust_app import SESSION_TIMEOUT_S
from stream_processors.runtime.messages import Outgoing
from stream_processors.runtime.outbox import Outbox
from stream_processors.runtime.partitioning import Partitioning, home
from stream_processors.runtime.reading import Reader
from stream_processors.runtime.recovery import Recovery

_TIMEOUT_S = 30.0
_SETTING = "min.insync.replicas"
_CLOSED = "32767"  # more replicas than any topic has: whoever asks for the acknowledgement of all of them waits


class NotAtRestError(RuntimeError):
    """Something still writes, folds or waits to be stored; nothing was changed."""


def grow(
    kafka: KafkaSettings, wire: Wire, database_url: str, to: int, progress: Callable[[str], None]
) -> KafkaSettings:
    """Give every topic `to` partitions and move the states; returns the settings that all processes need from then on.

    With as many as there are it begins a new epoch all the same: the way on when a log has lost its end.
    Nobody can append to the camera log meanwhile. An interrupted growth is completed by doing it again.

    Raises:
        NotAtRestError: producers or workers still run, or not everything is folded and stored.
        ValueError: `to` is less than there are.
    """
    if to < kafka.partitions:
        raise ValueError(f"there are {kafka.partitions} partitions, and they cannot become fewer")
    admin = AdminClient(kafka.client() | {"log_level": 2})
    with _closed(admin):
        progress("the camera log takes no records now")
        _require_rest(admin, kafka, database_url)
        with Reader(kafka, APP) as reader:
            ends = tuple(reader.bounds(CAMERA_LOG, each)[1] for each in range(kafka.partitions))
        align(kafka, APP, {(CAMERA_LOG, partition): end for partition, end in enumerate(ends)})
        grown = kafka.model_copy(update={"partitions": to, "grown": (*kafka.grown, ends)})
        _add_partitions(admin, to)
        progress(f"all topics have {to} partitions")
        with Reader(kafka, APP) as reader:
            moved = asyncio.run(_move(reader, kafka, grown, wire))
        progress(f"{moved} cameras' states are where they belong")
    return grown


def _require_rest(admin: AdminClient, kafka: KafkaSettings, database_url: str) -> None:
    (group,) = admin.describe_consumer_groups([APP]).values()
    if members := group.result(_TIMEOUT_S).members:
        raise NotAtRestError(
            f"{len(members)} cameras workers still run: stop them; one that was killed is forgotten after {SESSION_TIMEOUT_S:.0f} s"
        )
    with closing(Readers(kafka, database_url)) as readers:
        if (lag := readers.lag()) != Lag(0, 0):
            raise NotAtRestError(
                f"{lag.fold} records are not folded and {lag.database} not stored: "
                "let the workers catch up, with producers stopped, before you stop them"
            )


@contextmanager
def _closed(admin: AdminClient) -> Iterator[None]:
    """Nobody who wants acknowledgements can append to the camera log; clients wait and retry."""
    (described,) = admin.describe_configs([ConfigResource(ResourceType.TOPIC, CAMERA_LOG)]).values()
    before = described.result(_TIMEOUT_S)[_SETTING]
    of_the_topic = before.source == ConfigSource.DYNAMIC_TOPIC_CONFIG.value and before.value != _CLOSED
    _demand(admin, AlterConfigOpType.SET, _CLOSED)
    try:
        yield
    finally:
        _demand(admin, AlterConfigOpType.SET if of_the_topic else AlterConfigOpType.DELETE, before.value)


def _demand(admin: AdminClient, operation: AlterConfigOpType, replicas: str) -> None:
    entry = ConfigEntry(_SETTING, replicas, incremental_operation=operation)
    wanted = ConfigResource(ResourceType.TOPIC, CAMERA_LOG, incremental_configs=[entry])
    (done,) = admin.incremental_alter_configs([wanted]).values()
    done.result(_TIMEOUT_S)


def _add_partitions(admin: AdminClient, to: int) -> None:
    """Return when the brokers' metadata show them."""
    there = admin.list_topics(timeout=_TIMEOUT_S).topics
    fewer = [name for name in topics() if len(there[name].partitions) < to]
    if fewer:
        for done in admin.create_partitions([NewPartitions(name, to) for name in fewer]).values():
            done.result(_TIMEOUT_S)
    while any(len(admin.list_topics(name, _TIMEOUT_S).topics[name].partitions) < to for name in fewer):
        time.sleep(0.1)


async def _move(reader: Reader, before: KafkaSettings, after: KafkaSettings, wire: Wire) -> int:
    """States first, their markers when all of them are durable; so a marker of the new epoch means that all were moved."""
    outbox, epoch = Outbox(after), len(after.grown)
    if not any(each.marker.epoch == epoch for each in _changelog(reader, before).values()):
        await outbox.write(
            _moved(_states(reader, before, wire), CameraFold(wire, Verifier({}), Partitioning.of(after)), after)
        )
    stored = {
        partition: {key: entry.next_offset for key, entry in contents.entries.items()}
        for partition, contents in _changelog(reader, after).items()
    }
    await outbox.write(
        (
            partition,
            Outgoing(CAMERAS_CHANGELOG, MARKER_KEY, changelog.encode_marker(epoch, _begin(after, partition), states)),
        )
        for partition, states in stored.items()
    )
    return sum(map(len, stored.values()))


def _changelog(reader: Reader, kafka: KafkaSettings) -> dict[int, Contents]:
    contents = {partition: Contents(len(kafka.grown)) for partition in range(kafka.partitions)}
    for record in reader.read({(CAMERAS_CHANGELOG, each): reader.bounds(CAMERAS_CHANGELOG, each) for each in contents}):
        contents[record.partition].add(record.key, record.value)
    return contents


def _states(reader: Reader, kafka: KafkaSettings, wire: Wire) -> dict[bytes, Guarded]:
    partitioning = Partitioning.of(kafka)
    fold = CameraFold(wire, Verifier({}), partitioning)
    restored = Recovery(reader, fold, CAMERA_LOG, CAMERAS_CHANGELOG, partitioning)(range(kafka.partitions))
    return {
        key: reached.state
        for partition, each in restored.items()
        for key, reached in each.states.items()
        if home(key, kafka.partitions) == partition  # what stood elsewhere was refused, and counted at most
    }


def _moved(states: dict[bytes, Guarded], fold: CameraFold, kafka: KafkaSettings) -> Iterator[tuple[int, Outgoing]]:
    """Each state in the changelog of its new partition, and beside the hourly snapshots, where a replay may begin."""
    for key, state in states.items():
        partition = home(key, kafka.partitions)
        begin = _begin(kafka, partition)
        snapshot = fold.dump(state, partition, begin)
        yield partition, Outgoing(CAMERAS_CHANGELOG, key, changelog.encode(len(kafka.grown), begin, snapshot))
        yield partition, Outgoing(CAMERA_SNAPSHOTS, key, fold.snapshot(state, partition, begin))


def _begin(kafka: KafkaSettings, partition: int) -> int:
    return Partitioning.of(kafka).begin(partition)
