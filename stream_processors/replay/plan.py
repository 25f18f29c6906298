"""What a replay is asked for, as data: it can be stored, compared and handed to other processes. Who carries it out is not known here."""

from typing import Literal, TypeAlias

import msgspec

from schemas.events import ConfigureCamera, NonNegative, Output
from stream_processors.domain.minutes import MINUTE_MS
from stream_processors.replay.shapes import OtherZones
from stream_processors.replay.span import Span, event_time

Source: TypeAlias = Literal["log", "tracks"]


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of the fold that hold in place of those in the log; None: as in the log."""

    track_timeout_ms: NonNegative | None = None
    max_gap_ms: NonNegative | None = None

    def given(self) -> dict[str, int]:
        """Those that are other than in the log, by name."""
        return {name: value for name, value in msgspec.structs.asdict(self).items() if value is not None}

    def over(self, command: ConfigureCamera) -> ConfigureCamera:
        """A command of the log with these parameters in it."""
        return msgspec.structs.replace(command, **self.given())


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to replay, and under which rules.

    - span: the event time to report; whatever is needed before and after it is read too.
    - offsets: instead of a span, for each partition the offsets [from, to) of the log to report; all that these records caused.
    - cameras: only these; empty: all.
    - zones, parameters: what holds instead of what the log says.
    - judge_again: whether records of the log are tried again that the live shell could not read or fold.
    - source: `log` folds the camera log; `tracks` folds zones only, over what was published, and reports visits, crossings and
      minutes alone. Both give the same bytes for these.
    """

    span: Span = Span()
    offsets: dict[int, tuple[int, int]] = {}
    cameras: tuple[str, ...] = ()
    zones: OtherZones = OtherZones()
    parameters: Parameters = Parameters()
    judge_again: bool = False
    source: Source = "log"

    @property
    def is_what_if(self) -> bool:
        """Whether other rules hold than those of the log."""
        return self.zones != OtherZones() or bool(self.parameters.given())

    @property
    def changes_tracks(self) -> bool:
        """Whether the tracker may come to other tracks than the live one, so that published tracks do not tell."""
        return self.judge_again or bool(self.parameters.given())

    @property
    def until(self) -> int | None:
        """The end of the last minute of the range, UTC ms; what is decided up to there is all that can be reported."""
        return None if self.span.stop is None else -(-self.span.stop // MINUTE_MS) * MINUTE_MS

    def wants(self, camera_id: str) -> bool:
        """Whether the camera is replayed."""
        return not self.cameras or camera_id in self.cameras

    def wants_key(self, key: bytes | None) -> bool:
        """Whether a message with this key is of a camera that is replayed; nobody else's need be readable."""
        return self.wants((key or b"").decode("utf-8", "replace"))

    def reports(self, output: Output, watermark: int) -> bool:
        """Whether what was said when the camera's watermark was `watermark` lies in the range."""
        if not self.offsets:
            return event_time(output, watermark) in self.span
        start, stop = self.offsets.get(output.position.partition, (0, 0))
        return start <= output.position.offset < stop
