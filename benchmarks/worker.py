"""How many frames a second one cameras worker folds, beside the same fold without any guarantee.

The yardstick reads, decodes, folds, encodes and writes the same records with confluent-kafka and waits for nothing: no
checkpoint, no acknowledgement, no snapshot.
"""

import argparse
import os
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import Consumer, Producer, TopicPartition

from benchmarks.installation import PEOPLE, Cameras, Installation, installed
from schemas.events import LogRecord, Position
from schemas.topics import CAMERA_LOG, TRACKS, topic_of
from stream_processors.domain.camera import CameraState, LogEntry, step

CAMERAS, FPS = 20, 10
_TICKS = os.sysconf("SC_CLK_TCK")


class Rate(NamedTuple):
    """Frames a second: as the clock saw it, and of the process's own processor time."""

    wall: float
    processor: float


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=150.0, help="of each camera's film")
    seconds = parser.parse_args(arguments).seconds
    with installed() as installation:
        cameras = Cameras(installation, [f"camera-{number:02}" for number in range(CAMERAS)], FPS)
        cameras.define_zones()
        frames = cameras.queue(seconds)
        worker, bare = worker_rate(installation, frames), bare_rate(installation, frames)
    print(f"{frames:,} frames of {CAMERAS} cameras, {PEOPLE} people each; load of the machine {os.getloadavg()[0]:.1f}")
    print(f"{'frames/s':28} {'wall':>8} {'of one core':>12}")
    for name, rate in {"one worker": worker, "same fold, no guarantees": bare}.items():
        print(f"{name:28} {rate.wall:8,.0f} {rate.processor:12,.0f}")
    print(f"{'share':28} {worker.wall / bare.wall:8.0%} {worker.processor / bare.processor:12.0%}")


def worker_rate(installation: Installation, frames: int) -> Rate:
    """From the first output to the last, by the broker's clock; its start is no part of the processor time."""
    pid = installation.start("worker", "process", "cameras")
    while not any(installation.whole(TRACKS)):
        time.sleep(0.1)
    used = cpu_seconds(pid)
    installation.caught_up(database=False)
    used = cpu_seconds(pid) - used
    appended = [each.appended_at for each in installation.whole(TRACKS)]
    return Rate(frames / (max(appended) - min(appended)) * 1_000, frames / used)


def bare_rate(installation: Installation, frames: int) -> Rate:
    """The yardstick's, in this process; its outputs follow the worker's in the same topics."""
    kafka, wire = installation.settings.kafka, installation.wire
    consumer = Consumer(kafka.client() | {"group.id": "benchmark", "enable.auto.commit": "false"})
    producer = Producer(kafka.producer() | {"queue.buffering.max.messages": 1_000_000})
    states: dict[bytes, CameraState] = defaultdict(lambda: CameraState("camera"))
    consumer.assign([TopicPartition(CAMERA_LOG, partition, 0) for partition in range(kafka.partitions)])
    left, began, used = frames + CAMERAS, time.perf_counter(), time.process_time()
    while left > 0:
        for message in consumer.consume(500, 1.0):
            left -= 1
            record = wire.decode(message.value())
            assert isinstance(record, LogRecord), "nothing else was sent"
            place = Position(epoch=0, partition=message.partition(), offset=message.offset(), index=0)
            entry = LogEntry(place, message.timestamp()[1], record)
            states[message.key()], outputs = step(states[message.key()], entry)
            for output in outputs:
                producer.produce(topic_of(type(output).__name__), wire.encode(output), message.key())
        producer.poll(0)
    rate = Rate(frames / (time.perf_counter() - began), frames / (time.process_time() - used))
    consumer.close()
    producer.flush()
    return rate


def cpu_seconds(pid: int) -> float:
    """Processor time a process has used, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


if __name__ == "__main__":
    main()
