"""An RTSP camera in a process of its own, so that a test can kill or freeze it: `rtsp_server.py PORT`."""

import sys
from typing import Any

import numpy as np
import rtsp.source

# The library would listen on every interface.
_Server = rtsp.source._RTSPServer
rtsp.source._RTSPServer = lambda _host, port, sdp: _Server("127.0.0.1", port, sdp)


def pictures() -> list[Any]:
    """Ten grey pictures, 160 x 120, with a bar that moves."""
    frames = np.full((10, 120, 160, 3), 60, dtype=np.uint8)
    for index, frame in enumerate(frames):
        frame[:, index * 16 : index * 16 + 16] = 220
    return list(frames)


def main(port: int) -> None:
    with rtsp.source.Source(f"rtsp://127.0.0.1:{port}/live", fps=25, frame_buffer=pictures()) as source:
        source.wait_encoding_started()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        source.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]))
