"""Store and forward: messages go to the broker at once while it answers, and by way of the disk while it does not.

The rules of order, durability and room, without a thread or a broker of their own. A message is in memory until the broker
has acknowledged it or the spool has it; it leaves the spool when the broker has acknowledged it and all before it
(docs/decisions/0011).
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import structlog

from producers.clock import Clock
from producers.metrics import RECORDS, SPOOL_BYTES, SPOOL_MESSAGES
from producers.pace import Pace
from producers.sender import Outcome, Sender
from producers.settings import SpoolSettings
from producers.shelf import Shelf
from producers.spool import Message, Span, readable, spans
from schemas.events import DropReason

logger = structlog.get_logger(__name__)

WINDOW = 1_000
"""So many messages may be on their way; after a crash that many may arrive twice."""
COMMIT_MESSAGES, COMMIT_S = 20, 0.05
DRAIN_LEAST_PER_S = 200
DIRECT_S = 1.0
"""A broker that has not acknowledged for so long counts as away, and messages go to the disk."""
DROPPED_AT_ONCE = 1_000
MEMORY_BYTES = 64 * 1024 * 1024
RETRY_S = 1.0
BOUND_EVERY_S = 1.0

GiveUp = Callable[[Sequence[Span], DropReason], None]


class Forwarder:
    """One edge's messages on their way out. For one thread.

    Args:
        path: the spool's file.
        sender: hands them to the broker.
        settings: how much room they may take, and how fast a backlog goes out.
        clock: tells now.
        give_up: told of messages that will not arrive.

    Raises:
        SpoolInUseError: another process uses the spool.
    """

    def __init__(self, path: Path, sender: Sender, settings: SpoolSettings, clock: Clock, give_up: GiveUp) -> None:
        self._path = path
        self._sender = sender
        self._settings = settings
        self._clock = clock
        self._give_up = give_up
        self._unsaved: deque[tuple[float, Message]] = deque()  # with the time they came: neither kept nor acknowledged
        self._waiting: deque[Message] = deque()  # in memory, to be sent after what is on disk
        self._on_way: dict[int, Message] = {}
        self._failed: set[int] = set()
        self._alone = 0  # the number of the message that is on its way by itself
        self._retry_at = self._bound_at = float("-inf")
        self._pace = Pace(settings.drain_factor, DRAIN_LEAST_PER_S, clock.monotonic())
        self._deleted = self._sent = self._kept = 0
        self._shelf = Shelf(path, clock, self._lose_disk)
        self._begin()
        self._last = self._kept

    def _begin(self) -> None:
        """Go on where the spool ends, or, where it cannot be read now, beyond any spool of the past."""
        kept = self._shelf.use(lambda spool: (spool.first, spool.last))
        if kept is None:
            self._deleted = self._sent = self._kept = self._clock.utc_ms() * 1_000
        else:
            first, self._kept = kept
            self._deleted = self._sent = max(0, first - 1)

    def turn(self, messages: Sequence[Message]) -> None:
        """Number these and take them in, after all before them; then do what is due."""
        now = self._clock.monotonic()
        numbered = [replace(message, number=number) for number, message in enumerate(messages, self._last + 1)]
        self._last += len(messages)
        self._unsaved.extend((now, message) for message in numbered)
        self._waiting.extend(numbered)
        self._pace.came(len(messages), now)
        self._sender.poll(self._settle)
        self._forget()
        if self._failed or self._alone:
            self._resend(now)
        else:
            self._send(now)
        self._save(now)
        if now >= self._bound_at:
            self._bound_at = now + BOUND_EVERY_S
            self._bound_disk()
            self._bound_memory()
            SPOOL_MESSAGES.set(self.pending)
            SPOOL_BYTES.set(self._shelf.use(lambda spool: spool.bytes) or 0)

    def close(self) -> int:
        """Put what is not acknowledged on the disk, for the next start; how many messages that are."""
        self._forget()
        self._keep()
        self._sender.close()
        self._shelf.close()
        return self.pending

    @property
    def pending(self) -> int:
        """Messages the broker has not acknowledged."""
        return len(self._on_way) + len(self._waiting) + max(0, self._kept - self._sent)

    @property
    def _acknowledged(self) -> int:
        """The broker has all up to this number."""
        return next(iter(self._on_way), self._sent + 1) - 1

    def _settle(self, number: int, outcome: Outcome, why: str) -> None:
        if outcome == "failed" or (outcome == "refused" and number != self._alone):
            # A broker may refuse a whole batch for one message in it; sent alone, each is judged for itself.
            self._failed.add(number)
            self._retry_at = self._clock.monotonic() + RETRY_S
            return
        message = self._on_way.pop(number)
        RECORDS.labels(outcome).inc()
        if outcome == "refused":
            logger.error("record refused by the broker", camera=message.camera_id, seq=message.seq, error=why)
            self._shelf.use(lambda spool: spool.refuse(message, why))
            self._give_up(spans([message]), "OTHER")

    def _resend(self, now: float) -> None:
        """After a failure: what was on its way again, in its order, each once the one before is settled."""
        if len(self._failed) < len(self._on_way) or now < self._retry_at:
            return
        self._alone = next(iter(self._on_way), 0)
        if self._alone and self._sender.send(self._on_way[self._alone]):
            self._failed.discard(self._alone)

    def _send(self, now: float) -> None:
        for message in self._backlog(now):
            if not self._hand_over(message):
                return
            self._pace.went(1)
        while self._waiting and self._sent >= self._kept and len(self._on_way) < WINDOW:
            if not self._hand_over(self._waiting[0]):
                return
            self._waiting.popleft()

    def _backlog(self, now: float) -> Sequence[Message]:
        """What is next on the disk, as much as may go out now."""
        count = min(WINDOW - len(self._on_way), self._pace.allows(now))
        if count <= 0 or self._sent >= self._kept:
            return ()
        return self._unsent(count)

    def _unsent(self, count: int) -> Sequence[Message]:
        """The first messages on the disk that are not on their way."""
        return self._shelf.use(lambda spool: spool.above(self._sent, count)) or ()

    def _hand_over(self, message: Message) -> bool:
        if not self._sender.send(message):
            return False
        self._on_way[message.number] = message
        self._sent = message.number
        return True

    def _forget(self) -> None:
        """What the broker has needs no keeping."""
        acknowledged = self._acknowledged
        while self._unsaved and self._unsaved[0][1].number <= acknowledged:
            self._unsaved.popleft()
        through = min(acknowledged, self._kept)
        if self._deleted < through:
            deleted = self._shelf.use(lambda spool: spool.delete(self._deleted, through))
            self._deleted = self._deleted if deleted is None else through

    def _save(self, now: float) -> None:
        """To the disk, while something is there or the broker does not answer: a group of messages at a time."""
        if not self._unsaved:
            return
        age_s = now - self._unsaved[0][0]
        spooling = self._deleted < self._kept or age_s >= DIRECT_S or len(self._on_way) >= WINDOW
        if spooling and (len(self._unsaved) >= COMMIT_MESSAGES or age_s >= COMMIT_S):
            self._keep()

    def _keep(self) -> None:
        messages = [message for _, message in self._unsaved]
        if self._shelf.use(lambda spool: spool.append(messages)):
            self._kept = messages[-1].number
            self._unsaved.clear()
            self._waiting.clear()

    def _bound_disk(self) -> None:
        """Within its room and age: the oldest goes first, but nothing that is on its way."""
        reason = self._excess()
        if reason is None or not (dropped := self._unsent(DROPPED_AT_ONCE)):
            return
        last = dropped[-1].number
        if self._shelf.use(lambda spool: spool.delete(self._sent, last)):
            self._sent = last
            self._give_up(spans(dropped), reason)

    def _excess(self) -> DropReason | None:
        """Why something on the disk must go."""
        if self._sent >= self._kept:
            return None
        if (self._shelf.use(lambda spool: spool.bytes) or 0) > self._settings.max_gib * 2**30:
            return "SPOOL_FULL"
        oldest = self._unsent(1)
        too_old = self._clock.utc_ms() - self._settings.max_age_h * 3_600_000
        return "SPOOL_AGE" if oldest and oldest[0].observed_at < too_old else None

    def _bound_memory(self) -> None:
        """The same for what neither broker nor disk takes."""
        if sum(len(message.value) for message in self._waiting) <= MEMORY_BYTES:
            return
        dropped = [self._waiting.popleft() for _ in range(min(DROPPED_AT_ONCE, len(self._waiting)))]
        last = dropped[-1].number
        self._unsaved = deque(each for each in self._unsaved if not dropped[0].number <= each[1].number <= last)
        self._give_up(spans(dropped), "SPOOL_FULL")

    def _lose_disk(self) -> None:
        """The spool is broken: say what was waiting on it, and keep what is on its way once more."""
        lost = spans(readable(self._path, self._sent))
        again = [message for message in self._on_way.values() if message.number <= self._kept]
        self._unsaved.extendleft((self._clock.monotonic(), message) for message in reversed(again))
        self._sent = max(self._sent, self._kept)
        self._deleted = self._kept = self._acknowledged
        self._give_up(lost, "SPOOL_DAMAGED")
