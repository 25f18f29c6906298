"""`aforo export`: what is in Kafka, as files."""

from pathlib import Path

import click

from aforo.commands.shared import console, with_settings
from aforo.settings import Settings


@click.group()
def export() -> None:
    """Copy what is in Kafka to files."""


@export.command("log")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="The file to write; an Avro container if it ends in .avro.",
)
@click.option("--camera", "cameras", multiple=True, help="Only this camera; can be given several times.")
@with_settings
def export_log(settings: Settings, *, output: Path, cameras: tuple[str, ...]) -> None:
    """Write the folded part of the camera log as records that `aforo replay` reads, JSON lines or Avro."""
    from aforo import export as process_export  # noqa: PLC0415 - as above

    counts = process_export.run(settings, output, frozenset(cameras))
    console.print(
        f"{output}: " + (", ".join(f"{count:,} {record}" for record, count in sorted(counts.items())) or "nothing")
    )
