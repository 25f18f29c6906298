"""The `aforo` command. It parses arguments and prints; what is done is in the modules it calls."""

import sys
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec

import click
from rich.console import Console
from rich.table import Table

from aforo import logs
from aforo.settings import ConfigurationError, Settings, documented, load
from infra.local.errors import LocalStackError
from infra.local.stack import Stack
from infra.local.tools import ensure_tools
from schemas.signing import KeyFileError

P = ParamSpec("P")
BEGAN = time.monotonic()
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)
console = Console(highlight=False)


def with_settings(command: Callable[Concatenate[Settings, P], None]) -> Callable[P, None]:
    """Give a command the settings in force; faults in them and in the local stack end it with one clear message."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            settings = load()
            logs.configure(settings.log)
            command(settings, *args, **kwargs)
        except (ConfigurationError, KeyFileError, LocalStackError) as error:
            raise click.ClickException(str(error)) from error

    return run


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="aforo")
def main() -> None:
    """People tracking, dwell time and workplace efficiency from ordinary cameras.

    On one machine: `aforo up`, `aforo init`, then `aforo edge`, `aforo process cameras`, `aforo process projector` and
    `aforo api`, each in a process of its own. `aforo demo` does all of it with real footage.

    Settings come from AFORO_* variables, .env and aforo.yaml; `aforo config list` shows them all.
    """


@main.command()
@click.option("--install", is_flag=True, help="Install missing tools with apt (needs root on Debian or Ubuntu).")
@with_settings
def up(settings: Settings, *, install: bool) -> None:
    """Start Kafka, the schema registry and TimescaleDB on this machine, without Docker.

    Safe to repeat: what runs is left alone. What is downloaded is cached.
    """
    ensure_tools(install, console.print)
    Stack(settings.local).up(console.print)


@main.command()
@with_settings
def down(settings: Settings) -> None:
    """Stop what `aforo up` started; the data stay."""
    Stack(settings.local).down()
    console.print("local stack is down")


@main.command()
@with_settings
def status(settings: Settings) -> None:
    """Show what runs on this machine."""
    table = Table("service", "state", "pid", "address", "detail")
    services = Stack(settings.local).status()
    for each in services:
        table.add_row(each.name, each.state, str(each.pid or ""), each.address, each.detail)
    console.print(table)
    if any(each.state != "running" for each in services):
        sys.exit(1)


@main.command()
@with_settings
def init(settings: Settings) -> None:
    """Create topics, schemas, keys and tables where they are missing. Safe to repeat."""
    from aforo.processes import init as process_init  # noqa: PLC0415 - no command loads another's libraries

    created = process_init.run(settings)
    console.print(f"ready: {len(created)} topics created" if created else "ready: everything was there")


@main.command()
@with_settings
def edge(settings: Settings) -> None:
    """Watch the cameras of this machine and write their logs."""
    from aforo.processes import edge as process_edge  # noqa: PLC0415 - as above

    if not settings.edge.cameras:
        raise ConfigurationError(
            "no cameras: add them to aforo.yaml, for example\n\n"
            "edge:\n  cameras:\n    - {id: door, source: 'rtsp://user:password@192.0.2.10/stream1'}\n"
        )
    process_edge.run(settings)


@main.group()
def process() -> None:
    """Run a stream processor."""


@process.command()
@with_settings
def cameras(settings: Settings) -> None:
    """Fold camera logs into tracks, zone visits and minutes."""
    from aforo.processes import cameras as process_cameras  # noqa: PLC0415 - as above

    process_cameras.run(settings)


@process.command()
@with_settings
def projector(settings: Settings) -> None:
    """Write what the fold says into the database."""
    from aforo.processes import projector as process_projector  # noqa: PLC0415 - as above

    process_projector.run(settings)


@main.command()
@with_settings
def api(settings: Settings) -> None:
    """Serve GraphQL, subscriptions and REST."""
    from aforo.processes import api as process_api  # noqa: PLC0415 - as above

    process_api.run(settings)


@main.command()
@click.option(
    "--seconds",
    type=click.IntRange(min=75),
    envvar="AFORO_DEMO_SECONDS",
    help="End by itself so long after the first person was on a screen; at least 75, so that a minute closes.",
)
@with_settings
def demo(settings: Settings, *, seconds: int | None) -> None:
    """Run all of Aforo on this machine with real footage, and show what it measures.

    Fetches what is missing, needs no Docker, and keeps to a data folder of its own. Ctrl-C ends it; then it folds the
    whole log again and says whether anything was lost, doubled or changed.
    """
    from aforo.demo import run as demo_run  # noqa: PLC0415 - no command loads another's libraries

    if not console.is_terminal:
        console.width = 110  # a log file has no width of its own
    if faults := demo_run.run(settings, console, seconds, BEGAN):
        raise click.ClickException("not everything flowed: " + "; ".join(faults))
    console.print("everything flowed")


@main.command()
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


@main.group()
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


@main.group()
def config() -> None:
    """Look at the settings."""


@config.command()
@with_settings
def check(settings: Settings) -> None:
    """Check the settings and say which addresses they lead to."""
    console.print(f"settings are in order: Kafka {settings.kafka.bootstrap}, registry {settings.registry.url}, "
                  f"{len(settings.edge.cameras)} cameras")  # fmt: skip


@config.command("list")
def list_() -> None:
    """Show every setting, its default and its meaning."""
    table = Table("variable", "default", "meaning")
    for name, field in documented():
        table.add_row(name, str(field.get_default(call_default_factory=True)), field.description)
    console.print(table)
