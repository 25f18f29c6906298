"""`aforo verify`: carries a verification out and shows what was found. What is compared with what is `replay.verifying`'s."""

from itertools import groupby

import click
from rich.console import Console
from rich.table import Table

from aforo import replay
from aforo.settings import Settings
from stream_processors.replay import engine
from stream_processors.replay.adoptions import AdoptionVerdict
from stream_processors.replay.comparison import Disagreement
from stream_processors.replay.engine import Log
from stream_processors.replay.plan import Plan
from stream_processors.replay.span import told
from stream_processors.replay.verifying import TOPICS, HourVerdict, Verdict, verify


def run(settings: Settings, plan: Plan, console: Console, *, jobs: int) -> None:
    """Verify a range and show what was found.

    Raises:
        click.ClickException: something disagrees, nothing could be compared, or it cannot be done now.
    """
    log = Log(settings.kafka, settings.registry.url)
    with replay.told(), replay.bar(console) as progress:
        verdict = verify(log, plan, engine.ends(log), progress=progress, jobs=jobs)
    _show(verdict, console)
    if not verdict.agrees:
        raise click.ClickException("what was published is not what the log gives")
    if not verdict.hours:
        raise click.ClickException(
            f"nothing was compared: no frame was taken in {plan.span}, or no snapshot tells how to begin"
        )
    console.print("what was published is what the log gives")


def _show(verdict: Verdict, console: Console) -> None:
    if verdict.hours:
        console.print(_table(verdict))
    for camera_id, why in sorted(verdict.incomparable.items()):
        console.print(f"not compared: {camera_id}: {why}")
    for camera_id, first in sorted(verdict.disagreements.items()):
        console.print(f"disagreement: {camera_id}: {_first(first)}")
    for each in verdict.adoptions:
        console.print(_adoption(each))


def _table(verdict: Verdict) -> Table:
    """A row for each camera and hour: how many records of each topic agree, or what both sides count."""
    table = Table("camera", "hour", *TOPICS, title="records that agree")
    for (camera_id, hour), several in groupby(verdict.hours, key=lambda each: (each.camera_id, each.hour)):
        found = {each.topic: _cell(each) for each in several}
        table.add_row(camera_id, told(hour), *(found.get(topic, "") for topic in TOPICS))
    return table


def _cell(hour: HourVerdict) -> str:
    if hour.agrees:
        return f"{hour.replayed:,}"
    return f"[red]≠[/red] published {hour.published:,}, replayed {hour.replayed:,}"


def _first(first: Disagreement) -> str:
    cause = f"cause at offset {first.position.offset}, effect {first.position.index}"
    stands = "not in" if first.offset is None else f"offset {first.offset} of"
    return f"{stands} {first.topic}, partition {first.position.partition} ({cause}): {first.what}"


def _adoption(each: AdoptionVerdict) -> str:
    adopted = each.adopted
    between = f"[{told(adopted.range_from)}, {told(adopted.range_to)})"
    said = f"restatement {adopted.restatement} of {adopted.camera_id} {between}, run {adopted.run_id}: {each.facts:,} facts"
    return f"{said}; {each.wrong or each.unknown or 'all there, and what the log gives'}"
