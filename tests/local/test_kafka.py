"""The broker's properties, as Java will read them."""

import base64
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from infra.local.kafka import cluster_id, properties
from infra.local.settings import LocalSettings

paths = st.text(st.characters(blacklist_categories=["C"]), min_size=1).map(lambda text: f"/{text}")


def as_java_reads(text: str) -> dict[str, str]:
    """java.util.Properties: Latin-1, backslash escapes, UTF-16 code units."""
    pairs = (line.partition("=") for line in text.split("\n") if line and not line.startswith("#"))
    units = {name: value.encode("latin-1").decode("unicode_escape") for name, _, value in pairs}
    return {name: value.encode("utf-16", "surrogatepass").decode("utf-16") for name, value in units.items()}


def test_ports_stand_in_every_listener() -> None:
    settings = LocalSettings(kafka_port=1001, controller_port=1002)
    read = as_java_reads(properties(settings, Path("/data")))
    assert read["listeners"] == "PLAINTEXT://127.0.0.1:1001,CONTROLLER://127.0.0.1:1002"
    assert read["advertised.listeners"] == "PLAINTEXT://127.0.0.1:1001"
    assert read["controller.quorum.voters"] == "1@127.0.0.1:1002"


@given(paths)
def test_a_data_folder_of_any_name_reaches_the_broker_unchanged(path: str) -> None:
    assert as_java_reads(properties(LocalSettings(), Path(path)))["log.dirs"] == str(Path(path))


def test_topics_are_not_made_by_a_typing_mistake() -> None:
    assert as_java_reads(properties(LocalSettings(), Path("/data")))["auto.create.topics.enable"] == "false"


def test_a_cluster_id_is_a_new_uuid_in_kafkas_form() -> None:
    first, second = cluster_id(), cluster_id()
    assert first != second
    assert len(base64.urlsafe_b64decode(first + "==")) == 16


def test_no_cluster_id_looks_like_an_option_to_the_format_tool() -> None:
    assert not any(cluster_id().startswith("-") for _ in range(2_000))  # one in 64 random ids would
