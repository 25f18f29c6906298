"""An edge with two cameras that tells what it does, to be killed or stopped: `edge_process.py VIDEO`."""

import multiprocessing
import signal
import sys
import threading
from typing import Any

from producers.edge import run_edge
from producers.memory import MemoryCameraLog
from producers.settings import EdgeSettings
from schemas.events import CameraStatusChanged
from schemas.registry import MemoryRegistry
from schemas.wire import Wire


class Teller(MemoryCameraLog):
    """Tells each status change, and its children once both cameras stream."""

    streaming = 0

    def append(self, entry: Any, headers: Any = None) -> None:
        super().append(entry, headers)
        if isinstance(entry, CameraStatusChanged):
            self.streaming += entry.status == "STREAMING"
            tell("status", entry.camera_id, entry.status, entry.reason)
            if entry.status == "STREAMING" and self.streaming == 2:
                tell("children", *(child.pid for child in multiprocessing.active_children()))


def tell(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def main(video: str) -> None:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    cameras = [{"id": camera_id, "source": video, "loop": True} for camera_id in "ab"]
    run_edge(EdgeSettings.model_validate({"cameras": cameras}), Teller(Wire(MemoryRegistry())), stop)


if __name__ == "__main__":
    main(sys.argv[1])
