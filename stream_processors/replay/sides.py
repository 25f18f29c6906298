"""The sides of a difference, from events or from the folders that `aforo replay` writes. How they are compared is not known here."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from schemas.events import LineCrossed, TrackEnded, ZoneEntered, ZoneExited, ZoneMinuteMeasured
from schemas.topics import TRACKS, ZONE_MINUTES, ZONE_VISITS
from stream_processors.replay.difference import Difference, Minute, Side, Visit, difference
from stream_processors.replay.errors import InputError
from stream_processors.replay.summary import Summary
from stream_processors.replay.writing import FILES, SUMMARY

_VISITS = msgspec.json.Decoder(ZoneEntered | ZoneExited | LineCrossed)
_MINUTES = msgspec.json.Decoder(ZoneMinuteMeasured)
_TRACK_ENDS = msgspec.json.Decoder(TrackEnded)
_TRACK_END = b'{"type":"TrackEnded"'


def visits(events: Iterable[ZoneEntered | ZoneExited | LineCrossed]) -> list[Visit]:
    """The visits that events tell of, by their beginnings; an exit is complete in itself."""
    found: dict[tuple[str, str, int, int], Visit] = {}
    for event in events:
        if not isinstance(event, LineCrossed):
            exited_at = event.exited_at if isinstance(event, ZoneExited) else None
            visit = Visit(event.camera_id, event.zone_id, event.track_no, event.entered_at, exited_at)
            found[visit[:4]] = visit
    return list(found.values())


def minute(event: ZoneMinuteMeasured) -> Minute:
    """What a difference reads of a minute."""
    return Minute(*(getattr(event, name) for name in Minute._fields))


def folder_difference(before: Path, after: Path) -> Difference:
    """What changed from the outputs of one replay to those of another.

    Raises:
        InputError: a folder holds no outputs of a replay, or the two report different ranges.
    """
    one, other = _summary(before), _summary(after)
    if (one.from_, one.to) != (other.from_, other.to):
        raise InputError(f"{before} and {after} report different ranges; replay both with the same --from and --to")
    if "tracks" in {one.source, other.source}:  # a replay of zones alone takes the tracks as they are and writes none
        same_tracks = one.parameters == other.parameters
    else:
        same_tracks = _track_ends(before) == _track_ends(after)
    return difference(_side(before), _side(after), same_tracks=same_tracks)


def _side(folder: Path) -> Side:
    return Side(visits(_records(folder, ZONE_VISITS, _VISITS)), map(minute, _records(folder, ZONE_MINUTES, _MINUTES)))


def _track_ends(folder: Path) -> set[tuple[str, int, int]]:
    """Which tracks there were, and until when."""
    lines = (line for line in _lines(folder / FILES[TRACKS]) if line.startswith(_TRACK_END))
    return {(each.camera_id, each.track_no, each.ended_at) for each in map(_TRACK_ENDS.decode, lines)}


def _summary(folder: Path) -> Summary:
    try:
        return msgspec.json.decode((folder / SUMMARY).read_bytes(), type=Summary)
    except (OSError, msgspec.MsgspecError) as error:
        raise InputError(
            f"{folder} holds no outputs of a replay: {error}; make them with `aforo replay --output {folder}`"
        ) from error


def _records(folder: Path, topic: str, decoder: "msgspec.json.Decoder[Any]") -> Iterator[Any]:
    path = folder / FILES[topic]
    for number, line in enumerate(_lines(path), 1):
        try:
            yield decoder.decode(line)
        except msgspec.MsgspecError as error:
            raise InputError(f"{path}, line {number}: {error}; replay into the folder again") from error


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            yield from file
    except OSError as error:
        raise InputError(f"{error}; replay into the folder again") from error
