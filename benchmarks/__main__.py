"""`make bench`: the figures that need no server, one after the other, with the machine they were taken on."""

import os
import platform
from pathlib import Path

from benchmarks import detector, fold
from infra.local.footage import vtest
from infra.local.settings import LocalSettings

OTHERS = """
More, each with its own --help or docstring:
  python -m benchmarks.tracking --data DIR --output DIR   accuracy and speed on MOTChallenge data
  python -m benchmarks.projector DATABASE_URL             positions a second into an empty, migrated database
  python -m benchmarks.api                                CPU of the hot GraphQL queries
  AFORO_DEMO_SECONDS=75 make demo                         latency from capture to a WebSocket client
"""


def main() -> None:
    """Print every table."""
    print(f"{_processor()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    print("Detector, real footage")
    detector.main([str(vtest(LocalSettings().cache_dir))])
    print("\nFold of one camera, 2 zones and a line")
    fold.main()
    print(OTHERS)


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    main()
