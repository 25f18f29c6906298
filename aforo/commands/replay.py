"""`aforo replay`: history processed again."""

from pathlib import Path

import click

from aforo.commands.shared import FILE, FOLDER, console


@click.command()
@click.option("--input", "log", type=FILE, required=True, help="The log: one JSON record a line, or an Avro container.")
@click.option("--output", "folder", type=FOLDER, required=True, help="The folder for what the fold says.")
@click.option("--zones", type=FILE, help="Zones and lines in place of those in the log.")
@click.option("--from", "start", metavar="TIME", help="Report from here on: UTC ms, or RFC 3339 with a time zone.")
@click.option("--to", "stop", metavar="TIME", help="Report up to here, exclusive.")
@click.option(
    "--on-error",
    type=click.Choice(["stop", "skip"]),
    default="stop",
    show_default=True,
    help="What to do at a line that is no record.",
)
def replay(*, log: Path, folder: Path, zones: Path | None, start: str | None, stop: str | None, on_error: str) -> None:
    """Fold a log file again, without Kafka or a database.

    Writes tracks, zone visits, minutes and camera events as JSON lines, and summary.json with counts and digests.
    """
    from aforo import replay as offline  # noqa: PLC0415 - no command loads another's libraries

    offline.run(log, folder, zones, (start, stop), console, skip_errors=on_error == "skip")
