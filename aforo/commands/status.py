"""`aforo status`: what runs, how far behind it is, and what is wrong."""

import sys

import click

from aforo.commands.shared import console, with_settings
from aforo.settings import Settings


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for scripts.")
@with_settings
def status(settings: Settings, *, as_json: bool) -> None:
    """Show what runs, how far behind it is, and what is wrong.

    The local stack's services, then for each partition how far the fold and the database are, each camera's watermark, and dead
    letters. Ends with status 1 when something is wrong; each line says what to do.
    """
    from aforo import status as streams  # noqa: PLC0415 - no command loads another's libraries

    problems = streams.run(settings, console, as_json=as_json)
    sys.exit(1 if problems else 0)
