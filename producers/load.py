"""How many frames of each camera the edge looks at when it cannot look at all of them. Pure: the time is an argument.

One cap holds for all cameras, so that those that want most give way first and none is starved. It falls by a share and
rises by a step (AIMD: Chiu and Jain, "Analysis of the increase and decrease algorithms", 1989).
"""

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from producers.handover import Captured, Guidance

MAX_FPS = 60.0
BUSY_FPS = 4.0
"""A camera that saw somebody in the last `SEEN_MS` gets at least so many frames a second, or rests."""
IDLE_FPS = 1.0
SEEN_MS = 5_000
TICK_S = 1.0
STALE_SHARE = 0.1
"""More frames than that to which nobody came, and more than one: too many are asked for."""
DECREASE, INCREASE_FPS = 0.8, 0.25
TURN_S = 30.0
"""So often one of the cameras that rest is relieved."""
OVERLOAD_TICKS = 2
"""So many in a row are more than a hiccup."""
REST_TICKS, RETURN_TICKS = 3, 10
"""After so many ticks of overload in a row one more camera rests, after so many without any one returns."""


@dataclass(frozen=True, slots=True)
class Load:
    """What the edge can do.

    Attributes:
        cap_fps: at most so many frames a second of each camera.
        resting: so many cameras rest.
        overloaded: whether more was asked for than could be done in the last tick.
        streak: so many ticks in a row were like it.
    """

    cap_fps: float = MAX_FPS
    resting: int = 0
    overloaded: bool = False
    streak: int = 0


@dataclass(slots=True)
class Tally:
    """What became of the frames of one tick."""

    looked: dict[str, int] = field(default_factory=dict)
    stale: int = 0

    @property
    def overloaded(self) -> bool:
        """Whether more was asked for than could be done."""
        return self.stale > max(1, STALE_SHARE * (self.stale + sum(self.looked.values())))


def after_tick(load: Load, tally: Tally, cameras: int) -> Load:
    """What the edge can do after a second like this one."""
    streak = load.streak + 1 if tally.overloaded == load.overloaded else 1
    after = replace(load, overloaded=tally.overloaded, streak=streak)
    if tally.overloaded:
        return after if streak < OVERLOAD_TICKS else _less(after, max(tally.looked.values(), default=0), cameras)
    if not load.resting:
        return replace(after, cap_fps=min(MAX_FPS, load.cap_fps + INCREASE_FPS))
    return after if streak % RETURN_TICKS else replace(after, resting=load.resting - 1)


def _less(load: Load, most_looked: int, cameras: int) -> Load:
    """Lower the cap; with the cap at its end, let one more camera rest, never the last one."""
    if load.cap_fps > IDLE_FPS:
        # What was looked at is what could be: a cap far above it would take long to come down.
        return replace(load, cap_fps=max(IDLE_FPS, DECREASE * min(load.cap_fps, most_looked + 1)))
    return load if load.streak % REST_TICKS else replace(load, resting=min(load.resting + 1, max(0, cameras - 1)))


def resting(load: Load, cameras: Collection[str], now: float) -> frozenset[str]:
    """The cameras whose turn it is to rest at this moment (monotonic seconds).

    With each turn one camera is relieved by the next: whoever is looked at is looked at for as long as can be.
    """
    order = sorted(cameras)
    first = int(now / TURN_S)
    return frozenset(order[(first + index) % len(order)] for index in range(min(load.resting, len(order))))


def fps_of(load: Load, *, seen: bool) -> float:
    """The frames a second of a camera that does not rest; `seen`: it saw somebody lately."""
    return max(load.cap_fps, BUSY_FPS if seen else IDLE_FPS)


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen of one camera: the newest frame that came, that was looked at, and that had somebody in it."""

    session: str = ""
    number: int = -1
    looked_at: int | None = None
    seen_at: int | None = None

    @property
    def somebody(self) -> bool:
        """Whether anybody was seen in the last seconds of its event time."""
        return self.seen_at is not None and self.looked_at is not None and self.looked_at - self.seen_at <= SEEN_MS


class LoadControl:
    """Watches what becomes of the frames and says what each camera may have looked at.

    Args:
        now: monotonic seconds.
    """

    def __init__(self, now: float) -> None:
        self.load = Load()
        self.resting: frozenset[str] = frozenset()
        self._cameras: dict[str, Sight] = {}
        self._tally = Tally()
        self._tick_at = now + TICK_S

    def came(self, captured: Captured) -> None:
        """A frame got its turn; those of its session that did not are stale."""
        before = self._cameras.get(captured.camera_id, Sight())
        known = before.number if before.session == captured.session else -1
        self._tally.stale += captured.number - known - 1
        self._cameras[captured.camera_id] = replace(before, session=captured.session, number=captured.number)

    def looked(self, captured: Captured, *, seen: bool) -> None:
        """The frame that came was looked at; `seen`: somebody is in it."""
        camera_id, moment = captured.camera_id, captured.frame.observed_at
        self._tally.looked[camera_id] = self._tally.looked.get(camera_id, 0) + 1
        before = self._cameras[camera_id]
        self._cameras[camera_id] = replace(before, looked_at=moment, seen_at=moment if seen else before.seen_at)

    def ended(self, camera_id: str) -> None:
        """Nothing more comes from this camera."""
        self._cameras.pop(camera_id, None)

    def tick(self, now: float) -> bool:
        """Judge the second that is over; whether it is."""
        if now < self._tick_at:
            return False
        self.load = after_tick(self.load, self._tally, len(self._cameras))
        self.resting = resting(self.load, self._cameras, now)
        self._tally, self._tick_at = Tally(), now + TICK_S
        return True

    def guidance(self, camera_id: str) -> Guidance:
        """What a capture is to be told."""
        sight = self._cameras.get(camera_id, Sight())
        fps = 0.0 if camera_id in self.resting else fps_of(self.load, seen=sight.somebody)
        return Guidance(fps, sight.looked_at, sight.seen_at)

    @property
    def cameras(self) -> Collection[str]:
        """Those that frames came of."""
        return self._cameras.keys()
