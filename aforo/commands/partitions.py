"""`aforo partitions`: how many there are."""

import json

import click

from aforo.commands.shared import console, with_settings
from aforo.settings import Settings, database_url


@click.group()
def partitions() -> None:
    """Change the number of partitions."""


@partitions.command()
@click.option("--to", type=click.IntRange(min=2), required=True, help="How many there are to be.")
@with_settings
def grow(settings: Settings, *, to: int) -> None:
    """Give every topic more partitions, when edges, API and workers are stopped and nothing is left to fold or store.

    Prints two settings that every process needs from then on. See docs/scaling.md.
    """
    from aforo import partitions as aforo_partitions  # noqa: PLC0415 - no command loads another's libraries
    from aforo.processes import waiting  # noqa: PLC0415 - as above
    from schemas.registry import HttpRegistry  # noqa: PLC0415 - as above

    wire = waiting.wire(HttpRegistry(settings.registry.url))
    try:
        grown = aforo_partitions.grow(settings.kafka, wire, database_url(settings), to, console.print)
    except (aforo_partitions.NotAtRestError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    console.print("set for every process of Aforo before you start it again:")
    click.echo(f"AFORO_KAFKA__PARTITIONS={grown.partitions}")
    click.echo(f"AFORO_KAFKA__GROWN={json.dumps(grown.grown)}")
