"""Says CameraSilent into the log of a camera that no record comes from. It decides nothing about people."""

import time
from collections.abc import Iterable
from typing import Protocol

from schemas.events import CameraSilent
from schemas.signing import VALID_FOR_MS, Signer
from schemas.topics import CAMERA_LOG
from schemas.wire import Wire
from stream_processors.agents.camera_fold import Guarded
from stream_processors.runtime.checkpoint import Held
from stream_processors.runtime.messages import Outgoing

SILENT_AGAIN_AFTER_S = 60.0


class Writer(Protocol):
    """Writes records and returns when they are durable: `runtime.outbox.Outbox`."""

    async def write(self, records: Iterable[tuple[int, Outgoing]]) -> None:
        """Write (partition, record) pairs."""
        ...


class Watchdog:
    """What the agent calls when it is idle."""

    def __init__(self, outbox: Writer, wire: Wire, signer: Signer, silent_after_s: float) -> None:
        self._outbox = outbox
        self._wire = wire
        self._signer = signer
        self._silent_after_s = silent_after_s
        self._watermarks: dict[bytes, int] = {}
        self._moved_at: dict[bytes, float] = {}

    async def __call__(self, held: dict[bytes, Held[Guarded]]) -> None:
        """Look at every camera once; called about every second."""
        now = time.monotonic()
        for key, each in held.items():
            camera = each.state.camera
            if self._watermarks.get(key) != camera.watermark:
                self._watermarks[key], self._moved_at[key] = camera.watermark, now
            elif camera.status in {"STREAMING", "SILENT"} and now - self._moved_at[key] >= self._silent_after_s:
                self._moved_at[key] = now + SILENT_AGAIN_AFTER_S - self._silent_after_s
                await self._speak(key, each)

    async def _speak(self, key: bytes, held: Held[Guarded]) -> None:
        camera, now_ms = held.state.camera, time.time_ns() // 1_000_000
        body = self._wire.encode(
            CameraSilent(camera_id=camera.camera_id, last_seen_at=camera.watermark, noticed_at=now_ms)
        )
        headers = self._signer.headers(camera.camera_id, body, now_ms + VALID_FOR_MS)
        await self._outbox.write([(held.partition, Outgoing(CAMERA_LOG, key, body, headers))])
