"""A camera log in memory for tests of the shell: frames, commands, signatures."""

import struct

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from schemas.events import Event, FrameObserved
from schemas.registry import MemoryRegistry
from schemas.signing import Signer, Verifier
from schemas.topics import CAMERA_LOG
from schemas.wire import Wire
from stream_processors.agents.camera_fold import CameraFold
from stream_processors.runtime.messages import Headers, Message

START = 1_700_002_799_800  # the third frame opens a UTC hour
SIGNER = Signer(Ed25519PrivateKey.generate())
VERIFIER = Verifier({SIGNER.key_id: SIGNER.key.public_key()})


def make_wire() -> Wire:
    wire = Wire(MemoryRegistry())
    wire.preload()
    return wire


def make_fold(wire: Wire) -> CameraFold:
    return CameraFold(wire, VERIFIER)


def frame(seq: int, *, camera_id: str = "c1", at: int | None = None) -> FrameObserved:
    """A frame with one person who stands still, ten frames a second."""
    return FrameObserved(
        camera_id=camera_id,
        session="s",
        seq=seq,
        observed_at=START + 100 * seq if at is None else at,
        width=100,
        height=100,
        boxes=struct.pack("<4f", 40, 20, 60, 80),
        scores=struct.pack("<f", 0.9),
    )


def message(value: bytes | None, offset: int, *, key: bytes | None = b"c1", headers: Headers | None = None) -> Message:
    """A record as it stands in the log, appended 10 ms after START + 100 ms x offset."""
    return Message(CAMERA_LOG, 0, offset, START + 100 * offset + 10, key, value, headers or [])


def signed(wire: Wire, event: Event, offset: int, *, expires_at: int | None = None) -> Message:
    """A command as the API writes it."""
    body = wire.encode(event)
    expires_at = START + 100 * offset + 60_000 if expires_at is None else expires_at
    return message(body, offset, headers=SIGNER.headers(event.camera_id, body, expires_at))
