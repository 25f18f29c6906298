"""The spool where the disk may fail: it is opened again after a fault, and set aside when it is broken.

What was asked of it is not repeated here; whoever asked keeps its messages until it is told that they are kept.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import structlog

from producers.clock import Clock
from producers.metrics import SPOOL_FAULTS, SPOOL_USABLE
from producers.spool import Spool, SpoolDamagedError, SpoolFaultError, SpoolInUseError, set_aside

logger = structlog.get_logger(__name__)

Answer = TypeVar("Answer")
_RETRY_S = 1.0


class Shelf:
    """A spool that is there most of the time.

    Args:
        path: the spool's file.
        clock: tells when to try again.
        damaged: told of a file that is broken before it is set aside; what is in memory is not lost.

    Raises:
        SpoolInUseError: another process holds the file.
    """

    def __init__(self, path: Path, clock: Clock, damaged: Callable[[], None]) -> None:
        self._path = path
        self._clock = clock
        self._damaged = damaged
        self._spool: Spool | None = None
        self._retry_at = float("-inf")
        self._fault = ""
        with suppress(SpoolDamagedError, SpoolFaultError):  # `use` meets them again, and deals with them
            self._spool = Spool(path)

    def use(self, action: Callable[[Spool], Answer]) -> Answer | None:
        """What `action` returns; None when the spool cannot be used now, and nothing was done."""
        if self._spool is None and self._clock.monotonic() < self._retry_at:
            return None
        try:
            self._spool = self._spool or Spool(self._path)
            answer = action(self._spool)
        except SpoolDamagedError as error:
            self._begin_anew(error)
            return None
        except (SpoolFaultError, SpoolInUseError) as error:
            self._note("disk", str(error))
            return None
        self._note_usable()
        return answer

    def close(self) -> None:
        """Let go of the file."""
        if self._spool is not None:
            self._spool.close()
            self._spool = None

    def _begin_anew(self, error: SpoolDamagedError) -> None:
        self._note("damaged", f"{error}; it is kept as {self._path}.damaged, and a new one begins")
        self._damaged()
        try:
            set_aside(self._path)
        except SpoolFaultError as fault:
            self._note("disk", str(fault))

    def _note(self, kind: str, detail: str) -> None:
        self.close()
        self._retry_at = self._clock.monotonic() + _RETRY_S
        SPOOL_FAULTS.labels(kind).inc()
        SPOOL_USABLE.set(0)
        if detail != self._fault:
            self._fault = detail
            logger.error("the spool cannot be used; records wait in memory", error=detail)

    def _note_usable(self) -> None:
        SPOOL_USABLE.set(1)
        if self._fault:
            self._fault = ""
            logger.info("the spool can be used again", spool=str(self._path))
