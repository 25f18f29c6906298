"""`aforo rebuild`: the database from the topics."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from aforo.commands.shared import console, with_settings
from aforo.settings import Settings

if TYPE_CHECKING:  # no command loads another's libraries
    from aforo.rebuild import Survey


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--drop-older", is_flag=True, help="Leave out rows that are older than what the topics hold.")
@click.option("--restart", is_flag=True, help="Throw away what an interrupted rebuild has filled, and begin anew.")
@click.option("--jobs", type=click.IntRange(min=1), default=2, show_default=True, help="Partitions read at a time.")
@with_settings
def rebuild(settings: Settings, *, yes: bool, drop_older: bool, restart: bool, jobs: int) -> None:
    """Make visits, minutes, tracks and cameras in the database anew from the topics.

    The old tables answer, and the projector writes them, until the new ones take their place within some milliseconds.
    Meanwhile the database needs room for both. Interrupted, it goes on when run again. Sites, shifts, replay runs and
    whatever else is the API's own stay as they are.
    """
    from aforo import rebuild as process  # noqa: PLC0415 - no command loads another's libraries

    with process.told(), process.rebuilding(settings) as work:
        survey = work.survey()
        _show(survey, drop_older=drop_older)
        if not yes:
            click.confirm("Rebuild the database?", abort=True)
        if restart:
            work.discard()
        with _bar() as progress:
            aside = work.fill(jobs, progress, drop_older=drop_older)
        work.change_over()
    console.print(f"rebuilt from {survey.records:,} records" + (f"; {aside} of them nobody can take" if aside else ""))


def _show(survey: "Survey", *, drop_older: bool) -> None:
    begun = "; an interrupted rebuild is gone on with" if survey.resumed else ""
    console.print(f"{survey.records:,} records are read from the topics{begun}")
    if survey.older:
        fate = "left out" if drop_older else "kept as they are"
        table = Table("table", "rows", "oldest", title=f"older than the topics, {fate}")
        for older in survey.older:
            table.add_row(older.table, f"{older.rows:,}", "" if older.oldest is None else older.oldest.isoformat())
        console.print(table)


@contextmanager
def _bar() -> Iterator[Callable[[int, int], None]]:
    """A bar of records on a terminal, nothing elsewhere."""
    columns = TextColumn("records"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("records", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
