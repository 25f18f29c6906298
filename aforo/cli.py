"""The `aforo` command. It parses arguments and prints; what is done is in the modules it calls."""

import time

import click
from rich.table import Table

from aforo.commands.access import access
from aforo.commands.dead_letters import dead_letters
from aforo.commands.edge import edge
from aforo.commands.export import export
from aforo.commands.keys import keys
from aforo.commands.partitions import partitions
from aforo.commands.process import process
from aforo.commands.rebuild import rebuild
from aforo.commands.replay import replay
from aforo.commands.replay_runs import COMMANDS as REPLAY_RUNS
from aforo.commands.shared import console, with_settings
from aforo.commands.status import status
from aforo.commands.verify import verify
from aforo.settings import Settings, documented
from infra.local.stack import Stack
from infra.local.tools import ensure_tools

BEGAN = time.monotonic()


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
def init(settings: Settings) -> None:
    """Create topics, schemas, keys and tables where they are missing. Safe to repeat."""
    from aforo.processes import init as process_init  # noqa: PLC0415 - no command loads another's libraries

    created = process_init.run(settings)
    console.print(f"ready: {len(created)} topics created" if created else "ready: everything was there")


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


for command in (access, keys, status, dead_letters, edge, process, partitions, replay, verify, export, rebuild):
    main.add_command(command)
for command in REPLAY_RUNS:
    replay.add_command(command)


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
