"""The camera log as the edge writes it: records in, messages out by way of the forwarder. What they mean is not known here."""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeAlias

import structlog

from producers.clock import Clock
from producers.forwarder import Forwarder
from producers.metrics import DROPPED
from producers.sender import Sender
from producers.settings import SpoolSettings
from producers.spool import Message, Span
from schemas.events import CameraStatusChanged, DropReason, EdgeConfigurationReported, FrameObserved, FramesDropped
from schemas.wire import Wire

logger = structlog.get_logger(__name__)

LogEntry: TypeAlias = FrameObserved | CameraStatusChanged | EdgeConfigurationReported | FramesDropped

_BUSY_S, _IDLE_S = 0.01, 0.25


class LogClosedError(RuntimeError):
    """A record for a log that has ended."""


class CameraLog(Protocol):
    """Where a camera's records go, in the order in which they are appended. For any thread."""

    def append(self, entry: LogEntry, headers: Mapping[str, str] | None = None) -> None:
        """Take one record; never waits for its delivery."""
        ...

    def flush(self, timeout_s: float) -> int:
        """Wait for deliveries, at most that long; how many records taken are not delivered yet."""
        ...

    def close(self) -> None:
        """Stop working for the log; flush before."""
        ...


class SpooledCameraLog:
    """The camera log behind a spool: whatever the broker does, it takes every record at once.

    Args:
        wire: frames the records.
        sender: hands them to the broker; closed with the log.
        path: the spool's file; what it still holds goes first.
        settings: of the spool.
        clock: tells now.

    Raises:
        SpoolInUseError: another process uses the spool.
    """

    def __init__(self, wire: Wire, sender: Sender, path: Path, settings: SpoolSettings, clock: Clock) -> None:
        self._wire = wire
        self._clock = clock
        self._changed = threading.Condition()
        self._inbox: list[Message] = []
        self._closing = self._closed = False
        self._forwarder = Forwarder(path, sender, settings, clock, self._give_up)
        self._pending = self._forwarder.pending
        self._thread = threading.Thread(target=self._run, name="camera-log", daemon=True)
        self._thread.start()

    def append(self, entry: LogEntry, headers: Mapping[str, str] | None = None) -> None:
        """Take one record; see `CameraLog`."""
        message = Message(
            number=0,
            camera_id=entry.camera_id,
            session=entry.session if isinstance(entry, FrameObserved) else "",
            seq=entry.seq if isinstance(entry, FrameObserved) else None,
            observed_at=entry.observed_at if isinstance(entry, FrameObserved) else self._clock.utc_ms(),
            value=self._wire.encode(entry),
            headers={name: value.encode() for name, value in (headers or {}).items()},
        )
        with self._changed:
            if self._closed:
                raise LogClosedError("the camera log takes nothing any more; the cause was logged before")
            self._inbox.append(message)
            self._changed.notify_all()

    def flush(self, timeout_s: float) -> int:
        """Wait for deliveries; see `CameraLog`. What is not delivered is in the spool once the log is closed."""
        with self._changed:
            self._changed.wait_for(lambda: not self._outstanding or self._closed, timeout_s)
            return self._outstanding

    def close(self) -> None:
        """Put what is not delivered on the disk, for the next start."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()

    @property
    def _outstanding(self) -> int:
        return len(self._inbox) + self._pending

    def _run(self) -> None:
        try:
            while not self._closing:
                self._turn()
            self._turn()
        finally:
            self._end()

    def _end(self) -> None:
        with self._changed:
            self._pending = self._forwarder.close()
            self._closed = True
            self._changed.notify_all()

    def _turn(self) -> None:
        with self._changed:
            if not self._inbox and not self._closing:
                self._changed.wait(_BUSY_S if self._pending else _IDLE_S)
            messages, self._inbox = self._inbox, []
            self._pending += len(messages)
        self._forwarder.turn(messages)
        with self._changed:
            self._pending = self._forwarder.pending
            self._changed.notify_all()

    def _give_up(self, given_up: Sequence[Span], reason: DropReason) -> None:
        """Into the log as well: a hole in it has its reason beside it."""
        for span in given_up:
            camera_id = span.first.camera_id
            DROPPED.labels(camera_id, reason).inc(span.messages)
            logger.error("records given up", camera=camera_id, reason=reason, records=span.messages)
            self.append(
                FramesDropped(
                    camera_id=camera_id,
                    session=span.first.session,
                    first_seq=span.first.seq,
                    last_seq=span.last.seq,
                    records=span.messages,
                    first_observed_at=span.first.observed_at,
                    last_observed_at=span.last.observed_at,
                    dropped_at=self._clock.utc_ms(),
                    reason=reason,
                )
            )
