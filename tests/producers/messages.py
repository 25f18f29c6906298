"""Messages for the tests of spool and forwarder."""

from collections.abc import Iterable

from producers.spool import Message

T0 = 1_700_000_000_000


def message(
    number: int, camera_id: str = "cam", *, seq: int | None = None, session: str = "s", size: int = 20
) -> Message:
    """The frame with that number; `seq` is one less unless it is told."""
    return Message(
        number=number,
        camera_id=camera_id,
        session=session,
        seq=number - 1 if seq is None else seq,
        observed_at=T0 + 100 * number,
        value=number.to_bytes(8, "big") + bytes(size - 8),
        headers={"detector-ms": b"12.500"},
    )


def messages(numbers: Iterable[int]) -> list[Message]:
    return [message(number) for number in numbers]
