"""An RTSP camera in a process of its own, so that a test can kill or freeze it: `rtsp_server.py PORT [PASSWORD]`.

It serves `/live` and knows no other path. With a password it asks for it, user `admin`. It offers sound beside the
pictures, and whoever takes both gets no picture. A line `WIDTH HEIGHT` on its standard input gives its pictures another
size while they stream; the end of its input ends it.
"""

import base64
import sys
import threading
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import rtsp.source

# The library would listen on every interface.
_Server = rtsp.source._RTSPServer
rtsp.source._RTSPServer = lambda _host, port, sdp: _Server("127.0.0.1", port, sdp)


_AUDIO = "m=audio 0 RTP/AVP 0\r\na=control:trackID=1\r\n"


def guarded(password: str | None) -> type[Any]:
    """Sessions that answer 404 off the path, and 401 without the password."""
    expected = "Basic " + base64.b64encode(f"admin:{password}".encode()).decode()

    class Guarded(rtsp.source._Session):  # type: ignore[misc]  # the library is untyped
        async def _dispatch(self, method: str, uri: str, headers: dict[str, str], peer: object) -> None:
            number = headers.get("cseq", "0")
            if not urlsplit(uri).path.startswith("/live"):
                self._reply(number, "404 Not Found")
            elif password is not None and headers.get("authorization") != expected:
                self._reply(number, "401 Unauthorized", {"WWW-Authenticate": 'Basic realm="camera"'})
            else:
                await super()._dispatch(method, uri, headers, peer)

    return Guarded


def pictures(width: int, height: int) -> list[Any]:
    """Ten grey pictures with a bar that moves."""
    frames = np.full((10, height, width, 3), 60, dtype=np.uint8)
    step = width // 10
    for index, frame in enumerate(frames):
        frame[:, index * step : (index + 1) * step] = 220
    return list(frames)


def resize(source: Any, width: int, height: int) -> None:
    """Another encoder for the same sessions."""
    source._bg_run = False
    source._encode_thread.join()
    source._size, source._buffer, source._bg_run = (width, height), pictures(width, height), True
    source._encode_thread = threading.Thread(target=source._encode_loop, daemon=True)
    source._encode_thread.start()


def main(port: int, password: str | None = None) -> None:
    rtsp.source._Session = guarded(password)
    described = rtsp.source.Source._sdp
    rtsp.source.Source._sdp = lambda source: described(source) + _AUDIO
    with rtsp.source.Source(f"rtsp://127.0.0.1:{port}/live", fps=25, frame_buffer=pictures(160, 120)) as source:
        source.wait_encoding_started()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        for line in sys.stdin:
            width, height = line.split()
            resize(source, int(width), int(height))


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
