"""The reference client of graphql-transport-ws against a real server; it comes from npm, so only the full tests run it."""

import json
import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from graphql_api.app import assemble
from schemas.topics import CAMERA_EVENTS, ZONE_VISITS
from tests.api.doubles import services
from tests.api.running import PATIENCE_S, Running, serving
from tests.api.stored import Topic
from tests.api.test_kills import Process, publish

pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("npm") / "ws_client"
    shutil.copytree(Path(__file__).parent / "ws_client", made)
    subprocess.run(["npm", "install", "--no-audit", "--no-fund"], cwd=made, check=True, timeout=120)
    return made


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setattr("graphql_api.router.HELLO_WITHIN_S", 2.0)
    made, _, _ = services()
    with serving(assemble(made, lambda _: None)) as running:
        running.tell(made.live.begin, {ZONE_VISITS: {0: (0, 0)}, CAMERA_EVENTS: {0: (0, 0)}})
        yield running


def test_the_reference_client_and_raw_frames_find_the_protocol_as_it_is_written(folder: Path, server: Running) -> None:
    command = ["node", "protocol.js", f"ws://{server.address}/graphql"]
    outcome = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True, timeout=60)
    assert outcome.stdout.splitlines() == ["17 met"], outcome.stdout + outcome.stderr


def test_the_reference_client_resumes_as_the_documentation_says_without_loss_or_double(folder: Path) -> None:
    chance, topic = random.Random(20_261_124), Topic()
    with ExitStack() as stack:
        processes = [Process(topic, stack), Process(topic, stack)]
        urls = ",".join(f"ws://{process.server.address}/graphql" for process in processes)
        command = ["node", "resume.js", urls, str(10 * 999), "60"]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, cwd=folder, text=True, stdout=pipe, stderr=pipe) as client:
            assert client.stderr
            assert client.stderr.readline() == "ready\n"
            for _ in range(1_000):
                publish(topic, processes, chance, partitions=1)
                time.sleep(0.005)  # a site's pace, so that the client lives and dies while events come
            topic.stored = len(topic.records)
            told, _ = client.communicate(timeout=4 * PATIENCE_S)
    outcome = json.loads(told)
    assert outcome["received"] == [str(record.event.track_no) for record in topic.records]
    assert outcome["kills"] >= 20
