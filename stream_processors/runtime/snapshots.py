"""The state of a camera's fold as bytes and back, bit for bit: MessagePack around the domain's own dataclasses.

`FORMAT` is raised whenever the layout of the state changes; what an older one lacks is added by `_UPCASTS`.
"""

from dataclasses import fields
from typing import Any

import msgspec

from schemas.events import CameraSnapshot, Position
from stream_processors.domain import tracker
from stream_processors.domain.camera import FOLD_VERSION, CameraState
from stream_processors.runtime.packing import pack, unpack

FORMAT = 2


class UnusableSnapshotError(ValueError):
    """The snapshot cannot be read by this code; the message says whether to upgrade or to rebuild."""


class NewerSnapshotError(UnusableSnapshotError):
    """Newer code wrote it, so newer code must go on with it."""


class DamagedSnapshotError(UnusableSnapshotError):
    """These bytes are no snapshot; the log can make it again."""


_Body: Any = msgspec.defstruct(
    "_Body",
    [(each.name, each.type) for each in fields(CameraState) if each.name != "tracker"],
    array_like=True,
    frozen=True,
)


def dump(state: CameraState, next_position: Position) -> CameraSnapshot:
    """The snapshot that says: all before `next_position` is in `state`."""
    body = _Body(**{name: getattr(state, name) for name in _Body.__struct_fields__})
    return CameraSnapshot(
        camera_id=state.camera_id,
        format=FORMAT,
        fold_version=FOLD_VERSION,
        epoch=next_position.epoch,
        partition=next_position.partition,
        next_offset=next_position.offset,
        watermark=state.watermark,
        state=_ENCODER.encode((tracker.dump(state.tracker), body)),
    )


def load(snapshot: CameraSnapshot) -> CameraState:
    """The state in a snapshot.

    Raises:
        UnusableSnapshotError: it comes from newer code, from another fold, or is damaged.
    """
    if snapshot.format > FORMAT or snapshot.fold_version > FOLD_VERSION:
        raise NewerSnapshotError(
            f"{snapshot.camera_id}: snapshot format {snapshot.format}, fold {snapshot.fold_version} is newer than "
            f"this code ({FORMAT}, {FOLD_VERSION}); start the newer version instead"
        )
    if snapshot.format not in {FORMAT, *_UPCASTS} or snapshot.fold_version != FOLD_VERSION:
        raise UnusableSnapshotError(
            f"{snapshot.camera_id}: snapshot format {snapshot.format}, fold {snapshot.fold_version} is older than this code reads"
        )
    try:
        tracks, body = _DECODER.decode(_upcast(snapshot.format, snapshot.state))
        return CameraState(tracker=tracker.load(tracks), **msgspec.structs.asdict(body))
    except (msgspec.DecodeError, ValueError, LookupError, TypeError) as error:
        raise DamagedSnapshotError(f"{snapshot.camera_id}: snapshot is damaged: {error}") from error


def _from_format_1(body: list[Any]) -> list[Any]:
    """Restatements are counted since; and minutes keep only the visits that ended, as those that go on stand elsewhere."""
    at = _Body.__struct_fields__.index("zones")
    minutes = body[at]["minutes"]
    closed = [visit for visit in minutes["visits"] if visit["exited_at"] is not None]
    return [*body[:at], {**body[at], "minutes": {**minutes, "closed": closed}}, *body[at + 1 :], 0]


# By format: what makes the fields of `_Body` those of the next format.
_UPCASTS = {1: _from_format_1}


def _upcast(written: int, state: bytes) -> bytes:
    """A state in the format `written` as one of `FORMAT`."""
    if written == FORMAT:
        return state
    tracks, body = msgspec.msgpack.decode(state)
    for each in range(written, FORMAT):
        body = _UPCASTS[each](body)
    return msgspec.msgpack.encode((tracks, body))


_ENCODER = msgspec.msgpack.Encoder(enc_hook=pack)
_DECODER: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(tuple[bytes, _Body], dec_hook=unpack)
