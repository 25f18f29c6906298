"""`aforo replay`: what was asked for as a plan, a bar while it is carried out, and what came of it for people."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from aforo import difference_report
from aforo.settings import Settings
from stream_processors.replay import engine, offline, parts
from stream_processors.replay.engine import Log
from stream_processors.replay.errors import NoDataError, ReplayError
from stream_processors.replay.lines import moment
from stream_processors.replay.plan import Parameters, Plan, Source
from stream_processors.replay.shapes import OtherZones, read_zones
from stream_processors.replay.sides import folder_difference
from stream_processors.replay.sinks import Progress as Tell
from stream_processors.replay.span import Span
from stream_processors.replay.summary import Summary

_OFFSETS = re.compile(r"(\d+):(\d+)-(\d+)")


def from_file(log: Path, folder: Path, plan: Plan, console: Console, *, skip_errors: bool) -> None:
    """Replay the file `log` into `folder`.

    Raises:
        click.ClickException: it cannot be done; the message says why and what to do.
    """
    with told(), log.open("rb") as file, _bytes_bar(console) as progress:
        watched = progress.wrap_file(file, total=log.stat().st_size, description=log.name)
        summary = offline.replay(watched, folder, plan, skip_errors=skip_errors)
    _show(summary, folder, console)


def from_kafka(settings: Settings, folder: Path, plan: Plan, console: Console, *, jobs: int) -> None:
    """Replay the live log into `folder`, `jobs` partitions at a time; one that was interrupted is gone on with.

    Raises:
        click.ClickException: it cannot be done; the message says why and what to do.
    """
    log = Log(settings.kafka, settings.registry.url)
    with told(), parts.under_way(folder, plan, lambda: engine.ends(log)) as under_way, bar(console) as progress:
        if under_way.resumed:
            console.print(f"going on with the replay that was interrupted in {folder}")
        try:
            summary = engine.replay(log, plan, under_way, ends=under_way.ends, jobs=jobs, progress=progress)
        except NoDataError:
            parts.discard(under_way)
            raise
        except KeyboardInterrupt as error:
            raise click.ClickException("interrupted; the same command goes on where it was") from error
        parts.publish(under_way, summary)
    _show(summary, folder, console)


def side_by_side(
    carry_out: Callable[[Path, Plan], None], folder: Path, plan: Plan, versus: str, console: Console
) -> None:
    """Carry a plan out under other zones (a file's, or `log`: those of the log) and as it is, and show what differs.

    Raises:
        click.ClickException: it cannot be done; the message says why and what to do.
    """
    with told():
        other = OtherZones() if versus == "log" else read_zones(Path(versus))
    before, after = folder / "before", folder / "after"
    carry_out(before, msgspec.structs.replace(plan, zones=other))
    carry_out(after, plan)
    with told():
        difference_report.show(folder_difference(before, after), console)


def plan(
    *,
    start: str | None = None,
    stop: str | None = None,
    cameras: Sequence[str] = (),
    zones: Path | None = None,
    track_timeout_ms: int | None = None,
    max_gap_ms: int | None = None,
    judge_again: bool = False,
    offsets: Sequence[str] = (),
) -> Plan:
    """What was asked for with the options of a command.

    Raises:
        click.BadParameter: an option says nothing that can be done.
        click.ClickException: the zones cannot be used; each fault is named.
    """
    span = Span(_moment("--from", start), _moment("--to", stop))
    if span.start is not None and span.stop is not None and span.start >= span.stop:
        raise click.BadParameter("the range is empty: --from must lie before --to")
    if offsets and span != Span():
        raise click.BadParameter("give a range of times or of offsets, not both", param_hint="--offsets")
    with told():
        other = OtherZones() if zones is None else read_zones(zones)
    return Plan(
        span=span,
        offsets=dict(map(_offsets, offsets)),
        cameras=tuple(sorted(set(cameras))),
        zones=other,
        parameters=Parameters(track_timeout_ms, max_gap_ms),
        judge_again=judge_again,
    )


def with_source(plan: Plan, from_tracks: str) -> Plan:
    """The plan read from `tracks` or from the log: `always`, `never`, or `auto`: where other zones are all that is asked for.

    Raises:
        click.BadParameter: tracks cannot tell what other parameters of the tracker, or frames that were refused, would come to.
    """
    tracked = plan.changes_tracks
    if from_tracks == "always" and tracked:
        raise click.BadParameter(
            "tracks do not say what other parameters, or other frames, would come to; leave --from-tracks out",
            param_hint="--from-tracks",
        )
    zones_only = plan.is_what_if and not tracked
    source: Source = "tracks" if from_tracks == "always" or (from_tracks == "auto" and zones_only) else "log"
    return msgspec.structs.replace(plan, source=source)


@contextmanager
def told() -> Iterator[None]:
    """What ends a replay is told in one clear message."""
    try:
        yield
    except (ReplayError, OSError) as error:
        raise click.ClickException(str(error)) from error


@contextmanager
def bar(console: Console) -> Iterator[Tell]:
    """A bar of records on a terminal, nothing elsewhere."""
    columns = TextColumn("records"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("records", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _bytes_bar(console: Console) -> Progress:
    return Progress(console=console, disable=not console.is_terminal, transient=True)


def _offsets(text: str) -> tuple[int, tuple[int, int]]:
    found = _OFFSETS.fullmatch(text)
    if found is None or int(found[2]) >= int(found[3]):
        raise click.BadParameter(f"{text!r} is no range of offsets such as 3:1000-2000", param_hint="--offsets")
    return int(found[1]), (int(found[2]), int(found[3]))


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


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items()) or "none"
