"""What is happening now, held in memory by the event loop: the newest frame of each camera, and the newest events.

Frames are a state: a reader gets the newest and misses those in between. Events are a ring, and its readers miss none
(`event_stream`). Nothing here knows Kafka clients or GraphQL.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import get_args
from weakref import WeakValueDictionary

from graphql_api.event_stream import Source
from graphql_api.feed import Arrival, Bounds
from graphql_api.ring import Ring, RingEntry
from graphql_api.sql import streams
from graphql_api.stored_events import camera_event_of, visit_event_of
from graphql_api.wakeup import Wakeup
from schemas.events import CameraConfigured, CameraEvent, LineCrossed, TracksObserved, ZoneEntered, ZoneExited
from schemas.topics import CAMERA_EVENTS, ZONE_VISITS, topics

VisitEvent = ZoneEntered | ZoneExited | LineCrossed
_CAMERA_EVENTS = get_args(CameraEvent)


@dataclass(frozen=True, slots=True)
class Frame:
    """The tracks of one frame and how long the detector worked on it (None: not said)."""

    tracks: TracksObserved
    detector_ms: float | None


class Frames:
    """The newest frame of each camera."""

    def __init__(self) -> None:
        self._newest: dict[str, Frame] = {}
        self._wakeups: WeakValueDictionary[str, Wakeup] = WeakValueDictionary()

    def put(self, frame: Frame) -> None:
        """Make `frame` its camera's newest, unless it was seen before, and wake who waits for it."""
        camera_id = frame.tracks.camera_id
        known = self._newest.get(camera_id)
        if known and frame.tracks.position <= known.tracks.position:
            return
        self._newest[camera_id] = frame
        if wakeup := self._wakeups.get(camera_id):
            wakeup.notify()

    def newest(self) -> Mapping[str, Frame]:
        """The newest frame of each camera seen since the process started."""
        return self._newest

    async def after(self, camera_id: str, seen: Frame | None) -> Frame:
        """The newest frame of a camera, as soon as it is another than `seen`."""
        wakeup = self._wakeups.setdefault(camera_id, Wakeup())
        while (frame := self._newest.get(camera_id)) is None or frame is seen:
            await wakeup.wait()
        return frame


class CameraSites:
    """The site of each camera, as the database had it, or as the feed has told since."""

    def __init__(self) -> None:
        self._stored: Mapping[str, str] = {}
        self._heard: dict[str, str] = {}

    def heard(self, event: CameraConfigured) -> None:
        """Take note of a camera's settings."""
        self._heard[event.camera_id] = event.site_id

    def load(self, stored: Mapping[str, str]) -> None:
        """Take what the database holds; what was heard is newer."""
        self._stored = stored

    def of(self, camera_id: str) -> str | None:
        """The site of a camera; None: nothing is known of it."""
        return self._heard.get(camera_id) or self._stored.get(camera_id)


class Live:
    """All that is live in one API process.

    `ring_size` is how many records of each event stream are kept, `grown` how many partitions the topics had before.
    """

    def __init__(self, ring_size: int, grown: Sequence[int] = ()) -> None:
        self.frames = Frames()
        self.sites = CameraSites()
        self.visits: Source[VisitEvent] = Source(
            "zoneVisits", topics()[ZONE_VISITS].epoch, Ring(ring_size), streams.VISITS, visit_event_of, grown
        )
        self.camera_events: Source[CameraEvent] = Source(
            "cameraEvents",
            topics()[CAMERA_EVENTS].epoch,
            Ring(ring_size),
            streams.CAMERA_EVENTS,
            camera_event_of,
            grown,
        )
        self._lost_at: float | None = monotonic()

    @property
    def connected(self) -> bool:
        """Whether the topics are being followed."""
        return self._lost_at is None

    @connected.setter
    def connected(self, now: bool) -> None:
        self._lost_at = None if now else (self._lost_at or monotonic())

    @property
    def lag_ms(self) -> int:
        """For how long nothing has been followed."""
        return 0 if self._lost_at is None else round((monotonic() - self._lost_at) * 1000)

    def begin(self, bounds: Mapping[str, Bounds]) -> None:
        """Say from where to where the topics of event streams will be read first."""
        self.visits.ring.begin(bounds[ZONE_VISITS])
        self.camera_events.ring.begin(bounds[CAMERA_EVENTS])

    def take(self, arrival: Arrival) -> None:
        """Give a record to the part that keeps it; what is restated is history, not news."""
        partition, offset = arrival.partition, arrival.offset
        match arrival.event:
            case TracksObserved(restatement=0) as tracks:
                self.frames.put(Frame(tracks, detector_ms(arrival.headers)))
            case ZoneEntered(restatement=0) | ZoneExited(restatement=0) | LineCrossed(restatement=0) as event:
                self.visits.ring.put(RingEntry(partition, offset, event))
            case event if arrival.topic == CAMERA_EVENTS and isinstance(event, _CAMERA_EVENTS):
                if isinstance(event, CameraConfigured):
                    self.sites.heard(event)
                self.camera_events.ring.put(RingEntry(partition, offset, event))
            case _ if arrival.topic in (ZONE_VISITS, CAMERA_EVENTS):
                source = self.visits if arrival.topic == ZONE_VISITS else self.camera_events
                source.ring.passed(partition, offset)


def detector_ms(headers: Mapping[str, bytes]) -> float | None:
    """What the header `detector-ms` says; None when it is missing or no number."""
    try:
        return float(headers["detector-ms"])
    except (KeyError, ValueError):
        return None
