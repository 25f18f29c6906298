"""`aforo process`: the stream processors."""

import click

from aforo.commands.shared import with_settings
from aforo.settings import Settings


@click.group()
def process() -> None:
    """Run a stream processor."""


@process.command()
@with_settings
def cameras(settings: Settings) -> None:
    """Fold camera logs into tracks, zone visits and minutes."""
    from aforo.processes import cameras as process_cameras  # noqa: PLC0415 - no command loads another's libraries

    process_cameras.run(settings)


@process.command()
@with_settings
def projector(settings: Settings) -> None:
    """Write what the fold says into the database."""
    from aforo.processes import projector as process_projector  # noqa: PLC0415 - as above

    process_projector.run(settings)
