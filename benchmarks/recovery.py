"""How long a camera's numbers stand still when its worker goes, and what the next worker reads before it goes on.

Standstill: twenty cameras at ten frames a second and two workers, of which one ends in each of these ways; what counts is the
longest time from a frame's append to that of its tracks, by the broker's clock.

Changelog: `--snapshots` of them, written as fast as the broker takes them, and after each fifth what a worker that starts
then would read.
"""

import argparse
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from confluent_kafka import Producer

from aforo.demo.children import Children
from benchmarks import fold_scene
from benchmarks.installation import PEOPLE, Cameras, Installation, installed
from schemas.events import TracksObserved
from schemas.signing import Verifier
from schemas.topics import CAMERA_LOG, CAMERAS_CHANGELOG, TRACKS
from stream_processors.agents.camera_fold import CameraFold, Guarded
from stream_processors.runtime import changelog
from stream_processors.runtime.changelog import Contents
from stream_processors.runtime.reading import Reader

CAMERAS, FPS = 20, 10
BEFORE_S, AFTER_S = 5.0, 15.0
PARTS = 5
CLEANED_WITHIN_S = 35.0  # the broker's cleaner looks every 15 s
WEEK_S = 7 * 86_400
INSTANCE = "AFORO_PROCESS__INSTANCE"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--snapshots", type=int, default=200_000)
    given = parser.parse_args(arguments)
    print(f"longest log -> tracks in ms, {CAMERAS} cameras x {FPS} frames/s, {PEOPLE} people each, two workers")
    for name, end in ENDS.items():
        with installed() as installation:
            found = [standstill_ms(installation, end, number) for number in range(given.rounds)]
        print(f"{name:46} {' '.join(f'{each:7,}' for each in found)}   load {os.getloadavg()[0]:.1f}")
    share = given.snapshots / CAMERAS / WEEK_S
    print(f"\n{given.snapshots:,} snapshots of {CAMERAS} cameras, {share:.1%} of a week's")
    print(f"{'written':>10} {'read at a start':>17} {'in s':>6}")
    with installed() as installation:
        for written, megabytes, seconds in changelog_growth(installation, given.snapshots):
            print(f"{written:10,} {megabytes:14,.0f} MB {seconds:6.2f}")


# --- standstill ---


class Workers:
    """Two workers, each under a name of its own where they are to be static members."""

    def __init__(self, installation: Installation, folder: str, *, static: bool) -> None:
        names = {name: {INSTANCE: name if static else ""} for name in ("first", "second")}
        self._children = {
            name: Children({**installation.environment(), **own}, installation.settings.local.data_dir / folder)
            for name, own in names.items()
        }

    def start(self, name: str) -> None:
        """Start one of them."""
        self._children[name].start(name, "process", "cameras")

    def stop(self, name: str) -> None:
        """SIGTERM; returns when it is gone."""
        self._children[name].stop(name)

    def kill(self, name: str) -> None:
        """SIGKILL."""
        self._children[name].kill(name)

    def stop_all(self) -> None:
        """End both, if they run."""
        for child in self._children.values():
            child.stop_all()


def _kill_and_start(workers: Workers) -> None:
    workers.kill("first")
    workers.start("first")


ENDS: dict[str, Callable[[Workers], None]] = {
    "nothing happens": lambda _: None,
    "SIGTERM, the other takes over": lambda workers: workers.stop("first"),
    "kill -9, the other takes over": lambda workers: workers.kill("first"),
    "kill -9, the same static member is started again": _kill_and_start,
}


def standstill_ms(installation: Installation, end: Callable[[Workers], None], number: int) -> int:
    """The longest delay of a frame around the end of a worker."""
    cameras = Cameras(installation, [f"{number}-{each:02}" for each in range(CAMERAS)], FPS)
    cameras.define_zones()
    workers = Workers(installation, f"log-{number}", static=end is _kill_and_start)
    try:
        for name in ("first", "second"):
            workers.start(name)
        installation.caught_up(database=False)
        with _filmed(cameras):
            time.sleep(BEFORE_S)
            end(workers)
            time.sleep(AFTER_S)
        installation.caught_up(database=False)
    finally:
        workers.stop_all()
    return longest_ms(installation, {name.encode() for name in cameras.names})


@contextmanager
def _filmed(cameras: Cameras) -> Iterator[None]:
    film = threading.Thread(target=cameras.film, args=[BEFORE_S + AFTER_S + 5])
    film.start()
    yield
    film.join()


def longest_ms(installation: Installation, keys: set[bytes]) -> int:
    """From the append of a frame of these cameras to that of its tracks, where they first came."""
    appended = {
        (each.partition, each.offset): each.appended_at for each in installation.whole(CAMERA_LOG) if each.key in keys
    }
    delays: dict[tuple[int, int], int] = {}
    for each in installation.whole(TRACKS):
        event = installation.wire.decode(each.value)
        if each.key in keys and isinstance(event, TracksObserved):
            place = each.partition, event.position.offset
            delays.setdefault(place, each.appended_at - appended[place])
    return max(delays.values())


# --- the changelog ---


def changelog_growth(installation: Installation, snapshots: int) -> Iterator[tuple[int, float, float]]:
    """After each part of the snapshots: how many there were, and what it takes to read the topic, in MB and seconds."""
    states = list(_states(installation))
    producer = Producer(installation.settings.kafka.producer() | {"queue.buffering.max.messages": 1_000_000})
    for number in range(1, snapshots + 1):
        key = f"camera-{number % CAMERAS:02}".encode()
        producer.produce(CAMERAS_CHANGELOG, key=key, value=changelog.encode(0, number, states[number % len(states)]))
        producer.poll(0)
        if number % (snapshots // PARTS) == 0:
            producer.flush()
            time.sleep(CLEANED_WITHIN_S)
            yield number, *read_changelog(installation)


def _states(installation: Installation) -> Iterator[bytes]:
    """Different ones, since equal ones would be compressed to nothing."""
    fold, camera = CameraFold(installation.wire, Verifier({})), fold_scene.camera()
    for frame in fold_scene.frames(PEOPLE, 500):
        camera.take(frame)
        yield fold.dump(Guarded(camera.state), 0, 0)


def read_changelog(installation: Installation) -> tuple[float, float]:
    """What a worker that owns every partition reads at its start."""
    began, size, contents = time.perf_counter(), 0, Contents(0)
    with Reader(installation.settings.kafka, "aforo-benchmark") as reader:
        partitions = range(installation.settings.kafka.partitions)
        for each in reader.read(
            {(CAMERAS_CHANGELOG, place): reader.bounds(CAMERAS_CHANGELOG, place) for place in partitions}
        ):
            contents.add(each.key, each.value)
            size += len(each.value or b"")
    return size / 1e6, time.perf_counter() - began


if __name__ == "__main__":
    main()
