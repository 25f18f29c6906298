"""Following the control plane: what is kept of it, over restarts and outages, checked on a real broker where one matters."""

import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import Producer
from hypothesis import given
from hypothesis import strategies as st

from producers.remote import Memory, RemoteConfiguration, after
from schemas.events import CameraConfigured, CommandRefused, Position
from schemas.settings import KafkaSettings
from schemas.wire import Wire
from tests.producers.test_camera_log import kafka_at, new_topic


def event(offset: int, camera_id: str = "door", site_id: str = "here", **fields: Any) -> CameraConfigured:
    return CameraConfigured(
        position=Position(epoch=0, partition=0, offset=offset, index=0),
        camera_id=camera_id,
        command_id="c",
        revision=offset,
        effective_at=0,
        site_id=site_id,
        **fields,
    )


def test_only_configurations_of_our_site_are_news() -> None:
    known = {"door": event(1)}
    refused = CommandRefused(
        position=event(2).position, camera_id="door", command_id="c", command="x", reason="INVALID", revision=1
    )
    assert after(known, refused, "here") is known
    assert after(known, event(2, "other", "there"), "here") is known


def test_an_event_that_comes_again_is_no_news() -> None:
    known = after({}, event(2), "here")
    assert after(known, event(2), "here") is known
    assert after(known, event(1), "here") is known


def test_a_camera_that_moves_to_another_site_is_forgotten() -> None:
    assert after({"door": event(1), "yard": event(1, "yard")}, event(2, site_id="there"), "here") == {
        "yard": event(1, "yard")
    }


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["here", "there"])), max_size=20))
def test_what_is_known_is_the_newest_of_each_camera_if_it_is_ours(moves: list[tuple[str, str]]) -> None:
    known: Mapping[str, CameraConfigured] = {}
    newest: dict[str, CameraConfigured] = {}
    for offset, (camera_id, site) in enumerate(moves):
        newest[camera_id] = event(offset, camera_id, site)
        known = after(known, newest[camera_id], "here")
    assert known == {camera_id: each for camera_id, each in newest.items() if each.site_id == "here"}


class Topic:
    """A topic of events on a real broker."""

    def __init__(self, bootstrap: str, wire: Wire) -> None:
        self.kafka: KafkaSettings = kafka_at(bootstrap)
        self.name = new_topic(bootstrap)
        self.wire = wire
        self._producer = Producer(self.kafka.producer())

    def say(self, *events: Any) -> None:
        for each in events:
            value = each if isinstance(each, bytes) else self.wire.encode(each)
            self._producer.produce(self.name, key=b"door", value=value)
        assert self._producer.flush(30) == 0

    def follow(self, path: Path) -> RemoteConfiguration:
        return RemoteConfiguration(self.kafka, self.wire, "here", path, topic=self.name)


@pytest.fixture
def topic(stack: Any, wire: Wire) -> Topic:
    return Topic(stack.bootstrap, wire)


def await_revision(remote: RemoteConfiguration, revision: int) -> Mapping[str, CameraConfigured]:
    """What is known once this revision of the door is."""
    for _ in range(600):
        cameras = remote.cameras()
        if "door" in cameras and cameras["door"].revision == revision:
            return cameras
        time.sleep(0.05)  # the follower tells nobody; it is asked ten times a second by the edge, too
    raise AssertionError(f"revision {revision} did not come: {remote.cameras()}")


@pytest.mark.integration
def test_the_newest_revision_is_found_among_all_events_and_later_ones_follow(topic: Topic, tmp_path: Path) -> None:
    topic.say(*(event(offset) for offset in range(1, 50)), b"no event at all", event(50))
    with closing(topic.follow(tmp_path / "known.json")) as remote:
        await_revision(remote, 50)
        topic.say(event(51, target_fps=3.0))
        assert await_revision(remote, 51)["door"].target_fps == 3


@pytest.mark.integration
def test_what_was_known_is_known_at_once_after_a_restart_and_only_the_rest_is_read(
    topic: Topic, tmp_path: Path
) -> None:
    path = tmp_path / "known.json"
    topic.say(event(1), event(2))
    with closing(topic.follow(path)) as remote:
        await_revision(remote, 2)
    kept = msgspec.json.decode(path.read_bytes(), type=Memory)
    assert sum(kept.offsets.values()) == 2
    topic.say(event(3))
    with closing(topic.follow(path)) as remote:
        assert remote.cameras()["door"].revision == 2
        await_revision(remote, 3)


@pytest.fixture
def unreachable(closed_port: int, wire: Wire, tmp_path: Path) -> Iterator[RemoteConfiguration]:
    path = tmp_path / "known.json"
    path.write_bytes(msgspec.json.encode(Memory("here", {"door": event(7)}, {0: 8})))
    with closing(RemoteConfiguration(kafka_at(f"127.0.0.1:{closed_port}"), wire, "here", path)) as remote:
        yield remote


def test_an_unreachable_control_plane_leaves_what_was_known(unreachable: RemoteConfiguration) -> None:
    assert unreachable.cameras() == {"door": event(7)}


@pytest.mark.parametrize(
    "content", [b"broken", msgspec.json.encode(Memory("another site", {"door": event(7)}, {0: 8}))]
)
def test_what_cannot_be_used_is_asked_for_again(closed_port: int, wire: Wire, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "known.json"
    path.write_bytes(content)
    with closing(RemoteConfiguration(kafka_at(f"127.0.0.1:{closed_port}"), wire, "here", path)) as remote:
        assert remote.cameras() == {}
