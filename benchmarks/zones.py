"""The zone part of the fold alone: visits, a line, minutes and their facts, from tracks that are known. One thread, process time."""

import time
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np

from benchmarks.fold_scene import HEIGHT, LINES, WIDTH
from schemas.events import FrameObserved, Position, Zone
from stream_processors.domain import facts, tracker, zones
from stream_processors.domain.geometry import Floats, Ints
from stream_processors.domain.zones import ZoneState

CONTRACT = tracker.ScoreContract(0.1, 0.6, 0.7, 5_000)
SIZE = WIDTH, HEIGHT
NOWHERE = Position(epoch=0, partition=0, offset=0, index=0)


class Tracked(NamedTuple):
    """What the tracker says of a frame: of earlier moments and of this one the tracks (n,) and boxes (n, 4)."""

    observed_at: int
    seen: list[tuple[int, Ints, Floats]]
    ended: list[int]
    tentative_since: int | None


def parsed(frame: FrameObserved) -> tracker.Frame:
    """A frame as the tracker takes it."""
    boxes = np.frombuffer(frame.boxes, "<f4").astype(float).reshape(-1, 4)
    return tracker.Frame(frame.observed_at, boxes, np.frombuffer(frame.scores, "<f4").astype(float), CONTRACT)


def tracked(log: Sequence[FrameObserved]) -> list[Tracked]:
    """The tracks of a log."""
    state, found = tracker.TrackerState.empty(), []
    for frame in map(parsed, log):
        state, said = tracker.update(state, frame)
        seen = [*_backlog(said), (frame.observed_at, said.track_no, frame.boxes[said.detection])]
        ended = [track.track_no for track in said.ended]
        found.append(Tracked(frame.observed_at, seen, ended, tracker.tentative_since(state)))
    return found


def seconds(log: Sequence[Tracked], defined: tuple[Zone, ...]) -> float:
    """Process time of folding tracks under these zones and a line, up to the events."""
    state, _ = zones.redefine(ZoneState(), ZoneState().layout.succeeded_by(0, defined, LINES))
    since: int | None = None
    began = time.process_time()
    for frame in log:
        sighted = [zones.sight(state.layout, at, number, boxes, SIZE) for at, number, boxes in frame.seen]
        state, seen = zones.observe(state, sighted)
        state, gone = zones.end(state, [(number, "TRACK_ENDED") for number in frame.ended])
        state = zones.watch(state, frame.observed_at, since=since)
        state, measured = zones.close(state, frame.observed_at, tentative_since=frame.tentative_since)
        facts.zone_facts(NOWHERE, "c", state.layout, [*seen, *gone, *measured])
        since = frame.observed_at
    return time.process_time() - began


def _backlog(said: tracker.TrackedFrame) -> list[tuple[int, Ints, Floats]]:
    moments = said.backlog_observed_at.tolist()
    rows = [list(several) for _, several in groupby(range(len(moments)), key=lambda row: moments[row])]
    return [(moments[row[0]], said.backlog_track_no[row], said.backlog_boxes[row]) for row in rows]
