"""`aforo replay`: reads a log file, shows how far it is, and prints what came of it."""

from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from stream_processors.replay.errors import ReplayError
from stream_processors.replay.lines import moment
from stream_processors.replay.offline import Plan, replay
from stream_processors.replay.shapes import OtherZones, read_zones
from stream_processors.replay.span import Span
from stream_processors.replay.summary import Summary


def run(
    log: Path,
    folder: Path,
    zones: Path | None,
    between: tuple[str | None, str | None],
    console: Console,
    *,
    skip_errors: bool,
) -> None:
    """Replay the file `log` into `folder`.

    Raises:
        click.ClickException: it cannot be done; the message says why and what to do.
    """
    try:
        other = OtherZones() if zones is None else read_zones(zones)
        summary = _replay(log, folder, Plan(other, _span(*between), skip_errors), console)
    except (ReplayError, OSError) as error:
        raise click.ClickException(str(error)) from error
    _show(summary, folder, console)


def _replay(log: Path, folder: Path, plan: Plan, console: Console) -> Summary:
    with log.open("rb") as file, Progress(console=console, disable=not console.is_terminal, transient=True) as progress:
        watched = progress.wrap_file(file, total=log.stat().st_size, description=log.name)
        return replay(watched, folder, plan)


def _span(start: str | None, stop: str | None) -> Span:
    span = Span(_moment("--from", start), _moment("--to", stop))
    if span.start is not None and span.stop is not None and span.start >= span.stop:
        raise click.BadParameter("the range is empty: --from must lie before --to")
    return span


def _moment(option: str, text: str | None) -> int | None:
    try:
        return None if text is None else moment(text)
    except ValueError as error:
        raise click.BadParameter(
            f"{text!r}: {error}; give UTC ms or RFC 3339 with a time zone, such as 2026-01-31T08:00:00Z",
            param_hint=option,
        ) from error


def _show(summary: Summary, folder: Path, console: Console) -> None:
    table = Table("said", "records", title=f"fold version {summary.fold_version}, in {folder}")
    for record, count in summary.outputs.items():
        table.add_row(record, f"{count:,}")
    console.print(table)
    console.print(
        f"read: {_counts(summary.read)}; refused: {_counts(summary.refused)}; open visits: {summary.open_visits}"
    )
    for warning in _warnings(summary):
        console.print(f"warning: {warning}")


def _warnings(summary: Summary) -> list[str]:
    found = {
        f"{summary.not_records} lines were no records and were skipped": summary.not_records,
        "approximate: the log begins within the range, so who was there before is not known": summary.approximate,
        f"zones were given for cameras the log does not know: {', '.join(summary.cameras_without_records)}":
            summary.cameras_without_records,
    }  # fmt: skip
    return [text for text, holds in found.items() if holds]


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items()) or "none"
