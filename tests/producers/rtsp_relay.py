"""Stands between an RTSP client and its server and does to the stream what networks and cameras do.

RTSP over TCP carries each RTP or RTCP packet behind `$`, a channel and a length (RFC 2326, 10.12), so that single packets
can be lost, torn or added here as they would be over UDP.
"""

import socket
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeAlias

RTP, RTCP = 0, 1
_NTP_EPOCH_S = 2_208_988_800

Packet: TypeAlias = tuple[int, bytes]
"""Channel and content."""

Mangle: TypeAlias = Callable[[int, bytes], Iterable[Packet]]
"""What becomes of one packet."""


def sender_report(rtp: bytes, utc_s: float) -> bytes:
    """An RTCP sender report (RFC 3550, 6.4.1): this RTP packet's picture was taken at `utc_s`."""
    timestamp, source = struct.unpack_from("!II", rtp, 4)
    seconds, fraction = divmod(utc_s + _NTP_EPOCH_S, 1)
    return struct.pack("!BBHIIIIII", 0x80, 200, 6, source, int(seconds), int(fraction * 2**32), timestamp, 0, 0)


@contextmanager
def relay(to_port: int, mangle: Mangle) -> Iterator[int]:
    """The port of a relay to the server at `to_port`, for as many connections as come."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        opened: list[socket.socket] = []
        thread = threading.Thread(target=_accept, args=(listener, to_port, mangle, opened))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for connection in opened:
                with suppress(OSError):  # hung up before
                    connection.shutdown(socket.SHUT_RDWR)
            thread.join()


def _accept(listener: socket.socket, to_port: int, mangle: Mangle, opened: list[socket.socket]) -> None:
    threads = []
    with suppress(OSError):  # the test is over
        while True:
            client, _ = listener.accept()
            server = socket.create_connection(("127.0.0.1", to_port))
            opened += [client, server]
            threads += [
                threading.Thread(target=_pass_on, args=(client, server)),
                threading.Thread(target=_pass_mangled, args=(server, client, mangle)),
            ]
            for thread in threads[-2:]:
                thread.start()
    for thread in threads:
        thread.join()
    for connection in opened:
        connection.close()


def _pass_on(client: socket.socket, server: socket.socket) -> None:
    with suppress(OSError):
        while requests := client.recv(65536):
            server.sendall(requests)
        server.shutdown(socket.SHUT_RDWR)


def _pass_mangled(server: socket.socket, client: socket.socket, mangle: Mangle) -> None:
    with suppress(OSError), server.makefile("rb") as stream:
        while first := stream.read(1):
            if first != b"$":
                client.sendall(first + stream.readline())
                continue
            channel, length = struct.unpack("!BH", stream.read(3))
            for to_channel, content in mangle(channel, stream.read(length)):
                client.sendall(struct.pack("!cBH", b"$", to_channel, len(content)) + content)
        client.shutdown(socket.SHUT_RDWR)
