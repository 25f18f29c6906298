"""Cameras workers as processes on a real broker: what they do when they are stopped, frozen, or given what they cannot take."""

import asyncio
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from infra.local.stack import Stack
from schemas.settings import KafkaSettings
from schemas.topics import CAMERAS_CHANGELOG, TRACKS
from stream_processors.agents.camera_fold import APP
from stream_processors.runtime.exits import REFUSED_TO_START, STOOD_STILL
from stream_processors.runtime.faust_app import SESSION_TIMEOUT_S
from stream_processors.runtime.messages import Outgoing
from stream_processors.runtime.outbox import Outbox
from tests.runtime.running import NewSite, Site, feeding, moving, until

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("topics_exist")]


@pytest.fixture
def site(new_site: NewSite, new_kafka: KafkaSettings) -> Site:
    """On a broker of its own: workers fold all that its log holds."""
    return new_site(new_kafka, 6)


def test_a_worker_that_was_frozen_while_another_took_over_harms_nothing_and_a_stop_under_load_is_orderly(
    site: Site,
) -> None:
    workers = site.children()
    with feeding(site, per_second=15):
        frozen = workers.start("frozen", "process", "cameras")
        until(lambda: sum(site.ends(TRACKS).values()) > 0, "the first output", workers)
        workers.start("other", "process", "cameras")
        until(moving(site), "the first worker to work", workers)
        os.kill(frozen, signal.SIGSTOP)
        since = time.monotonic()
        until(lambda: time.monotonic() > since + SESSION_TIMEOUT_S, "the session to time out", workers)
        until(moving(site), "the other to take over", workers)
        os.kill(frozen, signal.SIGCONT)
        until(lambda: "frozen" in workers.ended(), "the frozen one to notice", workers)
        assert workers.wait("frozen") == STOOD_STILL
        until(moving(site), "the other to go on", workers)
        began = time.monotonic()
        assert workers.stop("other") == 0
        assert time.monotonic() - began < 10
    workers.start("successor", "process", "cameras")
    until(site.caught_up, "the rest", workers)
    assert workers.stop("successor") == 0
    assert site.disagreements() == []
    assert site.wrong_states() == []


def test_a_changelog_of_newer_code_is_refused_in_one_line_and_left_as_it_is(
    new_site: NewSite, own_kafka: KafkaSettings
) -> None:
    site = new_site(own_kafka, 1)
    newer = Outgoing(CAMERAS_CHANGELOG, b"camera", msgspec.msgpack.encode([99, 0]))
    asyncio.run(Outbox(own_kafka).write([(0, newer)]))
    workers = site.children()
    workers.start("older", "process", "cameras")
    assert workers.wait("older") == REFUSED_TO_START
    lines = workers.log("older").read_text().splitlines()
    (told,) = [line for line in lines if "refused to start" in line]
    assert "format 99, newer than this code" in told
    assert "Traceback" not in "\n".join(lines)
    assert sum(site.ends(CAMERAS_CHANGELOG).values()) == 1


def test_topics_of_another_partition_count_are_refused_in_one_line(site: Site) -> None:
    workers = site.children(AFORO_KAFKA__PARTITIONS="5")
    workers.start("other", "process", "cameras")
    assert workers.wait("other") == REFUSED_TO_START
    assert "set AFORO_KAFKA__PARTITIONS=4" in workers.log("other").read_text()


def test_processes_of_a_test_end_with_it_however_it_ends(stack: Stack, kafka: KafkaSettings, tmp_path: Path) -> None:
    with suppress(InterruptedError), Site(stack, kafka, tmp_path, 1) as site:
        frozen = site.children().start("frozen", "process", "cameras")
        os.kill(frozen, signal.SIGSTOP)
        raise InterruptedError
    with pytest.raises(ProcessLookupError):
        os.kill(frozen, 0)


def test_a_supervised_worker_that_is_killed_is_back_without_a_rebalance(site: Site) -> None:
    """Its name makes it a static member, so the other one keeps its partitions and goes on all the time."""
    parent = site.children(AFORO_PROCESS__INSTANCE="host")
    with feeding(site, per_second=5):
        pid = parent.start("parent", "process", "cameras", "--workers", "2")
        until(lambda: members(site) == {"host-0", "host-1"}, "two members", parent)
        until(moving(site), "all partitions to be worked on", parent)
        generation, before = assigned(site), len(parent.log("parent").read_text())
        victim, *_ = children_of(pid)
        os.kill(victim, signal.SIGKILL)
        until(lambda: victim not in children_of(pid) and len(children_of(pid)) == 2, "a new process", parent)
        until(moving(site), "all partitions to be worked on again", parent)
        assert assigned(site) == generation
        assert "rebalancing" not in parent.log("parent").read_text()[before:]
    until(site.caught_up, "the rest", parent)
    assert parent.stop("parent") == 0
    assert site.disagreements() == []


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def assigned(site: Site) -> dict[str, set[int]]:
    """Which static member has which partitions of the log; none while there is no coordinator yet."""
    described = AdminClient(site.kafka.client())
    (group,) = described.describe_consumer_groups([APP]).values()
    try:
        found = group.result(15).members
    except (KafkaException, TimeoutError):
        return {}
    return {each.group_instance_id: {place.partition for place in each.assignment.topic_partitions} for each in found}


def members(site: Site) -> set[str]:
    return {name for name, partitions in assigned(site).items() if partitions}
