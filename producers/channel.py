"""The hand-over between two processes: an ordered socket for what is said, shared memory for the pictures.

Both belong to one run of one capture and end with it, however it ends: an end of file is the last word, and the kernel
frees the memory, which has no name that could be left behind (docs/decisions/0010). Which processes use it is not known
here.
"""

import mmap
import os
import select
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TypeAlias

import msgspec
import numpy as np

from detectors.detector import Image
from producers.frames import Frame
from producers.handover import Captured, CaptureSink, Guidance, HandoverClosedError, SkipReason
from producers.mailbox import Mailboxes, Offered
from schemas.events import CameraStatusChanged, TimeSource

PICTURES = 3
"""One being looked at, one waiting, one being written."""
_MESSAGE_BYTES = 65_536
_PATIENCE_S = 1.0


class _Said(msgspec.Struct, frozen=True, tag=True, tag_field="type"):
    """One message of the channel."""


class PicturesAt(_Said, frozen=True):
    """From here on pictures are in the memory that comes with this, each of so many bytes."""

    size: int


class FrameAt(_Said, frozen=True):
    """A frame; its picture is in this place, or nowhere if nobody is to look."""

    place: int | None
    replaceable: bool
    session: str
    number: int
    observed_at: int
    time_source: TimeSource
    width: int
    height: int
    skipped: Mapping[SkipReason, int]


class Release(_Said, frozen=True):
    """The picture in this place is not needed any more."""

    place: int


class Guide(_Said, frozen=True):
    """What the capture is told."""

    guidance: Guidance


_FromCapture: TypeAlias = PicturesAt | FrameAt | CameraStatusChanged
_ToCapture: TypeAlias = Release | Guide
_encode = msgspec.msgpack.Encoder().encode
_from_capture: msgspec.msgpack.Decoder[_FromCapture] = msgspec.msgpack.Decoder(_FromCapture)
_to_capture: msgspec.msgpack.Decoder[_ToCapture] = msgspec.msgpack.Decoder(_ToCapture)


def channel() -> tuple[socket.socket, socket.socket]:
    """Two ends that keep the boundaries of messages."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def _mapped(descriptor: int, size: int) -> Image:
    """Room for the pictures, (PICTURES, size) bytes; unmapped when the last view of it is gone."""
    return np.frombuffer(mmap.mmap(descriptor, PICTURES * size), dtype=np.uint8).reshape(PICTURES, size)


def _picture(memory: Image, place: int, width: int, height: int) -> Image:
    """The picture in this place, (height, width, 3), where it lies."""
    return memory[place % PICTURES, : 3 * width * height].reshape(height, width, 3)


def _no_picture() -> Image:
    raise LookupError("a gated frame has no picture; nobody is to look at it")


def _frame_at(captured: Captured, place: int | None, *, replaceable: bool) -> FrameAt:
    frame = captured.frame
    return FrameAt(
        place=place,
        replaceable=replaceable,
        session=captured.session,
        number=captured.number,
        observed_at=frame.observed_at,
        time_source=frame.time_source,
        width=frame.width,
        height=frame.height,
        skipped=captured.skipped,
    )


class ChannelSink(CaptureSink):
    """The capture's end.

    Args:
        end: its end of the channel.
        alive: told what `CaptureSink.alive` is told.
    """

    def __init__(self, end: socket.socket, alive: Callable[[float], None]) -> None:
        self._end = end
        self._alive = alive
        self._guidance = Guidance()
        self._size = 0
        self._next_place = 0
        self._free: list[int] = []
        self._lent: set[int] = set()

    def put_frame(self, captured: Captured, *, wait: bool) -> None:
        """Hand on a frame; see `CaptureSink`. With no place free it is stale at once, which its number will tell."""
        self._hear()
        place = None
        if not captured.gated:
            place = self._take_place(3 * captured.frame.width * captured.frame.height, wait=wait)
            if place is None:
                return
            self._picture(place, captured.frame)[:] = captured.frame.image()
        self._say(_frame_at(captured, place, replaceable=not wait))

    def put_status(self, status: CameraStatusChanged) -> None:
        """Hand on a status change; see `CaptureSink`."""
        self._say(status)

    def alive(self, within_s: float) -> None:
        """Say when the next sign of life comes; see `CaptureSink`."""
        self._alive(within_s)

    def guidance(self) -> Guidance:
        """What was said last."""
        self._hear()
        return self._guidance

    def _take_place(self, size: int, *, wait: bool) -> int | None:
        if size > self._size:
            self._make_room(size)
        while wait and not self._free:
            self._alive(2 * _PATIENCE_S)
            self._hear(_PATIENCE_S)
        if not self._free:
            return None
        place = self._free.pop()
        self._lent.add(place)
        return place

    def _make_room(self, size: int) -> None:
        """New memory for larger pictures; places in the old one are forgotten."""
        descriptor = os.memfd_create("aforo-pictures")
        try:
            os.ftruncate(descriptor, PICTURES * size)
            self._say(PicturesAt(size), descriptor)
            self._memory = _mapped(descriptor, size)
        finally:
            os.close(descriptor)
        self._size = size
        self._free = list(range(self._next_place, self._next_place + PICTURES))
        self._lent = set()
        self._next_place += PICTURES

    def _picture(self, place: int, frame: Frame) -> Image:
        return _picture(self._memory, place, frame.width, frame.height)

    def _hear(self, patience_s: float = 0) -> None:
        """Take in what was said, waiting so long for the first word."""
        if patience_s:
            select.select([self._end], [], [], patience_s)
        while (message := self._heard()) is not None:
            match message:
                case Release() if message.place in self._lent:
                    self._lent.discard(message.place)
                    self._free.append(message.place)
                case Guide():
                    self._guidance = message.guidance

    def _heard(self) -> _ToCapture | None:
        try:
            message = self._end.recv(_MESSAGE_BYTES, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None
        except ConnectionResetError:
            message = b""
        if not message:
            raise HandoverClosedError
        return _to_capture.decode(message)

    def _say(self, message: _FromCapture, *descriptors: int) -> None:
        try:
            socket.send_fds(self._end, [_encode(message)], list(descriptors))
        except (BrokenPipeError, ConnectionResetError):
            raise HandoverClosedError from None


class CaptureLink:
    """The other end: puts what one capture says into its mailbox.

    Args:
        camera_id: whose capture it is.
        end: this end of the channel.
        mailboxes: where frames and status changes go.
    """

    def __init__(self, camera_id: str, end: socket.socket, mailboxes: Mailboxes) -> None:
        self.camera_id = camera_id
        self.end = end
        self._mailboxes = mailboxes
        mailboxes.open(camera_id, lambda guidance: self._say(Guide(guidance)))

    def receive(self) -> bool:
        """Take in one message, waiting for it; False at the end of all."""
        try:
            message, descriptors, _, _ = socket.recv_fds(self.end, _MESSAGE_BYTES, 1)
        except ConnectionResetError:  # it died with our words unread; its own last ones come all the same
            return True
        if not message:
            return False
        self._take(_from_capture.decode(message), descriptors)
        return True

    def close(self) -> None:
        """Close the mailbox and this end."""
        self._mailboxes.close(self.camera_id)
        self.end.close()

    def _take(self, message: _FromCapture, descriptors: list[int]) -> None:
        match message:
            case PicturesAt():
                (descriptor,) = descriptors
                self._memory = _mapped(descriptor, message.size)
                os.close(descriptor)
            case FrameAt():
                self._mailboxes.put(self.camera_id, self._offered(message))
            case CameraStatusChanged():
                self._mailboxes.put(self.camera_id, message)

    def _offered(self, at: FrameAt) -> Offered:
        place = at.place
        if place is None:
            return Offered(self._captured(at, _no_picture), at.replaceable)
        memory = self._memory
        captured = self._captured(at, lambda: _picture(memory, place, at.width, at.height))
        return Offered(captured, at.replaceable, lambda: self._say(Release(place)))

    def _captured(self, at: FrameAt, image: Callable[[], Image]) -> Captured:
        frame = Frame(at.observed_at, at.time_source, at.width, at.height, image)
        return Captured(self.camera_id, at.session, at.number, frame, at.place is None, at.skipped)

    def _say(self, message: _ToCapture) -> None:
        """Never waits: a capture that does not listen is hung or gone, and others see to that."""
        with suppress(OSError):
            self.end.send(_encode(message), socket.MSG_DONTWAIT)
