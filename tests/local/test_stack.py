"""The real stack: comes up, serves, survives kill -9, keeps its data, refuses a second start, leaves nothing."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

import av
import httpx
import psycopg2
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from aforo.lag import ends
from infra.local import process
from infra.local.errors import FolderInUseError, OtherAddressError, PortInUseError
from infra.local.footage import vtest
from infra.local.process import start_time
from infra.local.stack import Stack
from tests.local_stack import free_ports, running_stack, settings_for_tests, shared_cache, stack_folder

pytestmark = pytest.mark.integration

TOPIC = "local-stack-test"


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack() as stack:
        admin = AdminClient({"bootstrap.servers": stack.bootstrap})
        admin.create_topics([NewTopic(TOPIC, 1, 1)])[TOPIC].result(20)
        yield stack


def pids(stack: Stack) -> dict[str, int]:
    return {line.name: line.pid for line in stack.status() if line.pid}


def with_children(pid: int) -> list[int]:
    children = [file.read_text().split() for file in Path(f"/proc/{pid}/task").glob("*/children")]
    return [pid, *(int(child) for some in children for child in some)]


def living(pids: list[int]) -> Iterator[IO[str]]:
    """A descriptor of each process that tells its end; short-lived workers may be gone already."""
    for pid in pids:
        with suppress(ProcessLookupError):
            yield os.fdopen(os.pidfd_open(pid))


def kill(pid: int) -> None:
    with os.fdopen(os.pidfd_open(pid)) as descriptor:
        os.kill(pid, signal.SIGKILL)
        select.select([descriptor], [], [], 20)


def produce(stack: Stack, value: bytes) -> None:
    failures: list[object] = []
    producer = Producer({"bootstrap.servers": stack.bootstrap, "enable.idempotence": True})
    producer.produce(TOPIC, value, on_delivery=lambda error, _: failures.append(error))
    assert producer.flush(30) == 0
    assert failures == [None]


def consume(stack: Stack, count: int) -> list[bytes]:
    consumer = Consumer({"bootstrap.servers": stack.bootstrap, "group.id": "test", "enable.auto.commit": False})
    try:
        consumer.assign([TopicPartition(TOPIC, 0, 0)])
        return [message.value() for message in consumer.consume(count, 30)]
    finally:
        consumer.close()


def fetch_one(stack: Stack, statement: str, dbname: str = "aforo") -> object:
    connection = psycopg2.connect(stack.database_url(dbname, "postgresql"))
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            row = cursor.fetchone()
            return row and row[0]
    finally:
        connection.close()


def register(stack: Stack) -> int:
    body = {"schema": '{"type": "record", "name": "Seen", "fields": []}'}
    answer = httpx.post(f"{stack.registry_url}/subjects/seen/versions", json=body, trust_env=False)
    return int(answer.raise_for_status().json()["id"])


def test_all_three_serve(stack: Stack) -> None:
    assert [(line.name, line.state) for line in stack.status()] == [
        ("timescale", "running"),
        ("kafka", "running"),
        ("registry", "running"),
    ]
    assert str(fetch_one(stack, "SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'")).startswith("2.")
    assert register(stack) == register(stack)


def test_a_wrong_password_is_refused(stack: Stack) -> None:
    url = stack.database_url(driver="postgresql").replace(stack.timescale.password, "wrong")
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(url)


def test_up_again_changes_nothing(stack: Stack) -> None:
    before = pids(stack)
    stack.up(print, tied=True)
    assert pids(stack) == before


def test_acknowledged_records_rows_and_schema_ids_survive_kill_9_of_all_services(stack: Stack) -> None:
    produce(stack, b"kept")
    schema_id = register(stack)
    fetch_one(stack, "CREATE TABLE kept AS SELECT 7 AS n; COMMIT; SELECT n FROM kept")
    before = pids(stack)
    for pid in before.values():
        kill(pid)
    assert {line.state for line in stack.status()} == {"stopped"}
    stack.up(print, tied=True)
    assert not set(pids(stack).values()) & set(before.values())
    assert consume(stack, 1) == [b"kept"]
    assert fetch_one(stack, "SELECT n FROM kept") == 7
    assert register(stack) == schema_id


def test_a_client_that_lived_through_a_restart_of_the_broker_finds_the_ends_of_topics(stack: Stack) -> None:
    admin = AdminClient({"bootstrap.servers": stack.bootstrap, "log_level": 2})
    before = ends(admin, [TOPIC], [0])
    kill(pids(stack)["kafka"])
    stack.up(print, tied=True)
    assert ends(admin, [TOPIC], [0]) == before


def test_a_second_broker_on_the_same_folder_is_refused_and_does_not_harm_the_first(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "LOCK_WAIT_S", 0.1)
    pid_file = stack.settings.data_dir / "run" / "kafka.json"
    known = pid_file.read_text()
    pid_file.unlink()
    other_ports = dict(zip(("kafka_port", "controller_port"), free_ports(2), strict=True))
    try:
        with pytest.raises(FolderInUseError, match=r"kafka\.lock"):
            Stack(stack.settings.model_copy(update=other_ports)).up(print, tied=True)
    finally:
        pid_file.write_text(known)
    produce(stack, b"unharmed")


def test_other_ports_for_a_stack_that_runs_are_refused(stack: Stack) -> None:
    elsewhere = stack.settings.model_copy(update={"postgres_port": free_ports(1)[0]})
    with pytest.raises(OtherAddressError, match="aforo down"):
        Stack(elsewhere).up(print, tied=True)


def test_a_stack_whose_port_is_taken_starts_nothing(stack: Stack) -> None:
    with stack_folder() as folder:
        settings = settings_for_tests(folder).model_copy(update={"registry_port": stack.settings.kafka_port})
        other = Stack(settings)
        with pytest.raises(PortInUseError, match="AFORO_LOCAL__REGISTRY_PORT"):
            other.up(print, tied=True)
        assert pids(other) == {}


def test_a_closed_database_is_copied_at_any_time_and_copies_are_dropped_under_their_readers(stack: Stack) -> None:
    server = stack.timescale
    server.ensure_database("original", "timescaledb")
    fetch_one(stack, "CREATE TABLE t AS SELECT 5 AS n; COMMIT; SELECT n FROM t", "original")
    server.close_database("original")
    for name in (f"copy{number}" for number in range(5)):
        server.create_database(name, "original")
        reader = psycopg2.connect(server.url(name))
        try:
            assert fetch_one(stack, "SELECT n FROM t", name) == 5
            server.drop_database(name)
        finally:
            reader.close()
    server.drop_database("original")
    server.drop_database("never there")
    assert fetch_one(stack, "SELECT count(*) FROM pg_database WHERE datname LIKE 'copy%' OR datname = 'original'") == 0


TIED = """
import sys
from infra.local.service import start
from infra.local.settings import LocalSettings
from infra.local.timescale import Timescale
server = Timescale(LocalSettings.model_validate_json(sys.argv[1]))
start(server, tied=True)
server.daemon.await_ready(server.problem, 60)
print(server.daemon.identity().pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.usefixtures("stack")  # which has put the software into the cache
def test_a_tied_database_and_its_workers_die_when_the_parent_is_killed() -> None:
    with stack_folder() as folder:
        settings = settings_for_tests(folder).model_dump_json()
        command = [sys.executable, "-c", TIED, settings]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
            assert parent.stdout
            family = with_children(int(parent.stdout.readline()))
            watched = list(living(family))
            parent.kill()
        assert len(watched) > 1
        for process_end in watched:
            with process_end:
                assert select.select([process_end], [], [], 20)[0]


def test_down_leaves_no_process_and_up_brings_the_data_back(stack: Stack) -> None:
    fetch_one(stack, "CREATE TABLE stays AS SELECT 9 AS n; COMMIT; SELECT n FROM stays")
    family = [pid for parent in pids(stack).values() for pid in with_children(parent)]
    stack.down()
    assert [pid for pid in family if start_time(pid) is not None] == []
    assert pids(stack) == {}
    stack.up(print, tied=True)
    assert fetch_one(stack, "SELECT n FROM stays") == 9


def test_the_footage_is_the_one_described() -> None:
    with av.open(str(vtest(shared_cache()))) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height, stream.average_rate) == (768, 576, 10)
        assert sum(1 for _ in container.demux(stream) if _.size) == 795


@pytest.fixture(scope="module")
def cluster() -> Iterator[Stack]:
    """A stack of three brokers."""
    with stack_folder() as folder:
        stack = Stack(settings_for_tests(folder, brokers=3, kafka_heap_mb=384))
        try:
            stack.up(print, tied=True)
            yield stack
        finally:
            stack.down()


@pytest.mark.full
def test_three_brokers_lose_no_acknowledged_record_when_the_leader_is_killed(cluster: Stack) -> None:
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap})
    admin.create_topics([NewTopic(TOPIC, 1, 3)])[TOPIC].result(20)
    produce(cluster, b"before")
    leader = admin.list_topics(TOPIC, timeout=20).topics[TOPIC].partitions[0].leader
    kill(pids(cluster)[cluster.brokers[leader - 1].name])
    produce(cluster, b"without the leader")
    assert consume(cluster, 2) == [b"before", b"without the leader"]
    cluster.up(print, tied=True)
    assert {line.state for line in cluster.status()} == {"running"}


@pytest.mark.full
def test_down_ends_brokers_that_the_settings_no_longer_name(cluster: Stack) -> None:
    family = list(pids(cluster).values())
    Stack(cluster.settings.model_copy(update={"brokers": 1})).down()
    assert [pid for pid in family if start_time(pid) is not None] == []
