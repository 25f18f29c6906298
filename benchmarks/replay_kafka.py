"""How fast a replay from Kafka is: the whole fold over the log, and zones alone over the tracks, on one core each.

Starts a Kafka and a registry of its own. `--hours 24` is a whole camera-day; making it takes longer than replaying it and is
not counted. Processor time and memory are those of the replaying process, the broker's not among them.
"""

import argparse
import asyncio
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import Producer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks.fold_scene import LINES, ZONES, frames
from benchmarks.replay import STAY_S
from schemas.events import DefineZones, Event
from schemas.provision import create_topics, register_schemas
from schemas.registry import HttpRegistry
from schemas.settings import KafkaSettings
from schemas.signing import Signer, Verifier
from schemas.topics import CAMERA_LOG
from schemas.wire import Wire
from stream_processors.agents.camera_fold import CameraFold
from stream_processors.replay import engine, parts
from stream_processors.replay.engine import Log
from stream_processors.replay.plan import Plan
from stream_processors.replay.shapes import OtherZones, Shapes
from stream_processors.replay.verifying import verify
from stream_processors.runtime.messages import Message
from tests.local_stack import running_stack

PARTITION = 0
CAMERA = b"c"
OTHER = OtherZones(every=Shapes(ZONES[::-1], LINES))


class Measured(NamedTuple):
    """What a run took and came to."""

    processor_s: float
    peak_mb: float
    records: int


def replayed(log: Log, plan: Plan, end: int) -> int:
    """Replay into files; how many records were written."""
    with (
        tempfile.TemporaryDirectory() as folder,
        parts.under_way(Path(folder), plan, lambda: {PARTITION: end}) as begun,
    ):
        summary = engine.replay(log, plan, begun, ends=begun.ends, progress=lambda *_: None)
        parts.publish(begun, summary)
    return sum(summary.outputs.values())


def verified(log: Log, plan: Plan, end: int) -> int:
    """Verify; how many records agree."""
    verdict = verify(log, plan, {PARTITION: end}, progress=lambda *_: None)
    assert verdict.agrees
    return sum(each.published for each in verdict.hours)


RUNS: dict[str, tuple[Callable[[Log, Plan, int], int], Plan]] = {
    "as it was, from the log": (replayed, Plan()),
    "other zones, from the log": (replayed, Plan(zones=OTHER)),
    "other zones, from the tracks": (replayed, Plan(zones=OTHER, source="tracks")),
    "verified": (verified, Plan()),
}


def measured(name: str, log: Log, end: int) -> Measured:
    """What a run takes in this process."""
    run, plan = RUNS[name]
    began = time.process_time()
    records = run(log, plan, end)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024
    return Measured(time.process_time() - began, peak_mb, records)


async def made(log: Log, people: int, fps: int, count: int) -> int:
    """Write a camera's log and all that the live fold says of it; the log's end."""
    signer = Signer(Ed25519PrivateKey.generate())
    wire = Wire(HttpRegistry(log.registry_url))
    fold = CameraFold(wire, Verifier({signer.key_id: signer.key.public_key()}))
    state, producer, now = fold.new(CAMERA), Producer(log.kafka.producer()), time.time_ns() // 1_000_000
    records: list[Event] = [DefineZones(camera_id="c", command_id="k", zones=ZONES, lines=LINES)]
    offset = 0
    for record in (each for several in (records, frames(people, count, fps, STAY_S)) for each in several):
        value = wire.encode(record)
        headers = signer.headers("c", value, now + 60_000) if record in records else []
        message = Message(CAMERA_LOG, PARTITION, offset, now, CAMERA, value, headers)
        state, outputs = await fold.apply(state, message)
        producer.produce(CAMERA_LOG, value, CAMERA, partition=PARTITION, headers=headers)
        for each in outputs:
            producer.produce(each.topic, each.value, each.key, partition=PARTITION)
        offset += 1
        if not offset % 1_000:
            producer.flush()
    producer.flush()
    return offset


def main(hours: float = 0.25, people: int = 8, fps: int = 10) -> None:
    """Print the table."""
    count = int(hours * 3_600 * fps)
    context = multiprocessing.get_context("spawn")
    with running_stack() as stack:
        log = Log(KafkaSettings(bootstrap=stack.bootstrap), stack.registry_url)
        create_topics(log.kafka)
        register_schemas(HttpRegistry(log.registry_url))
        end = asyncio.run(made(log, people, fps, count))
        print(f"\n{hours} h of one camera at {fps} frames/s, {people} people, {len(ZONES)} zones, {len(LINES)} line")
        print(f"{'':30} {'frames/s/core':>13} {'x real time':>12} {'peak MB':>8} {'records':>10}")
        for name in RUNS:
            with context.Pool(1) as alone:
                found = alone.apply(measured, (name, log, end))
            speed, times = count / found.processor_s, hours * 3_600 / found.processor_s
            print(f"{name:30} {speed:>13,.0f} {times:>12,.0f} {found.peak_mb:>8.0f} {found.records:>10,}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=0.25)
    parser.add_argument("--people", type=int, default=8)
    parser.add_argument("--fps", type=int, default=10)
    main(**vars(parser.parse_args()))
