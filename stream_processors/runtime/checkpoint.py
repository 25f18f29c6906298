"""The checkpointed batch agent: the one way Aforo folds a topic with Faust.

Order of durability: outputs of all records below N, then the states at N, then their marker, then N committed. A crash
anywhere repeats outputs byte for byte and changes no state. Faust delivers records and keeps the group; its tables, its
producer and its acknowledgements in passing are not used: docs/decisions/0003 and 0007.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import faust
import structlog
from confluent_kafka import KafkaException

from schemas.settings import KafkaSettings
from stream_processors.runtime import changelog, fail_points, metrics
from stream_processors.runtime.consumer_lag import ConsumerLag
from stream_processors.runtime.exits import REFUSED_TO_START, STOOD_STILL
from stream_processors.runtime.faust_app import SESSION_TIMEOUT_S, raw_topic
from stream_processors.runtime.messages import Message, Outgoing, Refused
from stream_processors.runtime.partitioning import Partitioning
from stream_processors.runtime.reading import Reader
from stream_processors.runtime.recovery import Reached, Recoverable, Recovery, Restored
from stream_processors.runtime.snapshots import UnusableSnapshotError

CHECKPOINT_INTERVAL_S = 1.0
BATCH_RECORDS = 256
BATCH_WITHIN_S = 0.01
FROZEN_AFTER_S = SESSION_TIMEOUT_S / 2
RETRY_S = 1.0
_LOOK_S = 0.05
_LATE_OUTPUTS_S = 5.0

log = structlog.get_logger()
State = TypeVar("State")


class HoleError(RuntimeError):
    """Delivery skipped records of the log; the worker stops before it folds past them, and starts where it committed."""


class UnfinishedError(RuntimeError):
    """Partitions went away before what was folded of them was durable."""


class Fold(Recoverable[State], Protocol[State]):
    """What the agent runs: a state for each key, bytes in, bytes out."""

    async def apply(
        self, state: State, message: Message, refused: Refused | None = None
    ) -> tuple[State, list[Outgoing]]:
        """Fold one record, or refuse it as it was before a crash; the same state object when it changed nothing.

        An error here is a bug of the shell: the worker stops and the record is delivered again.
        """
        ...

    def dump(self, state: State, partition: int, next_offset: int) -> bytes:
        """The snapshot that says: all below `next_offset` is in `state`."""
        ...


class Writer(Protocol):
    """Writes records and returns when they are durable: `outbox.Outbox`."""

    async def write(self, records: Iterable[tuple[int, Outgoing]]) -> None:
        """Write (partition, record) pairs."""
        ...


@dataclass(frozen=True, slots=True)
class Held(Generic[State]):
    """A state this worker answers for, and its partition."""

    state: State
    partition: int


@dataclass(slots=True)
class _Folded(Generic[State]):
    """A key's state in memory, and how far it has got."""

    state: State
    next_offset: int
    dirty: bool = False


class _Partition(Generic[State]):
    """What this worker knows of a partition it owns."""

    def __init__(self, restored: Restored[State]) -> None:
        self.next_offset = restored.next_offset  # what must come next
        self.refused = restored.refused
        self.stored = restored.stored  # how far each state in the changelog has got
        self.folded = {key: self._take(key, reached) for key, reached in restored.states.items()}

    def _take(self, key: bytes, reached: Reached[State]) -> _Folded[State]:
        return _Folded(reached.state, reached.next_offset, dirty=self.stored.get(key) != reached.next_offset)

    def expect(self, message: Message) -> None:
        """Offsets of a log that is neither compacted nor transactional follow each other; repeated ones do no harm."""
        if message.offset > self.next_offset:
            raise HoleError(
                f"{message.topic}/{message.partition}: offset {self.next_offset} should have come, "
                f"but {message.offset} came"
            )
        self.next_offset = max(self.next_offset, message.offset + 1)


class CheckpointedAgent(Generic[State]):
    """Runs a fold over `source` in `app`, one instance an app. States are kept in the topic `changelog`.

    `idle(held)` is called about every second with every state of this worker's partitions, for what must happen without a
    record. It may be a little behind the fold and must not change a state.
    """

    def __init__(
        self,
        app: faust.App,
        kafka: KafkaSettings,
        outbox: Writer,
        fold: Fold[State],
        *,
        source: str,
        changelog: str,
        idle: Callable[[dict[bytes, Held[State]]], Awaitable[None]] | None = None,
    ) -> None:
        self._app = app
        self._kafka = kafka
        self._partitioning = Partitioning.of(kafka)
        self._outbox = outbox
        self._fold = fold
        self._source = source
        self._changelog = changelog
        self._idle = idle
        self._partitions: dict[int, _Partition[State]] = {}
        self._pending: list[Any] = []
        self._lag = ConsumerLag(app, source)
        self._lock = asyncio.Lock()
        self._beat = _now()
        # Not on assignment: Faust sends that signal late, when records may have been folded already.
        app.on_partitions_revoked.connect(self._forget)
        app.agent(raw_topic(app, source), name=f"{app.conf.id}.fold")(self._run)

    async def _forget(self, *_args: Any, **_kwargs: Any) -> None:
        """Partitions are given up, after Faust waited for the last checkpoint: others may go on with their states.

        Raises:
            UnfinishedError: it did not wait; the worker stops, and what was not checkpointed is delivered again.
        """
        fail_points.reached("at-revocation")
        if self._pending:
            raise UnfinishedError(f"partitions were revoked with {len(self._pending)} records not checkpointed")
        self._partitions.clear()

    async def _run(self, stream: Any) -> None:
        self._beat = _now()
        background = [asyncio.create_task(self._tick()), asyncio.create_task(self._keep_beat())]
        try:
            async for batch in stream.noack_take(BATCH_RECORDS, within=BATCH_WITHIN_S):
                async with self._lock:
                    self._end_if_frozen()
                    await self._take_up({event.message.partition for event in batch})
                    await self._fold_batch(batch)
        finally:
            for task in background:
                task.cancel()

    async def _tick(self) -> None:
        """A plain task and no app.timer: it must go on while Faust waits for the stream to run empty."""
        try:
            while True:
                await self._until_due()
                await self.checkpoint()
                if self._idle is not None:
                    await self._idle(self._held())
        except Exception as error:  # noqa: BLE001 - fail-stop: whatever it is, the worker ends and is started again
            log.critical("the worker stops and will be started again", error=repr(error))
            await self._app.crash(error)

    async def _until_due(self) -> None:
        """Until the next checkpoint; at once when others wait for the partitions."""
        due = _now() + CHECKPOINT_INTERVAL_S
        while _now() < due and not self._is_waited_for():  # noqa: ASYNC110 - Faust tells nobody when that begins
            await asyncio.sleep(_LOOK_S)

    def _is_waited_for(self) -> bool:
        return bool(self._pending and (self._app.rebalancing or self._app.should_stop))

    async def _keep_beat(self) -> None:
        """Notices that the whole process stood still; waiting for a broker does not hold this task up."""
        while True:
            await asyncio.sleep(FROZEN_AFTER_S / 4)
            self._end_if_frozen()
            self._beat = _now()

    async def _take_up(self, partitions: set[int]) -> None:
        """Recover partitions that are new to this worker, however long the broker is away."""
        while missing := partitions - self._partitions.keys():
            try:
                found = await asyncio.to_thread(self._recover, missing)
            except UnusableSnapshotError as error:
                log.critical("refused to start, nothing was written", reason=str(error))
                os._exit(REFUSED_TO_START)  # an orderly end would write
            except (KafkaException, ConnectionError) as error:
                metrics.WAITING.labels(service="kafka").inc()
                log.warning("waiting for Kafka to recover partitions", partitions=sorted(missing), reason=str(error))
                await asyncio.sleep(RETRY_S)
            else:
                self._partitions |= {partition: _Partition(restored) for partition, restored in found.items()}

    def _recover(self, partitions: set[int]) -> dict[int, Restored[State]]:
        began = time.monotonic()
        with Reader(self._kafka, self._app.conf.id) as reader:
            recovery = Recovery(reader, self._fold, self._source, self._changelog, self._partitioning)
            recovery.require_same_log(partitions)
            found = recovery(partitions)
        metrics.RECOVERY_SECONDS.observe(time.monotonic() - began)
        return found

    def _held(self) -> dict[bytes, Held[State]]:
        return {
            key: Held(each.state, number)
            for number, partition in self._partitions.items()
            for key, each in partition.folded.items()
        }

    async def checkpoint(self) -> None:
        """Take up what is newly owned, make what was folded durable, then acknowledge it."""
        async with self._lock:
            self._end_if_frozen()
            owned = {place.partition for place in self._app.consumer.assignment() if place.topic == self._source}
            await self._take_up(owned)
            fail_points.reached("before-snapshot")
            events, self._pending = self._pending, []
            await self._store({event.message.partition for event in events})
            fail_points.reached("before-ack")
            for event in events:
                event.ack()
            fail_points.reached("after-ack")
            self._lag.reached({number: each.next_offset for number, each in self._partitions.items()})

    async def _store(self, touched: set[int]) -> None:
        """Write the states that changed, then the marker of each partition: a marker never claims what is not there."""
        began = time.monotonic()
        dirty = [
            (number, key, each)
            for number, partition in self._partitions.items()
            for key, each in partition.folded.items()
            if each.dirty
        ]
        await self._outbox.write((number, self._snapshot(number, key, each)) for number, key, each in dirty)
        fail_points.reached("after-snapshot")
        self._end_if_frozen()
        for number, key, each in dirty:
            self._partitions[number].stored[key] = each.next_offset
            each.dirty = False
        touched |= {number for number, _, _ in dirty}
        await self._outbox.write((number, self._marker(number)) for number in touched)
        self._end_if_frozen()
        for number in touched:
            metrics.CHECKPOINTS.labels(partition=number).inc()
        if touched:
            metrics.CHECKPOINT_SECONDS.observe(time.monotonic() - began)

    def _snapshot(self, number: int, key: bytes, folded: _Folded[State]) -> Outgoing:
        snapshot = self._fold.dump(folded.state, number, folded.next_offset)
        metrics.SNAPSHOT_BYTES.inc(len(snapshot))
        return Outgoing(
            self._changelog, key, changelog.encode(self._partitioning.present, folded.next_offset, snapshot)
        )

    def _marker(self, number: int) -> Outgoing:
        partition = self._partitions[number]
        marker = changelog.encode_marker(self._partitioning.present, partition.next_offset, partition.stored)
        return Outgoing(self._changelog, changelog.MARKER_KEY, marker)

    async def _fold_batch(self, batch: list[Any]) -> None:
        outputs: list[tuple[int, Outgoing]] = []
        started = time.process_time()
        for event in batch:
            outputs += await self._fold_event(event)
        metrics.FOLD_SECONDS.observe(time.process_time() - started)
        fail_points.reached("before-outputs")
        await self._publish(outputs)
        durable_at = time.time()
        for event in batch:
            metrics.PIPELINE_LATENCY.observe(max(0.0, durable_at - event.message.timestamp))
        fail_points.reached("after-outputs")

    async def _fold_event(self, event: Any) -> list[tuple[int, Outgoing]]:
        message = _message(event)
        fail_points.reached("after-decode")
        partition = self._partitions[message.partition]
        partition.expect(message)
        self._pending.append(event)
        metrics.RECORDS_READ.labels(partition=message.partition).inc()
        folded = self._state_of(partition, self._fold.key(message))
        if message.offset < folded.next_offset:
            return []  # in the snapshot, and its outputs were durable before it
        state, outputs = await self._fold.apply(folded.state, message, partition.refused.get(message.offset))
        folded.dirty |= state is not folded.state
        folded.state, folded.next_offset = state, message.offset + 1
        fail_points.reached("after-fold")
        for output in outputs:
            metrics.OUTPUTS.labels(topic=output.topic).inc()
        return [(message.partition, output) for output in outputs]

    def _state_of(self, partition: _Partition[State], key: bytes) -> _Folded[State]:
        folded = partition.folded.get(key)
        if folded is None:
            folded = partition.folded[key] = _Folded(self._fold.new(key), 0)
        return folded

    async def _publish(self, outputs: list[tuple[int, Outgoing]]) -> None:
        """Durable before the next batch."""
        if not fail_points.planted("ack-before-outputs"):
            await self._outbox.write(outputs)
        else:
            asyncio.get_running_loop().call_later(
                _LATE_OUTPUTS_S, lambda: asyncio.ensure_future(self._outbox.write(outputs))
            )

    def _end_if_frozen(self) -> None:
        """A worker stopped by SIGSTOP or a long pause finds its partitions with others when it wakes up."""
        frozen_s = _now() - self._beat
        if frozen_s > FROZEN_AFTER_S:
            log.critical("the worker stood still and ends: others may own its partitions", seconds=round(frozen_s, 1))
            os._exit(STOOD_STILL)  # an orderly end would write


def _now() -> float:
    """Seconds that also pass while the machine is suspended, which `time.monotonic` does not count."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _message(event: Any) -> Message:
    message = event.message
    return Message(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        appended_at=int(message.timestamp * 1_000),
        key=message.key,
        value=message.value,
        headers=[(name, value) for name, value in (message.headers or ())],
    )
