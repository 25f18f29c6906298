"""The process of the detector: takes in captures, and tells what it saw. It must not know who started it or who reads."""

import selectors
import socket
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import TypeAlias

import msgspec

from detectors.errors import DetectorError
from producers import child
from producers.channel import CaptureLink
from producers.clock import SystemClock
from producers.inference import Inference
from producers.mailbox import Mailboxes
from producers.models import make_detector, make_embedder
from producers.results import Ready, Unusable
from producers.settings import EdgeSettings
from producers.views import Watching

_MESSAGE_BYTES = 4_096
_encode = msgspec.msgpack.Encoder().encode


class Open(msgspec.Struct, frozen=True, tag=True):
    """A capture begins; the end of its channel comes with this."""

    camera_id: str


class Watch(msgspec.Struct, frozen=True, tag=True):
    """Somebody looks at this camera's pictures, for so long from now."""

    camera_id: str
    for_s: float


Order: TypeAlias = Open | Watch
_order = msgspec.msgpack.Decoder(Order).decode


class Reception:
    """Takes in captures and what they say, in a thread beside the detector's.

    Args:
        orders: where captures come from; once it ends none will come any more.
        mailboxes: where what they say goes.
        watching: who looks.
    """

    def __init__(self, orders: socket.socket, mailboxes: Mailboxes, watching: Watching) -> None:
        self._orders = orders
        self._mailboxes = mailboxes
        self._watching = watching
        self._links: dict[str, CaptureLink] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(orders, selectors.EVENT_READ, self._obey)

    def run_or_abandon(self) -> None:
        """As `run`; a fault lets go of the detector's thread."""
        try:
            self.run()
        except BaseException:
            self._mailboxes.abandon()
            raise

    def run(self) -> None:
        """Until the orders and every capture have ended."""
        with self._selector:
            while self._selector.get_map():
                for key, _ in self._selector.select():
                    key.data()

    def _obey(self) -> None:
        message, descriptors, _, _ = socket.recv_fds(self._orders, _MESSAGE_BYTES, 1)
        if not message:
            self._selector.unregister(self._orders)
            self._mailboxes.finish()
            return
        match _order(message):
            case Open(camera_id):
                self._open(camera_id, socket.socket(fileno=descriptors[0]))
            case Watch(camera_id, for_s):
                self._watching.watch(camera_id, for_s)

    def _open(self, camera_id: str, end: socket.socket) -> None:
        """The capture before has ended, but its last words may not have been heard yet."""
        while before := self._links.get(camera_id):
            self._hear(before)
        link = self._links[camera_id] = CaptureLink(camera_id, end, self._mailboxes)
        self._selector.register(end, selectors.EVENT_READ, lambda: self._hear(link))

    def _hear(self, link: CaptureLink) -> None:
        if self._links.get(link.camera_id) is not link or link.receive():
            return
        self._selector.unregister(link.end)
        link.close()
        del self._links[link.camera_id]


def main(settings: EdgeSettings, orders: socket.socket, results: Connection, prepare: Callable[[], None]) -> None:
    """Look at frames until the orders end and every capture has ended; SIGTERM is left to whoever gives the orders."""
    prepare()
    child.settle(lambda: None)
    try:
        detector = make_detector(settings)
    except DetectorError as error:
        results.send_bytes(_encode(Unusable(why=str(error))))
        return
    results.send_bytes(_encode(Ready(model=detector.name)))
    mailboxes = Mailboxes()
    clock = SystemClock(threading.Event())
    watching = Watching(clock)
    reception = Reception(orders, mailboxes, watching)
    threading.Thread(target=reception.run_or_abandon, name="reception", daemon=True).start()
    Inference(
        detector,
        mailboxes,
        clock,
        lambda result: results.send_bytes(_encode(result)),
        watched=watching.watched,
        embedder=make_embedder(settings),
    ).run()
    if mailboxes.abandoned:
        sys.exit("captures cannot be heard any more; the cause was printed before")
