"""`aforo dead-letters`: records nobody could take."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime

import click
from rich.table import Table

from aforo.commands.shared import console, with_settings
from aforo.settings import Settings

_SHOWN_BYTES = 512
_WIDTH = 32


def _place(_context: click.Context, _parameter: click.Parameter, value: str) -> tuple[int, int]:
    """PARTITION/OFFSET as numbers."""
    found = re.fullmatch(r"(\d+)/(\d+)", value)
    if found is None:
        raise click.BadParameter(f"{value!r} is no place; `aforo dead-letters list` shows them, such as 2/17")
    return int(found[1]), int(found[2])


@click.group("dead-letters")
def dead_letters() -> None:
    """Look at records nobody could take, and bring them back or drop them.

    Nothing is lost that stands here: the bytes are those that came. What to do about each reason: docs/operations.md.
    """


@dead_letters.command("list")
@click.option("--topic", help="Only records of this topic.")
@click.option("--reason", help="Only this reason, such as POISON.")
@click.option("--camera", help="Only this camera.")
@click.option("--since", type=click.DateTime(), help="Only letters written from here on (UTC).")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, without the bytes.")
@with_settings
def list_(
    settings: Settings,
    *,
    topic: str | None,
    reason: str | None,
    camera: str | None,
    since: datetime | None,
    as_json: bool,
) -> None:
    """Show the letters there are."""
    from aforo.dead_letters import DeadLetters, Wanted  # noqa: PLC0415 - no command loads another's libraries

    began = None if since is None else int(since.replace(tzinfo=UTC).timestamp() * 1_000)
    with DeadLetters(settings.kafka) as letters:
        found = list(letters.find(Wanted(topic, reason, camera, began)))
    if as_json:
        for letter in found:
            click.echo(json.dumps({name: value for name, value in asdict(letter).items() if name != "value"}))
        return
    table = Table("letter", "written", "record", "camera", "reason", "detail")
    for letter in found:
        record = f"{letter.topic}/{letter.record_partition}/{letter.record_offset}"
        table.add_row(letter.place, _moment(letter.written_at), record, letter.camera_id, letter.reason, letter.detail)
    console.print(table if found else "no dead letters")


@dead_letters.command()
@click.argument("place", metavar="PARTITION/OFFSET", callback=_place)
@with_settings
def show(settings: Settings, *, place: tuple[int, int]) -> None:
    """Show one letter: where its record stood, why it was set aside, and what it says, as far as it can be read."""
    from aforo import dead_letters as letters  # noqa: PLC0415 - as above
    from aforo.processes import waiting  # noqa: PLC0415 - as above
    from schemas.registry import HttpRegistry  # noqa: PLC0415 - as above

    with _faults_told(), letters.DeadLetters(settings.kafka) as found:
        letter = found.at(*place)
        table = Table(show_header=False)
        for name, value in asdict(letter).items():
            if name != "value":
                table.add_row(name, _moment(value) if name == "written_at" else str(value))
        console.print(table)
        said = letters.told(letter, waiting.wire(HttpRegistry(settings.registry.url)))
        console.print_json(json.dumps(said, default=bytes.hex)) if said else _dump(letter.value)


@dead_letters.command()
@click.argument("place", metavar="PARTITION/OFFSET", callback=_place)
@with_settings
def replay(settings: Settings, *, place: tuple[int, int]) -> None:
    """Bring a record back.

    A record that the database refused is written again. A record of the camera log comes back only by a replay run, since the
    fold has gone past it; the command says which.
    """
    from aforo import dead_letters as letters  # noqa: PLC0415 - as above
    from aforo.processes import waiting  # noqa: PLC0415 - as above
    from aforo.settings import database_url  # noqa: PLC0415 - as above
    from schemas.registry import HttpRegistry  # noqa: PLC0415 - as above

    with _faults_told(), letters.DeadLetters(settings.kafka) as found:
        letter = found.at(*place)
        letters.project(letter, waiting.wire(HttpRegistry(settings.registry.url)), database_url(settings))
    console.print(
        f"{letter.place} is in the database; `aforo dead-letters drop {letter.place} --yes` removes the letter"
    )


@dead_letters.command()
@click.argument("place", metavar="PARTITION/OFFSET", callback=_place)
@click.option("--yes", is_flag=True, help="Without it nothing is deleted.")
@with_settings
def drop(settings: Settings, *, place: tuple[int, int], yes: bool) -> None:
    """Delete a letter and all that stand before it in its partition, for good."""
    from aforo import dead_letters as letters  # noqa: PLC0415 - as above

    with _faults_told(), letters.DeadLetters(settings.kafka) as found:
        letter = found.at(*place)
        doomed = [
            each
            for each in found.find(letters.Wanted())
            if (each.partition, each.offset) <= place and each.partition == place[0]
        ]
        if not yes:
            raise click.ClickException(f"{len(doomed)} letters would be deleted for good; repeat with --yes")
        found.drop_through(letter)
    console.print(f"{len(doomed)} letters deleted")


@contextmanager
def _faults_told() -> Iterator[None]:
    """What can go wrong, as one clear message."""
    from confluent_kafka import KafkaException  # noqa: PLC0415 - as above

    from aforo.dead_letters import LetterError  # noqa: PLC0415 - as above
    from stream_processors.projections.errors import ProjectionError  # noqa: PLC0415 - as above

    try:
        yield
    except LetterError as error:
        raise click.ClickException(str(error)) from error
    except KafkaException as error:
        raise click.ClickException(f"Kafka does not answer: {error}; `aforo status` shows what runs") from error
    except ProjectionError as error:
        raise click.ClickException(f"the database did not take it: {error}") from error


def _moment(utc_ms: int) -> str:
    return datetime.fromtimestamp(utc_ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _dump(value: bytes) -> None:
    """Bytes nobody can read, as a hex dump."""
    for start in range(0, min(len(value), _SHOWN_BYTES), _WIDTH):
        row = value[start : start + _WIDTH]
        console.print(f"{start:04x}  {row.hex(' ')}", highlight=False)
    if len(value) > _SHOWN_BYTES:
        console.print(f"... {len(value) - _SHOWN_BYTES} bytes more")
