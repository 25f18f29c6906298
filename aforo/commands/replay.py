"""`aforo replay`: history processed again."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click

from aforo.commands.shared import FILE, FOLDER, console, with_settings
from aforo.settings import Settings

Command = TypeVar("Command", bound=Callable[..., Any])
_RULES = (
    click.option("--from", "start", metavar="TIME", help="Report from here on: UTC ms, or RFC 3339 with a time zone."),
    click.option("--to", "stop", metavar="TIME", help="Report up to here, exclusive."),
    click.option("--camera", "cameras", multiple=True, help="Only this camera; can be given several times."),
    click.option("--zones", type=FILE, help="Zones and lines in place of those in the log."),
    click.option("--track-timeout-ms", type=click.IntRange(0), help="End lost tracks after this, whatever the log says."),
    click.option("--max-gap-ms", type=click.IntRange(0), help="Take more between two frames for a gap, whatever the log says."),
    click.option("--judge-again", is_flag=True, help="Take in what the live workers could not read or fold, if it can be now."),
)  # fmt: skip


def with_rules(command: Command) -> Command:
    """Give a command the options that `aforo.replay.plan` takes: what to replay, and under which rules."""
    for option in reversed(_RULES):
        command = option(command)
    return command


@click.group(invoke_without_command=True)
@click.option(
    "--input", "log", type=FILE, help="A log file: one JSON record a line, or an Avro container. Without it: Kafka."
)
@click.option("--output", "folder", type=FOLDER, help="The folder for what the fold says.")
@with_rules
@click.option(
    "--versus",
    metavar="FILE|log",
    help="Replay under these zones too, or under those of the log, and show what differs; into two folders in --output.",
)
@click.option(
    "--offsets",
    multiple=True,
    metavar="P:A-B",
    help="Instead of times: of partition P of the log what records A up to B caused; can be given several times.",
)
@click.option(
    "--from-tracks",
    type=click.Choice(["auto", "never", "always"]),
    default="auto",
    show_default=True,
    help="Fold zones only, over the published tracks. auto: where only zones are other than in the log.",
)
@click.option(
    "--jobs", type=click.IntRange(1), help="Partitions replayed at a time. Default: as many as there are cores."
)
@click.option(
    "--on-error",
    type=click.Choice(["stop", "skip"]),
    default="stop",
    show_default=True,
    help="What to do at a line of a file that is no record.",
)
@click.pass_context
def replay(
    context: click.Context,
    /,
    *,
    log: Path | None,
    folder: Path | None,
    versus: str | None,
    from_tracks: str,
    jobs: int | None,
    on_error: str,
    **rules: Any,
) -> None:
    """Fold a camera's log again, from Kafka or from a file, as it is or under other rules.

    Writes tracks, zone visits, minutes and camera events as JSON lines, and summary.json with counts and digests. A replay
    from Kafka that was interrupted goes on when the same command is given again.

    \b
      aforo replay --from 2026-01-31T08:00:00Z --to 2026-01-31T18:00:00Z --output as-it-was/
      aforo replay --from 2026-01-31T08:00:00Z --to 2026-01-31T18:00:00Z --zones zones.json --output what-if/
      aforo replay --from 2026-01-31T00:00:00Z --to 2026-02-01T00:00:00Z --camera door --zones zones.json --versus log --output compared/
    """  # noqa: D301 - click's mark for lines that are kept as they are
    if context.invoked_subcommand is not None:
        return
    if folder is None:
        raise click.UsageError("--output is needed: the folder for what the fold says")
    if log is not None and from_tracks == "always":
        raise click.UsageError("--from-tracks is for Kafka; a log file holds no tracks")
    if log is not None and rules["judge_again"]:
        raise click.UsageError("--judge-again is for Kafka; a log file holds the refusals, not what was refused")
    from aforo import replay as replays  # noqa: PLC0415 - no command loads another's libraries

    plan = replays.plan(**rules)
    if log is None:
        plan = replays.with_source(plan, from_tracks)
        carry_out = partial(_from_kafka, jobs=jobs or os.cpu_count() or 1)
    else:
        carry_out = partial(replays.from_file, log, console=console, skip_errors=on_error == "skip")
    if versus is None:
        carry_out(folder, plan)
    else:
        replays.side_by_side(carry_out, folder, plan, versus, console)


@with_settings
def _from_kafka(settings: Settings, folder: Path, plan: Any, *, jobs: int) -> None:
    from aforo import replay as replays  # noqa: PLC0415 - as above

    replays.from_kafka(settings, folder, plan, console, jobs=jobs)
