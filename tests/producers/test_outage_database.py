"""A minute without a broker, through to the database: footage, edge, fold, watchdog, projector and API, all real."""

import os
import signal
import time
from collections.abc import Iterator

import msgspec
import pytest

from aforo.demo.scene import SCENES
from aforo.demo.session import Session, settings_of_its_own
from aforo.settings import Settings
from infra.local.footage import vtest
from infra.local.kafka import Kafka
from infra.local.service import start
from infra.local.tools import ensure_tools
from schemas.events import FrameObserved
from schemas.registry import HttpRegistry
from schemas.wire import Wire
from tests.e2e.test_pipeline import answers, edge_records, publish
from tests.local_stack import free_ports, settings_for_tests, shared_cache, stack_folder

pytestmark = [pytest.mark.e2e, pytest.mark.full, pytest.mark.timeout(600)]

OUTAGE_S = 60.0


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    ensure_tools(install=True, progress=print)
    camera = {"id": "stormy", "source": str(vtest(shared_cache())), "loop": True, "target_fps": 5}
    with stack_folder() as folder:
        local = settings_for_tests(folder)
        base = Settings.model_validate({"local": local, "api": {"port": free_ports(1)[0]}})
        running = Session(settings_of_its_own(base, [camera]), {"stormy": SCENES["plaza"], "calm": SCENES["plaza"]})
        try:
            running.start(print)
            yield running
        finally:
            running.stop()


def start_again(session: Session) -> None:
    """What a service manager does: a worker that gave up while the broker was away is started again."""
    for name in session.children.ended():
        session.children.wait(name)
        session.start_process(name)


def accepted(session: Session) -> int:
    query = 'query { camera(cameraId: "stormy") { framesAccepted } }'
    found = session.api.query(query)["camera"]
    return int(found["framesAccepted"]) if found else 0


def test_a_minute_without_a_broker_leaves_the_same_visits_in_the_database(session: Session) -> None:
    session.wait_until(lambda: accepted(session) >= 50, "the first 10 s to be in the database")
    broker = Kafka(session.settings.local)
    running = broker.daemon.identity()
    assert running is not None
    os.kill(running.pid, signal.SIGKILL)
    broker.daemon.stop()
    time.sleep(OUTAGE_S)  # the outage itself
    start(broker, tied=True)
    broker.daemon.await_ready(broker.problem, 90)
    start_again(session)
    enough = 50 + 5 * int(OUTAGE_S)
    session.wait_until(lambda: accepted(session) >= enough, "what was seen meanwhile to be in the database")
    assert session.children.stop("edge") == 0
    session.catch_up()

    wire = Wire(HttpRegistry(session.settings.registry.url))
    records = edge_records(session, wire, "stormy")
    frames = [record for record in records if isinstance(record, FrameObserved)]
    for name in {frame.session for frame in frames}:
        seqs = [frame.seq for frame in frames if frame.session == name]
        assert seqs == list(range(len(seqs))), "nothing is lost, nothing overtakes"
    publish(session, wire, [msgspec.structs.replace(record, camera_id="calm") for record in records])
    session.catch_up()
    stormy, calm = answers(session, "stormy", frames), answers(session, "calm", frames)
    assert stormy["zoneVisits"]["nodes"], "people walk through the yard"
    assert stormy["zoneVisits"] == calm["zoneVisits"]
    assert stormy["tracks"] == calm["tracks"]
