"""An edge with two cameras that names its processes once both stream, to be killed: `edge_process.py VIDEO`."""

import multiprocessing
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
    """Prints the pids of its children on one line."""

    streaming = 0

    def append(self, entry: Any, headers: Any = None) -> None:
        super().append(entry, headers)
        if isinstance(entry, CameraStatusChanged) and entry.status == "STREAMING":
            self.streaming += 1
            if self.streaming == 2:
                pids = " ".join(str(child.pid) for child in multiprocessing.active_children())
                sys.stdout.write(f"children {pids}\n")
                sys.stdout.flush()


def main(video: str) -> None:
    cameras = [{"id": camera_id, "source": video, "loop": True} for camera_id in "ab"]
    settings = EdgeSettings.model_validate({"cameras": cameras})
    run_edge(settings, Teller(Wire(MemoryRegistry())), threading.Event())


if __name__ == "__main__":
    main(sys.argv[1])
