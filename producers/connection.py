"""The state of the edge's connection to a camera, as a pure machine. What a camera is and how one waits is not known here.

```
CONNECTING ──► STREAMING ◄──► STALLED    open, but silent
     │             ▲ │           │
     └──────────►  │ ▼  ◄────────┘
                 BACKOFF                 lost; tried again after a growing delay
```

From every state to STOPPED: at the end of a recording, of the edge, or of hope.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from producers.sources.source import LossReason, SourceLostError, SourceUnusableError
from schemas.events import EdgeStatus

Reason: TypeAlias = LossReason | Literal["STARTED", "OPENED", "RESOLUTION", "SHUTDOWN"]


@dataclass(frozen=True, slots=True)
class Connection:
    """Where things stand.

    Attributes:
        status: the state.
        reason: what led to it.
        detail: the same for people; never holds credentials.
        failures: attempts that failed since the last frame.
    """

    status: EdgeStatus = "CONNECTING"
    reason: Reason = "STARTED"
    detail: str = ""
    failures: int = 0

    def is_news_after(self, before: "Connection") -> bool:
        """Whether somebody must be told; one more failure for the same reason is no news."""
        return (self.status, self.reason) != (before.status, before.reason)


def after_frame(before: Connection, *, resized: bool) -> Connection:
    """A frame came; `resized`: not of the size of those before."""
    if resized:
        return Connection("STREAMING", "RESOLUTION")
    return before if before.status == "STREAMING" else Connection("STREAMING", "OPENED")


def after_loss(before: Connection, error: SourceLostError) -> Connection:
    """No frames come. A camera that falls silent while it is open is stalled; any other is away."""
    stalled = before.status == "STREAMING" and error.reason == "TIMEOUT"
    return Connection("STALLED" if stalled else "BACKOFF", error.reason, str(error), before.failures + 1)


def after_end(error: SourceUnusableError | None, *, stopping: bool) -> Connection:
    """No frame will come any more."""
    if error is not None:
        return Connection("STOPPED", error.reason, str(error))
    return Connection("STOPPED", "SHUTDOWN" if stopping else "END_OF_STREAM")
