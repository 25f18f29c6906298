"""The projector as a process on the real broker, registry and database: through kills, absences and a lost database."""

import signal

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from schemas.topics import DEAD_LETTERS, TRACKS
from tests.projections.databases import empty, query
from tests.projections.samples import zone_entered, zone_exited, zone_minute, zones_defined
from tests.projections.site import PARTITION, TODAY, Site, eventually

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("topics_exist")]

LATE_S = 2.0


def dead_letters(site: Site) -> list[dict[str, str]]:
    """Headers of the camera's dead letters, oldest first."""
    consumer = Consumer(site.kafka.client() | {"group.id": site.camera, "enable.partition.eof": "true"})
    consumer.assign([TopicPartition(DEAD_LETTERS, PARTITION, OFFSET_BEGINNING)])
    found = []
    while not (message := consumer.poll(20)).error():
        if message.key() == site.camera.encode():
            found.append({name: (value or b"").decode() for name, value in message.headers() or ()})
    consumer.close()
    return found


def test_every_kind_of_record_arrives_and_an_unreadable_one_is_set_aside(site: Site) -> None:
    who = {"camera_id": site.camera}
    visit = who | {"entered_at": TODAY}
    site.produce(*site.ended(0, 3), b"junk", *site.ended(3, 5))
    site.produce(
        zone_entered(**visit),
        zone_exited(**visit),
        zone_minute(**who, minute=TODAY // 60_000 * 60_000),
        zones_defined(camera_id=site.camera),
    )
    with site.projector():
        eventually(lambda: site.count("tracks") == 5 and site.count("zones") == 1 and site.count("zone_hours") == 1)
        eventually(lambda: site.count("zone_visits") == 1)
    (letter,) = dead_letters(site)
    assert (letter["topic"], letter["partition"], letter["reason"]) == (TRACKS, str(PARTITION), "UNDECODABLE")


def test_a_killed_projector_goes_on_where_it_was(site: Site) -> None:
    site.produce(*site.ended(0, 2_000))
    with site.projector() as process:
        eventually(lambda: site.count("tracks") > 0)
        process.send_signal(signal.SIGKILL)
        process.wait()
    site.produce(*site.ended(1_500, 3_000))
    with site.projector():
        eventually(lambda: site.count("tracks") == 3_000)


def test_an_absent_database_is_waited_for_and_does_not_keep_the_worker_from_ending(site: Site) -> None:
    name = site.database.rpartition("/")[2]
    site.produce(*site.ended(0, 10))
    with site.projector() as process:
        eventually(lambda: site.count("tracks") == 10)
        site.stack.timescale.close_database(name)
        site.produce(*site.ended(10, 20))
        eventually(lambda: site.output.read_text().count("not currently accepting") > 0)
        eventually(lambda: site.metric("aforo_projection_lag_seconds", topic=TRACKS) > LATE_S)
        assert site.metric("aforo_consumer_lag_messages", topic=TRACKS, partition=str(PARTITION)) == 10
        query(site.stack.database_url("postgres"), f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        eventually(lambda: site.count("tracks") == 20)
        eventually(lambda: site.metric("aforo_consumer_lag_messages", topic=TRACKS, partition=str(PARTITION)) == 0)
        site.stack.timescale.close_database(name)
        site.produce(*site.ended(20, 30))
        waits = site.output.read_text().count("not currently accepting")
        eventually(lambda: site.output.read_text().count("not currently accepting") > waits)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=10)
    query(site.stack.database_url("postgres"), f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    with site.projector():
        eventually(lambda: site.count("tracks") == 30)


def test_a_database_that_lost_what_the_group_had_acknowledged_gets_it_again(site: Site) -> None:
    site.produce(*site.ended(0, 50))
    with site.projector() as process:
        eventually(lambda: site.count("tracks") == 50)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=10)
    empty(site.database)
    with site.projector():
        eventually(lambda: site.count("tracks") == 50)


def test_a_running_projector_is_not_misled_by_a_database_set_back_under_it(site: Site) -> None:
    site.produce(*site.ended(0, 50))
    with site.projector() as process:
        eventually(lambda: site.count("tracks") == 50)
        empty(site.database)
        site.produce(*site.ended(50, 60))
        assert process.wait(timeout=30) != 0
    with site.projector():
        eventually(lambda: site.count("tracks") == 60)
