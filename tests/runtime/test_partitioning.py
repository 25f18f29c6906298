"""Epochs follow from a record's place, and a key has one home in each."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.settings import KafkaSettings
from stream_processors.runtime.partitioning import Partitioning, home

# Twice grown: from two partitions that ended at 10 and 20 to three, and from those, which ended at 15, 20 and 7, to six.
GROWN = Partitioning(6, ((10, 20), (15, 20, 7)))


def test_a_record_is_of_the_epoch_in_which_it_was_written() -> None:
    epochs = {
        place: GROWN.epoch(*place) for place in [(0, 9), (0, 10), (0, 15), (1, 19), (1, 20), (2, 6), (2, 7), (5, 0)]
    }
    assert epochs == {(0, 9): 0, (0, 10): 1, (0, 15): 2, (1, 19): 0, (1, 20): 2, (2, 6): 1, (2, 7): 2, (5, 0): 2}


@given(st.integers(0, 5), st.integers(0, 30))
def test_epochs_never_fall_within_a_partition(partition: int, offset: int) -> None:
    assert GROWN.epoch(partition, offset) <= GROWN.epoch(partition, offset + 1) <= GROWN.present


def test_the_present_epoch_begins_where_the_partition_last_ended() -> None:
    assert [GROWN.begin(partition) for partition in range(6)] == [15, 20, 7, 0, 0, 0]


@given(st.binary(min_size=1, max_size=20))
def test_a_key_has_one_home_in_each_epoch(key: bytes) -> None:
    places = {0: [(0, 0), (1, 0)], 1: [(0, 10), (2, 0)], 2: [(each, 99) for each in range(6)]}
    homes = {
        epoch: [each for each, offset in found if GROWN.is_home(key, each, offset)] for epoch, found in places.items()
    }
    assert homes[0] == [home(key, 2)]
    assert homes[2] == [home(key, 6)]
    assert set(homes[1]) == {home(key, 3)} - {1}  # partition 1 took nothing in that epoch


def test_where_no_partitioner_is_known_any_place_is_home() -> None:
    assert Partitioning().is_home(b"camera", 3, 7)


def test_settings_say_it() -> None:
    kafka = KafkaSettings.model_validate({"partitions": 3, "grown": [[10, 20]]})
    assert Partitioning.of(kafka) == Partitioning(3, ((10, 20),))
