"""The proof of restated ranges: what an adopted run put in place of published facts is all there, and is what the log gives."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from schemas.events import Event, LineCrossed, Position, RangeRestated, RunAdopted, ZoneMinuteMeasured, ZoneVisitEvent
from schemas.topics import CAMERA_EVENTS, TRACKS, ZONE_MINUTES, ZONE_VISITS
from stream_processors.domain.camera import FOLD_VERSION
from stream_processors.replay.comparison import first_difference
from stream_processors.replay.digests import Digests, adoption_digest
from stream_processors.replay.engine import PartitionRun
from stream_processors.replay.plan import Parameters, Plan
from stream_processors.replay.shapes import OtherZones, Shapes
from stream_processors.replay.span import Span
from stream_processors.replay.streams import Topics, decoded

_FINISH = "run `aforo process replays`"
_UNFINISHED = (
    f"it has no mark, so nothing of it counts: another camera of the run refused it, or it is not finished; {_FINISH}"
)

Facts = dict[Position, Any]  # visits, crossings and minutes, but for what an adoption changes in them


@dataclass(frozen=True, slots=True)
class AdoptionVerdict:
    """What was found of a restated range: how many facts stand for it, and what is wrong or cannot be known, if anything."""

    adopted: RunAdopted
    facts: int
    wrong: str | None = None
    unknown: str | None = None


@dataclass(frozen=True, slots=True)
class _Restated:
    """What stands in the topics of one restatement: its facts, whether any mark makes them count, and what is wrong with these."""

    facts: Facts
    counts: bool
    wrong: str | None


def verify_adoptions(topics: Topics, plan: Plan, end: int) -> Iterator[AdoptionVerdict]:
    """The verdict on every adoption for a camera of the plan whose range meets the plan's.

    Raises:
        BrokerError: the broker is away.
        InputError: a record cannot be read.
    """
    for adopted in _adoptions(topics, plan):
        found = _restated(topics, adopted)
        if not found.counts:
            yield AdoptionVerdict(adopted, len(found.facts), unknown=_UNFINISHED)
            continue
        wrong, unknown = (found.wrong, None) if found.wrong else _compared(topics, adopted, found.facts, end)
        yield AdoptionVerdict(adopted, len(found.facts), wrong, unknown)


def _adoptions(topics: Topics, plan: Plan) -> list[RunAdopted]:
    span = plan.span
    start = topics.broker.since(CAMERA_EVENTS, topics.partition, span.start or 0)
    stop = topics.broker.bounds(CAMERA_EVENTS, topics.partition)[1]
    events = (
        decoded(topics.wire, CAMERA_EVENTS, message)
        for message in topics.broker.read(CAMERA_EVENTS, topics.partition, start, stop)
        if plan.wants_key(message.key)
    )
    found = {
        each.position: each
        for each in events
        if isinstance(each, RunAdopted)
        and (span.stop is None or each.range_from < span.stop) and (span.start is None or span.start < each.range_to)
    }  # fmt: skip
    return list(found.values())


def _restated(topics: Topics, adopted: RunAdopted) -> _Restated:
    facts, wrong, counts = Facts(), list[str](), False
    tracked = adopted.track_timeout_ms is not None or adopted.max_gap_ms is not None
    for topic in (ZONE_VISITS, ZONE_MINUTES, *([TRACKS] if tracked else [])):
        marked = False
        for event in _of(topics, topic, adopted):
            if isinstance(event, RangeRestated):
                marked = True
            elif topic != TRACKS and event.position not in facts:
                facts[event.position] = _plain(event)
                wrong += (
                    [f"{topic}: a {type(event).__name__} stands after the mark that makes it count"] if marked else []
                )
        counts |= marked
        wrong += [] if marked else [f"{topic}: the mark is missing, so these facts do not count yet; {_FINISH}"]
    return _Restated(facts, counts, wrong[0] if wrong else None)


def _of(topics: Topics, topic: str, adopted: RunAdopted) -> Iterator[Any]:
    """All records of one restatement."""
    key = adopted.camera_id.encode()
    for message in topics.since(topic, adopted.position.offset):
        event: Any = decoded(topics.wire, topic, message) if message.key == key else None
        if getattr(event, "restatement", 0) == adopted.restatement:
            yield event


def _compared(topics: Topics, adopted: RunAdopted, facts: Facts, end: int) -> tuple[str | None, str | None]:
    """What is wrong, or why that cannot be known."""
    if adopted.fold_version != FOLD_VERSION:
        return None, f"made by fold version {adopted.fold_version}, and this is version {FOLD_VERSION}"
    plan = _plan(adopted)
    wrong, unknown = _recomputed(topics, adopted, plan, facts, end)
    if wrong is None or plan.source == "tracks":
        return wrong, unknown
    # What the record of an adoption does not tell, its digest does.
    again, _ = _recomputed(topics, adopted, msgspec.structs.replace(plan, judge_again=True), facts, end)
    return (None if again is None else wrong), unknown


def _recomputed(
    topics: Topics, adopted: RunAdopted, plan: Plan, facts: Facts, end: int
) -> tuple[str | None, str | None]:
    run, digests, replayed = PartitionRun(topics, plan, end), Digests(), Facts()
    run.begin()
    for _, reported in run.steps(lambda *_: None):
        for said in reported:
            digests.add(said)
            if isinstance(said.output, ZoneVisitEvent | LineCrossed | ZoneMinuteMeasured):
                replayed[said.output.position] = _plain(said.output)
    if run.course.approximate:
        return None, "the log no longer holds what the run has read"
    if adoption_digest(digests.of(adopted.camera_id)) != adopted.digest:
        return "the log does not give what the run said: its digest differs", None
    return _difference(facts, replayed), None


def _plan(adopted: RunAdopted) -> Plan:
    parameters = Parameters(adopted.track_timeout_ms, adopted.max_gap_ms)
    shapes = None if adopted.zones is None else Shapes(adopted.zones, adopted.lines or ())
    return Plan(
        span=Span(adopted.range_from, adopted.range_to),
        cameras=(adopted.camera_id,),
        zones=OtherZones() if shapes is None else OtherZones(cameras={adopted.camera_id: shapes}),
        parameters=parameters,
        source="log" if shapes is None or parameters.given() else "tracks",
    )


def _plain(event: Event) -> Any:
    """A fact but for the numbers of its restatement and of the zones, which an adoption counts on its own."""
    return msgspec.structs.replace(event, restatement=0, zones_revision=0)


def _difference(published: Facts, replayed: Facts) -> str | None:
    if missing := replayed.keys() - published.keys():
        return f"{len(missing)} of {len(replayed)} facts are missing, the first at {min(missing)}"
    if extra := published.keys() - replayed.keys():
        return f"{len(extra)} facts are too many, the first at {min(extra)}"
    differing = [position for position in sorted(replayed) if published[position] != replayed[position]]
    if not differing:
        return None
    return f"{differing[0]}: {first_difference(published[differing[0]], replayed[differing[0]])}"
