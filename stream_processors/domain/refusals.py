"""Which frames the fold does not take, and the memory that needs."""

from dataclasses import dataclass, field

from schemas.events import FrameObserved, Refusal

MAX_AHEAD_MS = 60_000
REMEMBERED_SESSIONS = 4
_WINDOW = 63  # so that the mask fits a signed 64-bit integer


@dataclass(frozen=True, slots=True)
class SessionSeen:
    """The frames of one session that were accepted: the highest `seq`, and bit k set for `last - k`."""

    last: int
    mask: int = 1

    def has(self, seq: int) -> bool:
        """Whether the frame was accepted; frames far behind the last count as seen."""
        back = self.last - seq
        return back >= _WINDOW or (back >= 0 and bool(self.mask >> back & 1))

    def adding(self, seq: int) -> "SessionSeen":
        """The memory after accepting a frame beyond or behind the last."""
        if seq > self.last:
            return SessionSeen(
                seq, (self.mask << (seq - self.last) if seq - self.last < _WINDOW else 0) % 2**_WINDOW | 1
            )
        return SessionSeen(self.last, self.mask | 1 << (self.last - seq))


@dataclass(frozen=True, slots=True)
class Admission:
    """What decides whether a frame is taken, and the count of those that were and were not."""

    watermark: int = 0  # last accepted observed_at
    sessions: dict[str, SessionSeen] = field(default_factory=dict)
    accepted: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    refusing: Refusal | None = None  # reason of the run of refusals that goes on

    def judge(self, frame: FrameObserved, appended_at: int | None, *, enabled: bool) -> Refusal | None:
        """Why the frame is refused, or None. The append time serves the check against the future only."""
        seen = self.sessions.get(frame.session)
        if not enabled:
            return "DISABLED"
        if seen is not None and seen.has(frame.seq):
            return "DUPLICATE"
        if frame.observed_at <= self.watermark:
            return "LATE"
        if appended_at is not None and frame.observed_at > appended_at + MAX_AHEAD_MS:
            return "FUTURE"
        return None

    def accepting(self, frame: FrameObserved) -> "Admission":
        """The memory after accepting the frame."""
        seen = self.sessions.get(frame.session)
        after = SessionSeen(frame.seq) if seen is None else seen.adding(frame.seq)
        others = [(name, each) for name, each in self.sessions.items() if name != frame.session]
        sessions = dict([*others[-(REMEMBERED_SESSIONS - 1) :], (frame.session, after)])
        return Admission(frame.observed_at, sessions, self.accepted + 1, self.refused)

    def refusing_for(self, reason: Refusal) -> "Admission":
        """The memory after refusing a frame."""
        refused = {**self.refused, reason: self.refused.get(reason, 0) + 1}
        return Admission(self.watermark, self.sessions, self.accepted, refused, reason)
