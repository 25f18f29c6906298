"""The zone part of the fold over what was published, camera by camera as it comes. It must not know topics, ranges or digests."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from schemas.events import Position, TracksObserved, ZonesDefined
from stream_processors.domain import tracker
from stream_processors.domain.camera import CameraState
from stream_processors.domain.zone_replay import Cause, ZoneReplayState, step_zones
from stream_processors.replay.folding import Folded, Said, before, say
from stream_processors.replay.plan import Plan
from stream_processors.replay.settling import is_settled
from stream_processors.runtime.packing import pack, unpack


@dataclass(slots=True)
class _Camera:
    state: ZoneReplayState
    begun: bool = False


class Rezone:
    """Zones only: from tracks, and the camera events that define zones, configure, lose or disable the camera."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._cameras: dict[str, _Camera] = {}

    def start(self, state: CameraState) -> None:
        """Begin a camera with the state of the live fold, under the plan's zones from here on."""
        tentative_since = tracker.tentative_since(state.tracker)
        self._cameras[state.camera_id] = _Camera(
            ZoneReplayState(state.camera_id, state.settings.max_gap_ms, state.watermark, tentative_since, state.zones)
        )

    def fold(self, published: Sequence[Cause]) -> Folded:
        """Fold what one record of the log caused."""
        camera_id = published[0].camera_id
        camera = self._cameras.setdefault(camera_id, _Camera(ZoneReplayState(camera_id)))
        said = [] if camera.begun else self._begin(camera, published[0].position)
        camera.begun = True
        kept = [each for each in published if not self._is_replaced(each)]
        if kept:
            said += _take(camera, kept)
        kinds = tuple(type(each).__name__ for each in published)
        accepted = any(isinstance(each, TracksObserved) for each in published)
        return Folded(camera_id, kinds, camera.state.watermark, accepted, None, len(kept) < len(published), said)

    def is_settled(self, camera_id: str) -> bool:
        """Whether nothing that may follow can add to what is reported of a camera that was begun."""
        state = self._cameras[camera_id].state
        return is_settled(self._plan, state.zones, state.watermark, state.tentative_since)

    def dump(self) -> bytes:
        """Every camera as it is, to go on with `load`."""
        return _ENCODER.encode(list(self._cameras.values()))

    def load(self, dumped: bytes) -> None:
        """Go on from where `dump` was."""
        self._cameras = {each.state.camera_id: each for each in _DECODER.decode(dumped)}

    def _begin(self, camera: _Camera, position: Position) -> list[Said]:
        """Other zones are in force from just before a camera's first record."""
        definition = self._plan.zones.definition(camera.state.camera_id)
        if definition is None:
            return []
        layout = camera.state.zones.layout
        defined = ZonesDefined.answering(
            definition, before(position), revision=layout.revision + 1, effective_at=camera.state.watermark
        )
        return _take(camera, [defined])

    def _is_replaced(self, each: Cause) -> bool:
        return isinstance(each, ZonesDefined) and self._plan.zones.replaces(each.camera_id)


def _take(camera: _Camera, published: Sequence[Cause]) -> list[Said]:
    camera.state, facts = step_zones(camera.state, published)
    return [say(each) for each in facts]


_ENCODER = msgspec.msgpack.Encoder(enc_hook=pack)
_DECODER = msgspec.msgpack.Decoder(list[_Camera], dec_hook=unpack)
