"""Topics as data: reads `schemas/topics/*.toml`, the only place where a topic is described.

Creation, routing, documentation and tests all read those files through this module.
"""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec

Retention = Literal["privacy", "facts", "forever", "compacted"]
Compatibility = Literal["BACKWARD_TRANSITIVE", "FULL_TRANSITIVE", "NONE"]


class PartitionMismatchError(RuntimeError):
    """A topic exists with another number of partitions than the settings ask for."""


class TopicSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One topic as its file describes it; `records` are the Avro record names it may carry."""

    name: str
    purpose: str
    key: str
    retention: Retention
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    records: tuple[str, ...]
    compatibility: Compatibility
    epoch: int
    headers: dict[str, str] = {}
    config: dict[str, str] = {}


@cache
def topics() -> dict[str, TopicSpec]:
    """Every topic by name, in the order of the file names."""
    folder = files("schemas") / "topics"
    specs = [
        msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), TopicSpec)
        for path in sorted(folder.iterdir(), key=lambda path: path.name)
        if path.name.endswith(".toml")
    ]
    return {spec.name: spec for spec in specs}


@cache
def topic_of(record: str) -> str:
    """The topic that carries the record called `record`; each record has exactly one."""
    (name,) = [spec.name for spec in topics().values() if record in spec.records]
    return name


def largest_record_bytes(topic: str) -> int:
    """What a topic's broker, its producers and its consumers take at most in one record, key and headers included."""
    return LOG_RECORD_BYTES if topic == CAMERA_LOG else DERIVED_RECORD_BYTES


# What is derived from a record of the log is larger than the record: names of zones, a state, the bytes and why not.
LOG_RECORD_BYTES = 1 << 20
DERIVED_RECORD_BYTES = 8 << 20

CAMERA_LOG = "aforo.camera-log.v1"
CAMERA_SNAPSHOTS = "aforo.camera-snapshots.v1"
TRACKS = "aforo.tracks.v1"
ZONE_VISITS = "aforo.zone-visits.v1"
ZONE_MINUTES = "aforo.zone-minutes.v1"
CAMERA_EVENTS = "aforo.camera-events.v1"
DEAD_LETTERS = "aforo.dead-letters.v1"
CAMERAS_CHANGELOG = "aforo-cameras-state-changelog"
