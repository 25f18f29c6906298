"""`make bench`: the figures that need no server, one after the other, with the machine they were taken on."""

import os
import platform
from collections.abc import Callable
from pathlib import Path

import click

from benchmarks import detector, fold, fold_growth, fold_memory
from infra.local.footage import vtest
from infra.local.settings import LocalSettings

OTHERS = """
More, each with its own --help or docstring:
  python -m benchmarks.tracking --data DIR --output DIR   accuracy and speed on MOTChallenge data
  python -m benchmarks.projector DATABASE_URL             positions a second into an empty, migrated database
  python -m benchmarks.api                                CPU of the hot GraphQL queries
  python -m benchmarks.fold_growth FILE.svg               growth with people, zones and cameras, as a plot too
  AFORO_DEMO_SECONDS=75 make demo                         latency from capture to a WebSocket client
"""


def _detector() -> None:
    print("Detector, real footage")
    detector.main([str(vtest(LocalSettings().cache_dir))])


def _fold() -> None:
    print("Fold of one camera")
    fold.main()
    fold_growth.main([])
    fold_memory.main([])


PARTS: dict[str, Callable[[], None]] = {"detector": _detector, "fold": _fold}


@click.command(help=__doc__)
@click.argument("parts", nargs=-1, type=click.Choice(list(PARTS)))
def main(parts: tuple[str, ...]) -> None:
    """Print every table, or those of some parts."""
    print(f"{_processor()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    for part in parts or PARTS:
        print()
        PARTS[part]()
    print(OTHERS)


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    main()
