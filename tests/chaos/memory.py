"""A camera log in memory: what was sent, as it would stand in one partition of the topic."""

from collections.abc import Iterable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from schemas.registry import MemoryRegistry
from schemas.signing import Signer, Verifier
from schemas.topics import CAMERA_LOG
from schemas.wire import Wire
from stream_processors.agents.camera_fold import CameraFold
from stream_processors.runtime.messages import Message
from tests.chaos.mishaps import Pen, Record

BEGINS_AT = 1_700_000_000_000
SIGNER = Signer(Ed25519PrivateKey.generate())


def make_pen() -> Pen:
    """Writes as of ten minutes after the film began."""
    wire = Wire(MemoryRegistry())
    wire.preload()
    return Pen(wire, SIGNER, lambda: BEGINS_AT + 600_000, partitions=4)


def make_fold(pen: Pen) -> CameraFold:
    """Trusts what the pen signs."""
    return CameraFold(pen.wire, Verifier({SIGNER.key_id: SIGNER.key.public_key()}))


def as_log(records: Iterable[Record], pen: Pen) -> list[Message]:
    """The records as the broker would have taken them."""
    return [
        Message(CAMERA_LOG, 0, offset, pen.now(), record.key, record.value, record.headers)
        for offset, record in enumerate(records)
    ]
