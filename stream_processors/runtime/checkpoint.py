"""The checkpointed batch agent: the one way Aforo folds a topic with Faust, and the one module that touches its privates.

Order of durability: outputs of all records below N, then the snapshot at N, then N committed. A crash anywhere repeats
outputs byte for byte and changes no state. Why not Faust's own idioms: docs/decisions/0003-checkpointed-batch-agent.md.
"""

import asyncio
import time
import weakref
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import faust
import structlog
from faust.streams import _current_event  # private; tests/runtime guards it on the pinned version

from stream_processors.runtime import metrics
from stream_processors.runtime.faust_app import SESSION_TIMEOUT_S, raw_topic

CHECKPOINT_INTERVAL_S = 1.0
BATCH_RECORDS = 256
BATCH_WITHIN_S = 0.01
FROZEN_AFTER_S = SESSION_TIMEOUT_S / 2

log = structlog.get_logger()
State = TypeVar("State")
Headers = list[tuple[str, bytes]]


class HoleError(RuntimeError):
    """Delivery skipped records of the log; the worker stops before it folds past them, and starts where it committed."""


class UnfinishedError(RuntimeError):
    """Partitions went away before what was folded of them was durable."""


class FrozenError(RuntimeError):
    """The worker stood still for so long that another may own its partitions; it must not write."""


@dataclass(frozen=True, slots=True)
class Message:
    """A record as it stands in the source topic."""

    topic: str
    partition: int
    offset: int
    appended_at: int  # UTC ms, by the broker
    key: bytes | None
    value: bytes | None
    headers: Headers


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to write; it goes to the partition its cause came from."""

    topic: str
    key: bytes | None
    value: bytes
    headers: Headers = field(default_factory=list)


class Fold(Protocol[State]):
    """What the agent runs: a state for each key, bytes in, bytes out."""

    def key(self, message: Message) -> bytes:
        """Whose state the record belongs to."""
        ...

    def restore(self, key: bytes, partition: int, snapshot: bytes | None) -> tuple[State, int]:
        """The state in a snapshot (or a new one), and the first offset that is not in it."""
        ...

    async def apply(self, state: State, message: Message) -> tuple[State, list[Outgoing]]:
        """Fold one record. An error here is a bug of the shell: the worker stops and the record is delivered again."""
        ...

    def dump(self, state: State, partition: int, next_offset: int) -> bytes:
        """The snapshot that says: all below `next_offset` is in `state`."""
        ...

    def partition(self, snapshot: bytes) -> int:
        """The partition a snapshot was made on."""
        ...


@dataclass(frozen=True, slots=True)
class Held(Generic[State]):
    """A state this worker answers for, and its partition."""

    state: State
    partition: int


@dataclass(slots=True)
class _Folded(Generic[State]):
    """A key's state in memory, how far it has got, and the newest event that got it there."""

    state: State
    next_offset: int
    partition: int
    event: Any
    dirty: bool = False


class _CheckpointTable(faust.Table):  # type: ignore[misc] # Faust has no types
    """A table written outside Faust's event iteration, whose changelog sends can be awaited."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._sends: list[Awaitable[Any]] = []

    def send_changelog(self, *args: Any, **kwargs: Any) -> Any:
        future = super().send_changelog(*args, **kwargs)
        self._sends.append(future)
        return future

    async def put_many(self, items: Iterable[tuple[bytes, bytes, Any]]) -> None:
        """Write (key, value, event) and return when the changelog has acknowledged all of them."""
        for key, value, event in items:
            token = _current_event.set(weakref.ref(event))
            try:
                self[key] = value
            finally:
                _current_event.reset(token)
        sends, self._sends = self._sends, []
        await asyncio.gather(*sends)

    def load(self, key: bytes, event: Any) -> bytes | None:
        token = _current_event.set(weakref.ref(event))
        try:
            value: bytes | None = self.get(key)
            return value
        finally:
            _current_event.reset(token)


class CheckpointedAgent(Generic[State]):
    """Runs a fold over `source` in `app`. One instance an app; it owns the table `<app>-<table>-changelog`.

    `idle(held)` is called about every second with every state of this worker's partitions, recovered ones included, for what
    must happen without a record. It may be a little behind the fold and must not change a state.
    """

    def __init__(
        self,
        app: faust.App,
        source: str,
        fold: Fold[State],
        *,
        table: str,
        idle: Callable[[dict[bytes, Held[State]]], Awaitable[None]] | None = None,
    ) -> None:
        self._app = app
        self._source = source
        self._fold = fold
        self._idle = idle
        self._topics: dict[str, Any] = {}
        self._table = app.tables.add(
            _CheckpointTable(app, name=table, key_type=bytes, value_type=bytes, partitions=app.conf.topic_partitions)
        )
        self._folded: dict[bytes, _Folded[State]] = {}
        self._recovered: dict[bytes, Held[State]] = {}
        self._pending: list[Any] = []
        self._expected: dict[int, int] = {}  # by partition, the offset that must come next
        self._lock = asyncio.Lock()
        self._beat = time.monotonic()
        # Not on assignment: Faust sends that signal when recovery has begun, so records may have been folded already.
        app.on_partitions_revoked.connect(self._forget)
        app.agent(raw_topic(app, source), name=f"{app.conf.id}.fold")(self._run)

    async def _forget(self, *_args: Any, **_kwargs: Any) -> None:
        """Partitions are given up, after Faust waited for the last checkpoint: others may go on with their states.

        Raises:
            UnfinishedError: it did not wait; the worker stops, and what was not checkpointed is delivered again.
        """
        if self._pending:
            raise UnfinishedError(f"partitions were revoked with {len(self._pending)} records not checkpointed")
        self._folded.clear()
        self._recovered.clear()
        self._expected.clear()

    async def _run(self, stream: Any) -> None:
        self._beat = time.monotonic()
        background = [asyncio.create_task(self._tick()), asyncio.create_task(self._keep_beat())]
        try:
            async for batch in stream.noack_take(BATCH_RECORDS, within=BATCH_WITHIN_S):
                async with self._lock:
                    self._check_frozen()
                    await self._fold_batch(batch)
        finally:
            for task in background:
                task.cancel()

    async def _tick(self) -> None:
        """A plain task and no app.timer: it must go on while Faust waits for the stream to run empty."""
        try:
            while True:
                await asyncio.sleep(CHECKPOINT_INTERVAL_S)
                await self.checkpoint()
                if self._idle is not None:
                    await self._idle(self._held())
        except Exception as error:  # noqa: BLE001 - fail-stop: whatever it is, the worker ends and is started again
            await self._stop_worker(error)

    async def _keep_beat(self) -> None:
        """Notices that the whole process stood still; waiting for a broker does not hold this task up."""
        try:
            while True:
                await asyncio.sleep(FROZEN_AFTER_S / 4)
                self._check_frozen()
                self._beat = time.monotonic()
        except FrozenError as error:
            await self._stop_worker(error)

    async def _stop_worker(self, error: Exception) -> None:
        log.error("the worker stops and will be started again", error=repr(error))
        await self._app.crash(error)

    def _held(self) -> dict[bytes, Held[State]]:
        owned = {tp.partition for tp in self._app.consumer.assignment() if tp.topic == self._source}
        for key, snapshot in list(self._table.items()):
            partition = self._fold.partition(snapshot)
            if key not in self._folded and key not in self._recovered and partition in owned:
                state, _ = self._fold.restore(key, partition, snapshot)
                self._recovered[key] = Held(state, partition)
        return self._recovered | {key: Held(each.state, each.partition) for key, each in self._folded.items()}

    async def checkpoint(self) -> None:
        """Make what was folded durable, then acknowledge it."""
        async with self._lock:
            self._check_frozen()
            dirty = [(key, each) for key, each in self._folded.items() if each.dirty]
            events, self._pending = self._pending, []
            await self._table.put_many(
                (key, self._fold.dump(each.state, each.partition, each.next_offset), each.event) for key, each in dirty
            )
            for event in events:
                event.ack()
            for _, each in dirty:
                each.dirty = False
                metrics.CHECKPOINTS.labels(partition=each.partition).inc()

    async def _fold_batch(self, batch: list[Any]) -> None:
        sends: list[Awaitable[Any]] = []
        started = time.process_time()
        for event in batch:
            message = _message(event)
            self._check_hole(message)
            folded = self._state_of(message, event)
            self._pending.append(event)
            metrics.RECORDS_READ.labels(partition=message.partition).inc()
            if message.offset < folded.next_offset:
                continue  # in the snapshot, and its outputs were durable before it
            folded.state, outputs = await self._fold.apply(folded.state, message)
            folded.next_offset, folded.event, folded.dirty = message.offset + 1, event, True
            sends += [await self._send(output, message.partition) for output in outputs]
        metrics.FOLD_SECONDS.observe(time.process_time() - started)
        await asyncio.gather(*sends)  # durable before the next batch

    def _state_of(self, message: Message, event: Any) -> _Folded[State]:
        key = self._fold.key(message)
        folded = self._folded.get(key)
        if folded is None:
            state, next_offset = self._fold.restore(key, message.partition, self._table.load(key, event))
            folded = self._folded[key] = _Folded(state, next_offset, message.partition, event)
        return folded

    async def _send(self, output: Outgoing, partition: int) -> Awaitable[Any]:
        topic = self._topics.get(output.topic)
        if topic is None:
            topic = self._topics[output.topic] = raw_topic(self._app, output.topic)
        metrics.OUTPUTS.labels(topic=output.topic).inc()
        sent: Awaitable[Any] = await topic.send(
            key=output.key, value=output.value, partition=partition, headers=output.headers
        )
        return sent

    def _check_hole(self, message: Message) -> None:
        """Offsets of a log that is neither compacted nor transactional follow each other; repeated ones do no harm."""
        expected = self._expected.get(message.partition, message.offset)
        if message.offset > expected:
            raise HoleError(
                f"{message.topic}/{message.partition}: offset {expected} should have come, but {message.offset} came"
            )
        self._expected[message.partition] = max(expected, message.offset + 1)

    def _check_frozen(self) -> None:
        """A worker stopped by SIGSTOP or a long pause finds its partitions with others when it wakes up."""
        frozen_s = time.monotonic() - self._beat
        if frozen_s > FROZEN_AFTER_S:
            raise FrozenError(
                f"the worker stood still for {frozen_s:.1f} s; others may own its partitions, it must not write"
            )


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
