"""`aforo process`: the stream processors."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from aforo.commands.shared import with_settings
from aforo.settings import Settings
from schemas.topics import PartitionMismatchError
from stream_processors.runtime.exits import REFUSED_TO_START

workers_option = click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    help="So many processes, which share the partitions; one that ends unasked is started again.",
)


@click.group()
def process() -> None:
    """Run a stream processor."""


@process.command()
@workers_option
@with_settings
def cameras(settings: Settings, *, workers: int) -> None:
    """Fold camera logs into tracks, zone visits and minutes."""
    if workers > 1:
        _supervise("cameras", workers, settings)
    from aforo.processes import cameras as process_cameras  # noqa: PLC0415 - no command loads another's libraries

    with _told_refusal():
        process_cameras.run(settings)


@process.command()
@workers_option
@with_settings
def projector(settings: Settings, *, workers: int) -> None:
    """Write what the fold says into the database."""
    if workers > 1:
        _supervise("projector", workers, settings)
    from aforo.processes import projector as process_projector  # noqa: PLC0415 - as above

    with _told_refusal():
        process_projector.run(settings)


@process.command()
@with_settings
def replays(settings: Settings) -> None:
    """Carry out the replay runs that `aforo replay start` or the API asked for; start as many as you like."""
    from aforo.processes import replays as process_replays  # noqa: PLC0415 - as above

    with _told_refusal():
        process_replays.run(settings)


@contextmanager
def _told_refusal() -> Iterator[None]:
    """Settings that do not fit the topics: one line, and a status after which nothing starts the process again."""
    try:
        yield
    except PartitionMismatchError as error:
        refusal = click.ClickException(str(error))
        refusal.exit_code = REFUSED_TO_START
        raise refusal from error


def _supervise(kind: str, workers: int, settings: Settings) -> None:
    from aforo.processes import supervisor  # noqa: PLC0415 - as above

    sys.exit(supervisor.run(kind, workers, settings.process))
