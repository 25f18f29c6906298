"""A camera log in memory: what was sent, as it would stand in the topic."""

from collections import Counter
from collections.abc import Iterable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from schemas.registry import MemoryRegistry
from schemas.signing import Signer, Verifier
from schemas.topics import CAMERA_LOG
from schemas.wire import Wire
from stream_processors.agents.camera_fold import CameraFold
from stream_processors.runtime.messages import Message
from stream_processors.runtime.partitioning import Partitioning, home
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
    return CameraFold(pen.wire, Verifier({SIGNER.key_id: SIGNER.key.public_key()}), Partitioning(pen.partitions))


def as_log(records: Iterable[Record], pen: Pen) -> list[Message]:
    """The records as the broker would have taken them."""
    log: list[Message] = []
    ends: Counter[int] = Counter()
    for record in records:
        partition = home(record.key or b"", pen.partitions) if record.partition is None else record.partition
        log.append(Message(CAMERA_LOG, partition, ends[partition], pen.now(), record.key, record.value, record.headers))
        ends[partition] += 1
    return log
