"""`aforo status`: asks the local stack and the streams, and prints tables for people or JSON for scripts."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict

import click
from rich.console import Console
from rich.table import Table

from aforo.health import CameraHealth, Health, look
from aforo.settings import Settings, database_url
from infra.local.service import ServiceStatus
from infra.local.stack import Stack


def run(settings: Settings, console: Console, *, as_json: bool) -> list[str]:
    """Print it; returns what is wrong, each with the next step."""
    services = Stack(settings.local).status()
    health = look(settings.kafka, database_url(settings))
    problems = [*_stopped(services, health), *health.problems]
    if as_json:
        told = {**asdict(health), "services": [asdict(each) for each in services], "problems": problems}
        click.echo(json.dumps(told))
    else:
        _show(services, health, console)
        for problem in problems:
            console.print(f"[red]![/red] {problem}")
    return problems


def _stopped(services: Sequence[ServiceStatus], health: Health) -> list[str]:
    """What of the local stack does not run; nothing is missed where all that is needed runs elsewhere."""
    if not health.problems and all(each.state == "stopped" for each in services):
        return []
    return [f"{each.name} is {each.state}: `aforo up` starts it" for each in services if each.state != "running"]


def _show(services: Sequence[ServiceStatus], health: Health, console: Console) -> None:
    table = Table("service", "state", "pid", "address", "detail")
    for each in services:
        table.add_row(each.name, each.state, str(each.pid or ""), each.address, each.detail)
    console.print(table)
    if health.readings:
        console.print(_readings(health))
    if health.cameras:
        console.print(_cameras(health.cameras))
    if health.dead_letters:
        letters = Table("dead letters", "records")
        for reason, count in sorted(health.dead_letters.items()):
            letters.add_row(reason, f"{count:,}")
        console.print(letters)


def _readings(health: Health) -> Table:
    table = Table("reader", "topic", "partition", "next offset", "behind", "oldest, s")
    for each in health.readings:
        behind = f"{each.behind:,}"
        table.add_row(
            each.reader, each.topic, str(each.partition), f"{each.next_offset:,}", behind, f"{each.oldest_s:.1f}"
        )
    return table


def _cameras(cameras: list[CameraHealth]) -> Table:
    table = Table("camera", "site", "status", "last frame, s ago", "accepted", "refused")
    for each in cameras:
        ago = "" if each.watermark is None else f"{time.time() - each.watermark / 1_000:.1f}"
        refused = ", ".join(f"{reason} {count:,}" for reason, count in sorted(each.refused.items()))
        state = f"{each.status} {each.reason}".strip()
        table.add_row(each.camera_id, each.site_id, state, ago, f"{each.accepted:,}", refused)
    return table
