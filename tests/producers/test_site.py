"""`aforo edge` as an installer runs it: one YAML with eight cameras, a password by name, pictures, metrics, an outage at start."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from confluent_kafka import Consumer, Producer, TopicPartition

from schemas.events import (
    CameraConfigured,
    CameraStatusChanged,
    EdgeConfigurationReported,
    Event,
    FrameObserved,
    Position,
)
from schemas.registry import HttpRegistry
from schemas.settings import KafkaSettings
from schemas.topics import CAMERA_EVENTS, CAMERA_LOG
from schemas.wire import Wire
from tests.producers.rtsp_camera import running_camera

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("topics_exist")]

PASSWORD = "open/sesame"
TOKEN = "a-token-of-at-least-16"
HOUSE = Path(__file__).parents[2]
UNREACHABLE = {"AFORO_KAFKA__BOOTSTRAP": "127.0.0.1:1", "AFORO_REGISTRY__URL": "http://127.0.0.1:1"}


class LogReader:
    """What the cameras of this test write into the real log, from now on."""

    def __init__(self, kafka: KafkaSettings, wire: Wire, cameras: list[str]) -> None:
        self.entries: list[Event] = []
        self._wire = wire
        self._prefixes = tuple(camera_id.encode() for camera_id in cameras)
        self._consumer = Consumer(kafka.client() | {"group.id": uuid.uuid4().hex, "enable.auto.commit": "false"})
        ends = [
            TopicPartition(
                CAMERA_LOG, number, self._consumer.get_watermark_offsets(TopicPartition(CAMERA_LOG, number))[1]
            )
            for number in range(kafka.partitions)
        ]
        self._consumer.assign(ends)

    def until(self, enough: Callable[[], bool]) -> None:
        """Read on until the entries are what is waited for."""
        while not enough():
            message = self._consumer.poll(60)
            assert message is not None, f"nothing more within 60 s; so far {self.entries[-3:]}"
            assert message.error() is None, message.error()
            if message.key().startswith(self._prefixes):
                self.entries.append(self._wire.decode(message.value()))

    def frames(self, camera_id: str) -> list[FrameObserved]:
        return [entry for entry in self.entries if isinstance(entry, FrameObserved) and entry.camera_id == camera_id]

    def reported(self, camera_id: str) -> list[tuple[int, str]]:
        return [
            (entry.revision, entry.error)
            for entry in self.entries
            if isinstance(entry, EdgeConfigurationReported) and entry.camera_id == camera_id
        ]

    def stopped(self) -> set[str]:
        return {
            entry.camera_id
            for entry in self.entries
            if isinstance(entry, CameraStatusChanged) and entry.status == "STOPPED"
        }

    def close(self) -> None:
        self._consumer.close()


class Site:
    """A folder with `aforo.yaml`, and the edge that runs on it."""

    def __init__(self, folder: Path, stack: Any, url: str, cameras: int) -> None:
        self.url = url
        self.site = f"site-{uuid.uuid4().hex}"
        self.cameras = [f"{uuid.uuid4().hex[:8]}-{number}" for number in range(cameras)]
        self._folder = folder
        self._environment = {
            **os.environ,
            "AFORO_KAFKA__BOOTSTRAP": stack.bootstrap,
            "AFORO_REGISTRY__URL": stack.registry_url,
            "AFORO_EDGE__SECRETS": f'{{"yard": "admin:{PASSWORD}"}}',
        }
        common = {"source": url, "credentials": "yard", "target_fps": 2}
        settings = {
            "edge": {
                "site": self.site,
                "state_dir": str(folder / "state"),
                "remote": True,
                "cameras": [{"id": camera_id, **common} for camera_id in self.cameras],
                "pictures": {"token": TOKEN, "port": 0},
            }
        }
        (folder / "aforo.yaml").write_text(yaml.safe_dump(settings))

    def configured(self, camera_id: str) -> CameraConfigured:
        """What the fold says once the API has given this site one more camera."""
        return CameraConfigured(
            position=Position(epoch=0, partition=0, offset=0, index=0),
            camera_id=camera_id,
            command_id="c",
            revision=1,
            effective_at=0,
            site_id=self.site,
            source=self.url,
            credentials="yard",
        )

    @contextmanager
    def edge(self, **environment: str) -> Iterator["subprocess.Popen[str]"]:
        """`aforo edge`, ended with the context as an installer would end it."""
        with (
            (self._folder / "edge.log").open("a") as log,
            subprocess.Popen(
                [sys.executable, "-m", "aforo", "edge"],
                cwd=self._folder,
                env={**self._environment, "PYTHONPATH": str(HOUSE), **environment},
                stderr=log,
                text=True,
            ) as process,
        ):
            try:
                yield process
            finally:
                process.send_signal(signal.SIGTERM)
                assert process.wait(60) == 0, self.said()

    def said(self) -> str:
        return (self._folder / "edge.log").read_text()

    def await_said(self, words: str, times: int = 1) -> None:
        """Return when the edge has said it, so often; its log is all there is to wait for while no broker is there."""
        deadline = time.monotonic() + 90
        while self.said().count(words) < times:
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.1)


@pytest.fixture
def site(request: pytest.FixtureRequest, stack: Any, tmp_path: Path) -> Iterator[Site]:
    """With as many cameras as the test says."""
    with running_camera(PASSWORD) as camera:
        yield Site(tmp_path, stack, camera.url, request.param)


@pytest.fixture
def reader(site: Site, kafka: KafkaSettings, stack: Any) -> Iterator[LogReader]:
    made = LogReader(kafka, Wire(HttpRegistry(stack.registry_url)), site.cameras)
    yield made
    made.close()


def say(kafka: KafkaSettings, wire: Wire, event: CameraConfigured) -> None:
    producer = Producer(kafka.producer())
    producer.produce(CAMERA_EVENTS, key=event.camera_id.encode(), value=wire.encode(event))
    assert producer.flush(30) == 0


def picture(port: int, camera_id: str, token: str) -> bytes:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/cameras/{camera_id}.jpg?boxes=true", headers={"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        body: bytes = answer.read()
        return body


@pytest.mark.parametrize("site", [8], indirect=True)
def test_eight_cameras_of_one_yaml_and_one_of_the_api_stream_show_pictures_and_say_goodbye(
    site: Site, reader: LogReader, kafka: KafkaSettings, stack: Any
) -> None:
    with site.edge():
        reader.until(lambda: all(len(reader.frames(camera_id)) >= 3 for camera_id in site.cameras))
        ninth = site.configured(f"{site.cameras[0]}-api")
        say(kafka, Wire(HttpRegistry(stack.registry_url)), ninth)
        site.cameras.append(ninth.camera_id)
        reader.until(lambda: bool(reader.frames(ninth.camera_id)))
        assert reader.reported(ninth.camera_id) == [(1, "")]
        port = int(site.said().partition("pictures_port=")[2].split()[0])
        assert picture(port, site.cameras[0], TOKEN).startswith(b"\xff\xd8")
        with pytest.raises(urllib.error.HTTPError, match="401"):
            picture(port, site.cameras[0], "another token of 16")
    reader.until(lambda: reader.stopped() == set(site.cameras))
    assert PASSWORD not in site.said() + str(reader.entries)
    assert "sesame" not in site.said() + str(reader.entries)


@pytest.mark.full  # its parts are in test_known_schemas and test_camera_log
@pytest.mark.parametrize("site", [2], indirect=True)
def test_an_edge_that_starts_during_an_outage_records_all_the_same(site: Site, reader: LogReader) -> None:
    with site.edge():
        reader.until(lambda: bool(reader.frames(site.cameras[0])))
    streamed = site.said().count("status=STREAMING")
    with site.edge(**UNREACHABLE):
        site.await_said("status=STREAMING", times=streamed + 2)
    sessions = re.findall(r"session begins +camera=(\S+) session=(\S+)", site.said())[-2:]
    assert {camera_id for camera_id, _ in sessions} == set(site.cameras)
    assert "they go out when the edge starts again" in site.said()
    with site.edge():
        for camera_id, session in sessions:
            reader.until(lambda: session in {frame.session for frame in reader.frames(camera_id)})  # noqa: B023 - at once
