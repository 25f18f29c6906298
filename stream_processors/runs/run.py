"""A run as it was asked for and what it came to. Plain data; where it is stored is not known here."""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal, TypeAlias

import msgspec

from schemas.events import AdoptRun
from stream_processors.replay.plan import Parameters, Plan
from stream_processors.replay.shapes import OtherZones
from stream_processors.replay.span import Span
from stream_processors.runs.summary import RunSummary

State: TypeAlias = Literal[
    "REQUESTED", "RUNNING", "DONE", "FAILED", "ADOPT_REQUESTED", "ADOPTED", "DROP_REQUESTED", "DROPPED"
]


class AbandonedError(Exception):
    """Somebody else has the run now, or asked to drop it: whoever works on it stops."""


class AdoptionRefusedError(Exception):
    """A run cannot be adopted; the message says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What to replay, for whom, and which state the run is in; times are UTC ms. `summary`: once it is done."""

    run_id: str
    state: State
    requested_by: str
    cameras: tuple[str, ...]
    range_from: int
    range_to: int
    zones: OtherZones
    parameters: Parameters
    judge_again: bool = False
    summary: RunSummary | None = None

    @property
    def plan(self) -> Plan:
        """How to replay it: zones alone over the tracks that are there, all else from the camera log."""
        plan = Plan(
            span=Span(self.range_from, self.range_to),
            cameras=self.cameras,
            zones=self.zones,
            parameters=self.parameters,
            judge_again=self.judge_again,
        )
        zones_only = plan.is_what_if and not plan.changes_tracks
        return msgspec.structs.replace(plan, source="tracks") if zones_only else plan

    def adoption(self, camera_id: str) -> AdoptRun:
        """The command that adopts the run for a camera: the same however often it is made."""
        zones = self.zones.definition(camera_id)
        assert self.summary is not None, "the run is done"
        return AdoptRun(
            camera_id=camera_id,
            command_id=blake2b(f"{self.run_id}/{camera_id}".encode(), digest_size=16).hexdigest(),
            issued_by=self.requested_by,
            run_id=self.run_id,
            range_from=self.range_from,
            range_to=self.range_to,
            fold_version=self.summary.fold_version,
            digest=self.summary.cameras[camera_id].digest,
            zones=None if zones is None else zones.zones,
            lines=None if zones is None else zones.lines,
            track_timeout_ms=self.parameters.track_timeout_ms,
            max_gap_ms=self.parameters.max_gap_ms,
        )
