"""What an edge does on this machine: real RTSP streams of real footage, real processes, a real broker.

`python -m benchmarks.edge` measures everything; name parts to measure only those: `spool`, `eight`, `four`, `faults`, `outage`.
`--minutes` is how long each of the two runs with cameras takes. `make bench-edge MINUTES=10` is the long form.
"""

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import edge_faults, edge_streams
from producers.spool import Message, Spool

_MESSAGES = 100_000
_VALUE = 2_000


def spool(_minutes: float) -> None:
    """Into the spool in groups of 20, as the edge does, and out of it in groups of 500."""
    with tempfile.TemporaryDirectory() as folder:
        store = Spool(Path(folder) / "spool.db")
        messages = [_message(number) for number in range(1, _MESSAGES + 1)]
        begun = time.perf_counter()
        for first in range(0, _MESSAGES, 20):
            store.append(messages[first : first + 20])
        into_s, begun, last = time.perf_counter() - begun, time.perf_counter(), 0
        while read := store.above(last, 500):
            store.delete(last, read[-1].number)
            last = read[-1].number
        out_s = time.perf_counter() - begun
        store.close()
    print(f"spool, {_VALUE} bytes a message: {_MESSAGES / into_s:,.0f} in, {_MESSAGES / out_s:,.0f} out a second")


def _message(number: int) -> Message:
    return Message(number, f"camera-{number % 8}", "session", number, number, bytes(_VALUE), {"detector-ms": b"12.5"})


PARTS: dict[str, Callable[[float], None]] = {
    "spool": spool,
    "eight": lambda minutes: edge_streams.measure(cameras=8, target_fps=5, minutes=minutes),
    "four": lambda minutes: edge_streams.measure(cameras=4, target_fps=10, minutes=minutes),
    "faults": lambda _minutes: edge_faults.reconnect(),
    "outage": lambda _minutes: edge_faults.outage(cameras=8, target_fps=5, seconds=60),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all of them when left out")
    parser.add_argument("--minutes", type=float, default=10.0)
    options = parser.parse_args(arguments)
    print(f"{_processor()}, {os.cpu_count()} cores, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}")
    for name in options.parts or PARTS:
        PARTS[name](options.minutes)


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    main()
