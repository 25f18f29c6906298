"""`make bench`: the figures that need no server, one after the other, with the machine they were taken on."""

import os
import platform
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from benchmarks import api, api_streams, backlog, detector, fold, fold_growth, fold_memory, latency, soak
from infra.local.footage import vtest
from infra.local.settings import LocalSettings

OTHERS = """
More, each with its own --help or docstring:
  python -m benchmarks.tracking --data DIR --output DIR   accuracy and speed on MOTChallenge data
  python -m benchmarks.projector DATABASE_URL             positions a second into an empty, migrated database
  python -m benchmarks.api_queries DATABASE_URL           hot queries over a year of a site, which it makes first
  python -m benchmarks latency [--seconds 60]             camera log to tracks through the real cameras app, p50 and p99
  python -m benchmarks backlog [--minutes 1]              how fast a worker drains what was queued
  python -m benchmarks soak [--minutes 30]                memory of the processes, minute by minute, and its slope
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


def _api() -> None:
    print("API")
    api.main()
    api_streams.main()


PARTS: dict[str, Callable[[], None]] = {"detector": _detector, "fold": _fold, "api": _api}
WITH_SERVERS: dict[str, Callable[[Sequence[str]], None]] = {
    "backlog": backlog.main,
    "latency": latency.main,
    "soak": soak.main,
}


@click.command(help=__doc__, context_settings={"ignore_unknown_options": True})
@click.argument("part", required=False, type=click.Choice([*PARTS, *WITH_SERVERS]))
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def main(part: str | None, options: tuple[str, ...]) -> None:
    """Print every table that needs no server, or one part; options are the part's own."""
    print(f"{_processor()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    if part in WITH_SERVERS:
        WITH_SERVERS[part](options)
        return
    for name in [part] if part else PARTS:
        print()
        PARTS[name]()
    print(OTHERS)


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    main()
