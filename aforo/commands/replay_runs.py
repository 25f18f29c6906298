"""`aforo replay start|list|show|diff|adopt|drop`: replay runs, which the replays process carries out."""

from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import click
from rich.progress import Progress
from rich.table import Table

from aforo.commands.replay import with_rules
from aforo.commands.shared import FILE, console, with_settings
from aforo.settings import Settings

if TYPE_CHECKING:  # no command loads another's libraries
    from sqlalchemy import RowMapping

    from aforo.replay_runs import Runs
    from stream_processors.replay.difference import Difference

LISTED = 20
PATIENT_FOR_S = 10.0
waiting = click.option("--wait", is_flag=True, help="Return when it is done, or could not be done.")


@click.command()
@with_rules
@click.option("--shifts", type=FILE, help="Shifts to measure the run by, in place of each site's own.")
@waiting
@with_settings
def start(settings: Settings, /, *, shifts: Path | None, wait: bool, **rules: Any) -> None:
    """Ask what the numbers of a range would have been, under other zones, tracker settings or shifts, or just again.

    A process of `aforo process replays` carries it out. Its results stand beside the live numbers until it is dropped. The
    range is the UTC minutes that begin in it.

    \b
      aforo replay start --from 2026-01-31T08:00:00Z --to 2026-01-31T18:00:00Z --zones zones.json --wait
      aforo replay diff RUN
    """  # noqa: D301 - click's mark for lines that are kept as they are
    from aforo import replay_runs  # noqa: PLC0415 - no command loads another's libraries

    with replay_runs.opened(settings) as runs:
        run_id = runs.start(shifts, rules)
        console.print(f"run {run_id}")
        if wait:
            _succeed(_awaited(runs, run_id, "REQUESTED", "RUNNING"), "DONE")


@click.command("list")
@click.option(
    "--count", type=click.IntRange(1, 1_000), default=LISTED, show_default=True, help="So many of the newest."
)
@with_settings
def list_(settings: Settings, *, count: int) -> None:
    """Show the newest runs, and how far they are."""
    from aforo import replay_runs  # noqa: PLC0415 - as above

    table = Table("run", "state", "done", "from", "to", "cameras", "other")
    with replay_runs.opened(settings) as runs:
        for run in runs.newest(count):
            table.add_row(
                run["run_id"], run["state"], f"{run['progress']:.0%}", *_range(run), _cameras(run), _other(run)
            )
    console.print(table if table.row_count else "no runs yet; `aforo replay start --help` says how to ask for one")


@click.command()
@click.argument("run_id", metavar="RUN")
@with_settings
def show(settings: Settings, *, run_id: str) -> None:
    """Show a run: what was asked for, how far it is, and what it came to."""
    from aforo import replay_runs  # noqa: PLC0415 - as above

    with replay_runs.opened(settings) as runs:
        run = runs.find(run_id)
    table = Table("", "", show_header=False)
    begin, end = _range(run)
    told = {"state": run["state"], "done": f"{run['progress']:.0%}", "from": begin, "to": end, "cameras": _cameras(run),
            "other": _other(run), "error": run["error"], "fold version": run["fold_version"],
            "approximate": run["approximate"], "digest": run["digest"], **_summary(run)}  # fmt: skip
    for name, value in told.items():
        if value is not None:
            table.add_row(name, str(value))
    console.print(table)


@click.command()
@click.argument("what", nargs=-1, required=True, metavar="RUN | BEFORE AFTER")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "csv"]),
    default="table",
    show_default=True,
    help="For whom.",
)
@click.option("--visits", is_flag=True, help="With csv: the visits that changed, instead of zones and hours.")
def diff(*, what: tuple[str, ...], form: str, visits: bool) -> None:
    """Show what a run changes, by zone and hour and visit by visit; or what differs between two folders of outputs.

    Of visits: ADDED, REMOVED, LONGER, SHORTER by dwell, MOVED: as long, at another time. A run is compared with what held
    when it was done.

    \b
      aforo replay diff RUN
      aforo replay diff as-it-was/ what-if/ --format csv > hours.csv
    """  # noqa: D301 - as above
    from aforo import replay_runs  # noqa: PLC0415 - as above

    match what:
        case (run_id,):
            _show_run(run_id, form, visits=visits)
        case (before, after):
            _show_difference(replay_runs.difference_of_folders(Path(before), Path(after)), form, visits=visits)
        case _:
            raise click.UsageError("name a run, or two folders that `aforo replay --output` has written")


@click.command()
@click.argument("run_id", metavar="RUN")
@click.option("--yes", is_flag=True, help="Do not ask.")
@waiting
@with_settings
def adopt(settings: Settings, *, run_id: str, yes: bool, wait: bool) -> None:
    """Let a run's numbers take the place of what holds in its range. What they replace can still be asked for.

    The run must be exact and made by the rules that are live, its range over, and nobody who came in it still inside.
    Shifts are not adopted: they belong to sites.
    """
    from aforo import replay_runs  # noqa: PLC0415 - as above
    from graphql_api.sql.replay_runs import ADOPT  # noqa: PLC0415 - as above

    with replay_runs.opened(settings) as runs:
        run = runs.find(run_id)
        if not yes:
            begin, end = _range(run)
            click.confirm(f"Replace the numbers of {_cameras(run)} from {begin} to {end}?", abort=True)
        runs.ask(run_id, ADOPT)
        if wait:
            _succeed(_awaited(runs, run_id, "ADOPT_REQUESTED"), "ADOPTED")


@click.command()
@click.argument("run_id", metavar="RUN")
@waiting
@with_settings
def drop(settings: Settings, *, run_id: str, wait: bool) -> None:
    """End a run and remove its results; what was adopted stays."""
    from aforo import replay_runs  # noqa: PLC0415 - as above
    from graphql_api.sql.replay_runs import DROP  # noqa: PLC0415 - as above

    with replay_runs.opened(settings) as runs:
        runs.ask(run_id, DROP)
        if wait:
            _succeed(_awaited(runs, run_id, "DROP_REQUESTED"), "DROPPED")


COMMANDS = (start, list_, show, diff, adopt, drop)


@with_settings
def _show_run(settings: Settings, run_id: str, form: str, *, visits: bool) -> None:
    from aforo import replay_runs  # noqa: PLC0415 - as above

    with replay_runs.opened(settings) as runs:
        _show_difference(runs.difference(run_id), form, visits=visits)


def _show_difference(found: "Difference", form: str, *, visits: bool) -> None:
    from aforo import difference_report as report  # noqa: PLC0415 - as above

    match form:
        case "json":
            click.echo(report.to_json(found))
        case "csv":
            click.echo(report.visits_csv(found) if visits else report.hours_csv(found), nl=False)
        case _:
            report.show(found, console)


def _awaited(runs: "Runs", run_id: str, *states: str) -> "RowMapping":
    """The run when it has left these states; says once when nobody seems to work on it."""
    began, complained = monotonic(), False
    with Progress(console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("records", total=1.0)

        def tell(run: "RowMapping") -> None:
            nonlocal complained
            progress.update(task, completed=run["progress"], description=run["error"] or run["state"].lower())
            if run["state"] != "RUNNING" and monotonic() - began > PATIENT_FOR_S and not complained:
                complained = True
                console.print("nobody works on it yet: is `aforo process replays` running?")

        return runs.wait(run_id, states, tell)


def _succeed(run: "RowMapping", state: str) -> None:
    if run["state"] != state:
        raise click.ClickException(f"the run is {run['state']}: {run['error'] or 'somebody asked for something else'}")
    console.print(state.lower())


def _range(run: "RowMapping") -> tuple[str, str]:
    return run["range_from"].isoformat(), run["range_to"].isoformat()


def _cameras(run: "RowMapping") -> str:
    return "all cameras" if run["cameras"] is None else ", ".join(run["cameras"])


def _other(run: "RowMapping") -> str:
    """What is other than it was."""
    parameters = [f"{name} {value}" for name, value in sorted(run["parameters"].items())]
    return ", ".join([*(name for name in ("zones", "shifts") if run[name] is not None), *parameters]) or "nothing"


def _summary(run: "RowMapping") -> dict[str, Any]:
    summary = run["summary"]
    if summary is None:
        return {}
    changes = ", ".join(f"{count:,} {name.lower()}" for name, count in summary["changes"].items())
    return {
        "seen": ", ".join(summary["cameras"]), "visits": changes or "none", "open visits": summary["open_visits"],
    }  # fmt: skip
