"""A difference for people and for other programs: as tables, JSON or CSV. What differs, and from what, is not known here."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from graphql_api.scalars import format_moment, moment_of
from stream_processors.replay.difference import Amounts, Difference, HourDifference, Visit, VisitDifference, total

SHOWN_VISITS = 50
_SHOWN_AMOUNTS = ("person_ms", "exclusive_person_ms", "occupied_ms", "entries", "exits", "visits", "dwell_ms")
_SIDES = ("before", "after")
_TIMES = ("track_no", "entered_at", "exited_at", "dwell_ms")


def show(difference: Difference, console: Console) -> None:
    """Zones by hour with their totals, then the visits that changed, as tables."""
    console.print(_hour_table(difference.hours))
    if difference.visits:
        console.print(_visit_table(difference.visits[:SHOWN_VISITS]))
    if len(difference.visits) > SHOWN_VISITS:
        console.print(f"These are the first {SHOWN_VISITS} visits; --format csv --visits lists them all.")
    changes = Counter(each.change.lower() for each in difference.visits)
    counts = [f"{count:,} {name}" for name, count in sorted(changes.items())]
    console.print(f"visits: {', '.join([*counts, f'{difference.same_visits:,} the same'])}")


def to_json(difference: Difference) -> str:
    """The whole difference; times in UTC ms."""
    document = {
        "total": _amounts(*total(difference.hours)),
        "hours": [
            {
                "camera_id": each.camera_id,
                "zone_id": each.zone_id,
                "hour": each.hour,
                **_amounts(each.before, each.after),
            }
            for each in difference.hours
        ],
        "same_visits": difference.same_visits,
        "visits": [
            dict(zip(("change", "camera_id", "zone_id"), (each.change, *each.place), strict=True))
            | {side: _times(getattr(each, side)) for side in _SIDES}
            for each in difference.visits
        ],
    }
    return msgspec.json.format(msgspec.json.encode(document)).decode()


def hours_csv(difference: Difference) -> str:
    """A row for each zone and hour: every amount before, after, and their difference; empty where nothing is known."""
    names = [f"{amount}_{side}" for side in (*_SIDES, "difference") for amount in Amounts._fields]
    nothing = [""] * len(Amounts._fields)
    rows = (
        [
            each.camera_id,
            each.zone_id,
            _moment(each.hour),
            *(each.before or nothing),
            *(each.after or nothing),
            *each.difference,
        ]
        for each in difference.hours
    )
    return _csv(["camera_id", "zone_id", "hour", *names], rows)


def visits_csv(difference: Difference) -> str:
    """A row for each visit that changed."""
    names = [f"{name}_{side}" for side in _SIDES for name in _TIMES]
    rows = ([each.change, *each.place, *_cells(each.before), *_cells(each.after)] for each in difference.visits)
    return _csv(["change", "camera_id", "zone_id", *names], rows)


def _hour_table(hours: Sequence[HourDifference]) -> Table:
    table = Table("camera", "zone", "hour", title="before → after, by zone and hour; times in seconds")
    for name in _SHOWN_AMOUNTS:
        table.add_column(name.removesuffix("_ms").replace("_", " "), justify="right")
    for each in hours:
        table.add_row(
            each.camera_id,
            each.zone_id,
            f"{moment_of(each.hour):%Y-%m-%d %H:00 UTC}",
            *_changes(each.before, each.after),
        )
    table.add_section()
    table.add_row("all", "", "", *_changes(*total(hours)))
    return table


def _changes(before: Amounts | None, after: Amounts | None) -> Iterator[str]:
    for name in _SHOWN_AMOUNTS:
        unit, form = (1_000, ",.1f") if name.endswith("_ms") else (1, ",d")
        old, new = ("—" if each is None else format(_in(getattr(each, name), unit), form) for each in (before, after))
        yield old if old == new else f"{old} → {new}"


def _in(amount: int, unit: int) -> float | int:
    return amount if unit == 1 else amount / unit


def _visit_table(visits: Iterable[VisitDifference]) -> Table:
    table = Table("change", "camera", "zone", "track", "before", "after", title="visits that are not the same")
    for each in visits:
        tracks = dict.fromkeys(str(visit.track_no) for visit in (each.before, each.after) if visit)
        table.add_row(each.change, *each.place, " → ".join(tracks), _interval(each.before), _interval(each.after))
    return table


def _moment(utc_ms: int) -> str:
    return format_moment(moment_of(utc_ms))


def _interval(visit: Visit | None) -> str:
    if visit is None:
        return "—"
    return f"{_moment(visit.entered_at)}, " + ("open" if visit.dwell_ms is None else f"{visit.dwell_ms / 1_000:,.1f} s")


def _amounts(before: Amounts | None, after: Amounts | None) -> dict[str, Any]:
    difference = (after or Amounts()).minus(before or Amounts())
    return {
        "before": before and before._asdict(), "after": after and after._asdict(), "difference": difference._asdict(),
    }  # fmt: skip


def _times(visit: Visit | None) -> dict[str, int | None] | None:
    return None if visit is None else {name: getattr(visit, name) for name in _TIMES}


def _cells(visit: Visit | None) -> list[object]:
    if visit is None:
        return [""] * len(_TIMES)
    return [visit.track_no, _moment(visit.entered_at), visit.exited_at and _moment(visit.exited_at), visit.dwell_ms]


def _csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
