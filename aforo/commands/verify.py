"""`aforo verify`: what was published, proved by the log."""

import os

import click

from aforo.commands.shared import console, with_settings
from aforo.settings import Settings


@click.command()
@click.option(
    "--from",
    "start",
    metavar="TIME",
    help="Verify from the snapshot before this: UTC ms, or RFC 3339 with a time zone. Without it: from the oldest.",
)
@click.option("--to", "stop", metavar="TIME", help="Verify up to here, and what began before it to its end.")
@click.option("--camera", "cameras", multiple=True, help="Only this camera; can be given several times.")
@click.option(
    "--jobs", type=click.IntRange(1), help="Partitions verified at a time. Default: as many as there are cores."
)
@with_settings
def verify(
    settings: Settings, *, start: str | None, stop: str | None, cameras: tuple[str, ...], jobs: int | None
) -> None:
    """Fold a range of the log again and compare what that says with what was published, record by record.

    Ends with status 1 and the first record that differs, if any does. Ranges that an adopted replay restated are recomputed
    under its rules and compared as well.

    \b
      aforo verify --from 2026-01-31T08:00:00Z --to 2026-01-31T18:00:00Z --camera door
    """  # noqa: D301 - click's mark for lines that are kept as they are
    from aforo import replay  # noqa: PLC0415 - no command loads another's libraries
    from aforo import verify as verification  # noqa: PLC0415 - as above

    plan = replay.plan(start=start, stop=stop, cameras=cameras)
    verification.run(settings, plan, console, jobs=jobs or os.cpu_count() or 1)
