"""Other zones for a replay: read from a file, checked before anything is folded. What they lead to is not known here."""

from pathlib import Path
from typing import Any

import msgspec

from schemas.events import DefineZones, Fault, Line, Zone
from stream_processors.domain.definitions import faults
from stream_processors.replay.errors import ZonesError

COMMAND_ID = "aforo-replay-zones"


class Shapes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All zones and lines of a camera."""

    zones: tuple[Zone, ...] = ()
    lines: tuple[Line, ...] = ()


class OtherZones(msgspec.Struct, frozen=True):
    """What stands in place of the DefineZones of a log: the same shapes for every camera, or those of some cameras."""

    every: Shapes | None = None
    cameras: dict[str, Shapes] = {}

    def replaces(self, camera_id: str) -> bool:
        """Whether the camera's own definitions do not count."""
        return self.every is not None or camera_id in self.cameras

    def definition(self, camera_id: str) -> DefineZones | None:
        """The command to fold before the camera's first record, if any."""
        shapes = self.every or self.cameras.get(camera_id)
        if shapes is None:
            return None
        return DefineZones(camera_id=camera_id, command_id=COMMAND_ID, zones=shapes.zones, lines=shapes.lines)


def read_zones(path: Path) -> OtherZones:
    """The zones in a file: `{"zones": [...], "lines": [...]}`, or such an object for each camera id.

    Raises:
        ZonesError: it cannot be read or decoded, or a shape has faults; each is named.
    """
    try:
        said = msgspec.json.decode(path.read_bytes())
        other = _decoded(said)
    except (OSError, msgspec.MsgspecError, ValueError) as error:
        raise ZonesError(f"{path}: {error}") from error
    check(other, f"{path}: ")
    return other


def check(other: OtherZones, where: str = "") -> None:
    """Return when a replay can use these zones.

    Raises:
        ZonesError: a shape has faults; each is named, after `where` it was found.
    """
    named = {"": other.every or Shapes(), **other.cameras}
    if found := [(camera, fault) for camera, shapes in named.items() for fault in faults(shapes.zones, shapes.lines)]:
        raise ZonesError("\n".join([f"{where}the zones cannot be used:", *(_told(*each) for each in found)]))


def _decoded(said: Any) -> OtherZones:
    if isinstance(said, dict) and any(isinstance(said.get(name), list) for name in Shapes.__struct_fields__):
        return OtherZones(every=msgspec.convert(said, Shapes))
    return OtherZones(cameras=msgspec.convert(said, dict[str, Shapes]))


def _told(camera: str, fault: Fault) -> str:
    return f"  {camera}{': ' if camera else ''}{fault.path}: {fault.message}"
