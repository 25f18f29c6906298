"""The broker's properties, as Java will read them."""

import base64
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local import kafka
from infra.local.errors import OtherClusterError
from infra.local.kafka import Kafka, cluster_id, properties
from infra.local.settings import LocalSettings

paths = st.text(st.characters(blacklist_categories=["C"]), min_size=1).map(lambda text: f"/{text}")


def as_java_reads(text: str) -> dict[str, str]:
    """java.util.Properties: Latin-1, backslash escapes, UTF-16 code units."""
    pairs = (line.partition("=") for line in text.split("\n") if line and not line.startswith("#"))
    units = {name: value.encode("latin-1").decode("unicode_escape") for name, _, value in pairs}
    return {name: value.encode("utf-16", "surrogatepass").decode("utf-16") for name, value in units.items()}


def of_node(node: int, **settings: Any) -> dict[str, str]:
    return as_java_reads(properties(Kafka(LocalSettings(**settings), node), Path("/data")))


def test_ports_stand_in_every_listener() -> None:
    read = of_node(1, kafka_port=1001, controller_port=1002)
    assert read["listeners"] == "PLAINTEXT://127.0.0.1:1001,CONTROLLER://127.0.0.1:1002"
    assert read["advertised.listeners"] == "PLAINTEXT://127.0.0.1:1001"
    assert read["controller.quorum.voters"] == "1@127.0.0.1:1002"


def test_a_single_broker_asks_for_no_second_copy() -> None:
    read = of_node(1)
    assert {name: value for name, value in read.items() if "replication.factor" in name or "min.isr" in name} == {
        "default.replication.factor": "1",
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
    }
    assert read["min.insync.replicas"] == "1"


def test_each_of_three_brokers_has_listeners_of_its_own_and_knows_all_voters() -> None:
    read = {node: of_node(node, brokers=3, kafka_port=1001, controller_port=1002) for node in (1, 2, 3)}
    assert {node: each["listeners"] for node, each in read.items()} == {
        1: "PLAINTEXT://127.0.0.1:1001,CONTROLLER://127.0.0.1:1002",
        2: "PLAINTEXT://127.0.0.1:1011,CONTROLLER://127.0.0.1:1012",
        3: "PLAINTEXT://127.0.0.1:1021,CONTROLLER://127.0.0.1:1022",
    }
    assert {each["controller.quorum.voters"] for each in read.values()} == {
        "1@127.0.0.1:1002,2@127.0.0.1:1012,3@127.0.0.1:1022"
    }
    assert [each["node.id"] for each in read.values()] == ["1", "2", "3"]


def test_three_brokers_acknowledge_what_two_of_them_hold() -> None:
    read = of_node(2, brokers=3)
    assert (read["default.replication.factor"], read["min.insync.replicas"]) == ("3", "2")
    assert read["offsets.topic.replication.factor"] == "3"


@given(paths)
def test_a_data_folder_of_any_name_reaches_the_broker_unchanged(path: str) -> None:
    assert as_java_reads(properties(Kafka(LocalSettings()), Path(path)))["log.dirs"] == str(Path(path))


def test_topics_are_not_made_by_a_typing_mistake() -> None:
    assert of_node(1)["auto.create.topics.enable"] == "false"


@pytest.fixture
def formatted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which cluster each broker was formatted for; the format tool itself does not run."""
    clusters: list[str] = []
    monkeypatch.setattr(kafka, "run", lambda *command, **_: clusters.append(command[command.index("-t") + 1]))
    (tmp_path / "run").mkdir()
    return clusters


def test_three_brokers_are_formatted_for_one_cluster(formatted: list[str], tmp_path: Path) -> None:
    settings = LocalSettings(brokers=3, data_dir=tmp_path)
    for node in (1, 2, 3):
        Kafka(settings, node).prepare()
    assert len(formatted) == 3
    assert len(set(formatted)) == 1


@pytest.mark.usefixtures("formatted")
def test_data_of_one_broker_are_not_taken_for_those_of_three(tmp_path: Path) -> None:
    Kafka(LocalSettings(data_dir=tmp_path)).prepare()
    with pytest.raises(OtherClusterError, match=r"those of 1 broker.*ask for 3.*AFORO_LOCAL__BROKERS=1"):
        Kafka(LocalSettings(brokers=3, data_dir=tmp_path), 2).prepare()


def test_data_from_before_there_were_three_are_those_of_one_broker(formatted: list[str], tmp_path: Path) -> None:
    (tmp_path / "kafka").mkdir()
    Kafka(LocalSettings(data_dir=tmp_path)).prepare()
    assert formatted == []
    with pytest.raises(OtherClusterError):
        Kafka(LocalSettings(brokers=3, data_dir=tmp_path)).prepare()


def test_a_cluster_id_is_a_new_uuid_in_kafkas_form() -> None:
    first, second = cluster_id(), cluster_id()
    assert first != second
    assert len(base64.urlsafe_b64decode(first + "==")) == 16


def test_no_cluster_id_looks_like_an_option_to_the_format_tool() -> None:
    assert not any(cluster_id().startswith("-") for _ in range(2_000))  # one in 64 random ids would
