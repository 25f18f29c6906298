"""Clocks that jump by an hour: what is refused for it is named, and nothing else of the numbers changes."""

import asyncio
import time
from collections.abc import Iterable, Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import DefineZones, Derived, LogRecord, Position, RecordRefused, TracksObserved, Zone
from schemas.topics import CAMERA_EVENTS
from stream_processors.agents.camera_fold import Guarded
from stream_processors.agents.watchdog import Watchdog
from stream_processors.domain.camera import CameraState, LogEntry, step
from stream_processors.runtime.checkpoint import Held
from stream_processors.runtime.messages import Message, Outgoing
from tests.runtime.logs import SIGNER, START, frame, make_fold, make_wire

HOUR_MS = 3_600_000
SECONDS = 150
DESK = Zone(zone_id="z", name="Desk", kind="WORK", polygon=((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)))
LOG: list[LogRecord] = [
    DefineZones(camera_id="c1", command_id="k", zones=(DESK,)),
    *(frame(n, at=START + 1_000 * n) for n in range(SECONDS)),
]
# What the broker's clock is off by, record by record: mostly right, as otherwise nothing would be left to count.
CLOCKS = st.lists(st.sampled_from([0, 0, 0, 0, HOUR_MS, -HOUR_MS]), min_size=len(LOG), max_size=len(LOG))


def folded(appended_at: Sequence[int | None], offsets: Iterable[int]) -> list[Derived]:
    """What those records of the log lead to."""
    state, said = CameraState("c1"), list[Derived]()
    for offset in offsets:
        position = Position(epoch=0, partition=0, offset=offset, index=0)
        state, outputs = step(state, LogEntry(position, appended_at[offset], LOG[offset]))
        said += outputs
    return said


def numbers(said: list[Derived]) -> list[Derived]:
    """All but what was refused, and how often."""
    return [
        msgspec.structs.replace(each, refused={}) if isinstance(each, TracksObserved) else each
        for each in said
        if not isinstance(each, RecordRefused)
    ]


@given(CLOCKS)
def test_a_broker_whose_clock_jumps_changes_no_number_but_by_frames_that_are_refused_by_name(off: list[int]) -> None:
    appended_at = [START + 1_000 * offset + each for offset, each in enumerate(off)]
    said = folded(appended_at, range(len(LOG)))
    behind = {offset for offset in range(1, len(LOG)) if off[offset] < 0}
    taken = [offset for offset in range(len(LOG)) if offset not in behind]
    assert numbers(said) == numbers(folded([None] * len(LOG), taken))
    named = [each for each in said if isinstance(each, RecordRefused)]
    assert {each.reason for each in named} == ({"FUTURE"} if behind else set())
    assert {each.position.offset for each in named} == {offset for offset in behind if offset - 1 not in behind}


class Broker:
    """Keeps what is written, by a clock of its own."""

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms
        self.log: list[Message] = []

    async def write(self, records: Iterable[tuple[int, Outgoing]]) -> None:
        for partition, each in records:
            self.log.append(
                Message(each.topic, partition, len(self.log), self._now_ms, each.key, each.value, each.headers)
            )


@pytest.mark.parametrize(("jump_ms", "reasons"), [(-HOUR_MS, ["EXPIRED"]), (0, []), (HOUR_MS, [])])
def test_a_watchdog_whose_clock_is_behind_the_brokers_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, jump_ms: int, reasons: list[str]
) -> None:
    """A state that stays STREAMING without a word of why would be a lie."""
    wire, broker, seconds = make_wire(), Broker(START), [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: seconds[0])
    monkeypatch.setattr(time, "time_ns", lambda: (START + jump_ms) * 1_000_000)
    held = {b"c1": Held(Guarded(CameraState("c1", status="STREAMING")), 0)}
    watchdog = Watchdog(broker, wire, SIGNER, 10.0)
    for second in (0.0, 10.0):
        seconds[0] = second
        asyncio.run(watchdog(held))
    (spoken,) = broker.log
    _, outputs = asyncio.run(make_fold(wire).apply(held[b"c1"].state, spoken))
    said = [wire.decode(each.value) for each in outputs if each.topic == CAMERA_EVENTS]
    assert [each.reason for each in said if isinstance(each, RecordRefused)] == reasons


def test_silence_is_measured_by_a_clock_that_does_not_jump(monkeypatch: pytest.MonkeyPatch) -> None:
    wire, broker, seconds = make_wire(), Broker(START), [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: seconds[0])
    held = {b"c1": Held(Guarded(CameraState("c1", status="STREAMING")), 0)}
    watchdog = Watchdog(broker, wire, SIGNER, 10.0)
    for seconds[0], jump_ms in ((0.0, 0), (5.0, HOUR_MS), (9.0, -HOUR_MS)):
        monkeypatch.setattr(time, "time_ns", lambda now=START + jump_ms: now * 1_000_000)
        asyncio.run(watchdog(held))
    assert broker.log == []
