"""What the demo shows: one table of the running system, as text for a terminal."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from statistics import fmean, quantiles
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from aforo.demo import scene
from aforo.demo.viewer import Api, Seen
from aforo.lag import Lag

VISITS = """query Visits($range: TimeRange!) {
  zoneVisits(range: $range, first: 200) { nodes { cameraId zoneId } }
}"""
EFFICIENCY = """query Efficiency($range: TimeRange!) {
  efficiency(siteId: "default", range: $range, bucket: "PT1M") { total { efficiency utilisation coverage weak } }
}"""
MINUTE = """query Minute($camera: ID!, $zone: ID!, $range: TimeRange!) {
  zoneMinutes(cameraId: $camera, zoneId: $zone, range: $range) { t personMs occupiedMs observedMs entries exits peak }
}"""


@dataclass(slots=True)
class Figures:
    """What the API said last."""

    visits: dict[tuple[str, str], int] = field(default_factory=dict)
    minutes: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    total: dict[str, Any] = field(default_factory=dict)


def ask(api: Api, since: datetime) -> Figures:
    """What GraphQL says of the minutes since then: visits, the last closed minutes, and the measures of closed ones."""
    now = datetime.now(UTC)
    begun = _minute_of(since)
    span = _range(begun, now + timedelta(minutes=1))
    figures = Figures()
    for visit in api.query(VISITS, range=span)["zoneVisits"]["nodes"]:
        zone = visit["cameraId"], visit["zoneId"]
        figures.visits[zone] = figures.visits.get(zone, 0) + 1
    for camera, zone_id in _zones():
        columns = api.query(MINUTE, camera=camera, zone=zone_id, range=span)["zoneMinutes"]
        if columns["t"]:
            figures.minutes[camera, zone_id] = {name: values[-1] for name, values in columns.items()}
    if begun < _minute_of(now):
        figures.total = api.query(EFFICIENCY, range=_range(begun, _minute_of(now)))["efficiency"]["total"]
    return figures


def _range(start: datetime, stop: datetime) -> dict[str, str]:
    return {"from": start.isoformat(), "to": stop.isoformat()}


def _minute_of(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def render(seen: Mapping[str, Seen], figures: Figures, lag: Lag, stale: str = "") -> RenderableType:
    """The table of the running system."""
    latencies = [latency for each in seen.values() for latency in each.latencies_ms]
    total = {name: _percent(figures.total.get(name)) for name in ("efficiency", "utilisation", "coverage")}
    speed = f"p50 {_quantile(latencies, 50)}, p99 {_quantile(latencies, 99)} of {len(latencies)} frames"
    lines = [
        f"efficiency {total['efficiency']}   utilisation {total['utilisation']}   coverage {total['coverage']}",
        f"capture to WebSocket, less the detector: {speed} ({os.cpu_count()} cores)",
        f"records behind: fold {lag.fold}, database {lag.database}",
        *([f"not up to date: {stale}"] if stale else []),
    ]
    return Group(_cameras(seen), _zone_table(seen, figures), Text("\n".join(lines)))


def _cameras(seen: Mapping[str, Seen]) -> Table:
    table = Table("camera", "frames/s", "detector ms", "people now", "frames", box=box.SIMPLE)
    for camera, each in seen.items():
        detector = fmean(each.detector_ms) if each.detector_ms else 0.0
        table.add_row(camera, f"{each.fps:.1f}", f"{detector:.1f}", str(each.people), str(each.frames))
    return table


def _zone_table(seen: Mapping[str, Seen], figures: Figures) -> Table:
    table = Table("zone", "kind", "now", "visits", "last minute", "person s", "occupied", "in/out", box=box.SIMPLE)
    for camera, zone_id in _zones():
        zone = next(zone for zone in scene.SCENES[camera]["zones"] if zone["zoneId"] == zone_id)
        people = seen[camera].zones.get(zone_id, 0)
        visits = figures.visits.get((camera, zone_id), 0)
        minute = figures.minutes.get((camera, zone_id))
        table.add_row(f"{camera}/{zone['name']}", zone["kind"], str(people), str(visits), *_minute(minute))
    return table


def _minute(minute: Mapping[str, Any] | None) -> Sequence[str]:
    if minute is None:
        return "-", "-", "-", "-"
    at = datetime.fromisoformat(minute["t"]).strftime("%H:%M")
    share = minute["occupiedMs"] / minute["observedMs"] if minute["observedMs"] else None
    return at, f"{minute['personMs'] / 1_000:.1f}", _percent(share), f"{minute['entries']}/{minute['exits']}"


def _zones() -> list[tuple[str, str]]:
    return [(camera, zone["zoneId"]) for camera, drawn in scene.SCENES.items() for zone in drawn["zones"]]


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"


def _quantile(values: Sequence[float], percent: int) -> str:
    if len(values) < 2:  # noqa: PLR2004 - quantiles need two points
        return "-"
    return f"{quantiles(values, n=100, method='inclusive')[percent - 1]:.0f} ms"
