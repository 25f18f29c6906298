"""A camera that shows recorded footage again and again over RTSP: `python -m benchmarks.footage_server PORT FILE`.

It only sends what `encode` has put into the file, so that a benchmark on the same machine measures the edge and not its
cameras. Each server is a process of its own and begins at another moment, as cameras do.
"""

import random
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import msgspec
import rtsp.source

FPS = 10
# The library would listen on every interface.
_Server = rtsp.source._RTSPServer  # noqa: SLF001 - pinned for development; no public way to choose the interface
rtsp.source._RTSPServer = lambda _host, port, sdp: _Server("127.0.0.1", port, sdp)  # noqa: SLF001 - the same


def encode(video: Path, file: Path) -> None:
    """Each picture of the video as H.264 units, one second between key frames, as cameras send them."""
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        codec = av.CodecContext.create("libx264", "w")
        codec.width, codec.height, codec.pix_fmt = stream.width, stream.height, "yuv420p"
        codec.framerate, codec.time_base, codec.gop_size = Fraction(FPS), Fraction(1, FPS), FPS
        codec.options = {"preset": "veryfast", "tune": "zerolatency", "crf": "26", "profile": "baseline"}
        packets = []
        for number, picture in enumerate(container.decode(stream)):
            plain = picture.reformat(format="yuv420p")
            plain.pts, plain.pict_type = number, 0  # the encoder decides, not the recording
            packets += [units(bytes(packet)) for packet in codec.encode(plain)]
    file.write_bytes(msgspec.msgpack.encode(packets))


def units(packet: bytes) -> list[bytes]:
    """The units of one packet, without their start codes."""
    found, _ = rtsp.source._split_nals(packet + b"\x00\x00\x00\x01")  # noqa: SLF001 - the library's own parser
    return list(found)


class Footage(rtsp.source.Source):  # type: ignore[misc]  # the library is untyped
    """Sends what was encoded before."""

    def __init__(self, port: int, packets: list[list[bytes]]) -> None:
        self._packets = packets
        super().__init__(f"rtsp://127.0.0.1:{port}/live", fps=FPS, size=(16, 16))

    def _encode_loop(self) -> None:
        due = time.monotonic()
        for number, packet in enumerate(self._endless()):
            for index, unit in enumerate(packet):
                self._remember(unit)
                self._rtsp.broadcast(unit, number * 90_000 // FPS & 0xFFFFFFFF, index == len(packet) - 1)
            self._encoding_started.set()
            due += 1 / FPS
            time.sleep(max(0.0, due - time.monotonic()))

    def _endless(self) -> Iterator[list[bytes]]:
        while self._bg_run:
            yield from self._packets

    def _remember(self, unit: bytes) -> None:
        """Parameter sets are announced in the session's description."""
        match unit[0] & 0x1F:
            case 7:
                self._sps = unit
            case 8:
                self._pps = unit


def main(port: int, file: Path) -> None:
    """Serve until the input ends."""
    packets = msgspec.msgpack.decode(file.read_bytes(), type=list[list[bytes]])
    time.sleep(random.random() / FPS)
    with Footage(port, packets) as source:
        source.wait_ready()
        source.wait_encoding_started()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
