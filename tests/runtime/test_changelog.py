"""What counts of a changelog does not depend on the order in which writers, living or dead, wrote it."""

import random
from contextlib import nullcontext

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_processors.runtime import changelog
from stream_processors.runtime.changelog import MARKER_KEY, Contents
from stream_processors.runtime.snapshots import NewerSnapshotError, UnusableSnapshotError

keys = st.text(max_size=3).map(str.encode)
entries = st.lists(st.tuples(keys, st.integers(0, 50)))
markers = st.lists(st.tuples(st.integers(0, 50), st.dictionaries(keys, st.integers(0, 50))))


def contents(records: list[tuple[bytes, bytes]]) -> Contents:
    found = Contents(0)
    for key, value in records:
        found.add(key, value)
    return found


def written(entries: list[tuple[bytes, int]]) -> list[tuple[bytes, bytes]]:
    return [(key, changelog.encode(0, offset, b"state %d" % offset)) for key, offset in entries]


@given(entries, st.randoms(use_true_random=False))
def test_of_each_key_the_state_furthest_on_counts_in_whatever_order_they_were_written(
    entries: list[tuple[bytes, int]], chance: random.Random
) -> None:
    shuffled = chance.sample(entries, len(entries))
    furthest = {key: max(offset for each, offset in entries if each == key) for key, _ in entries}
    found = contents(written(shuffled)).entries
    assert {key: entry.next_offset for key, entry in found.items()} == furthest
    assert all(entry.snapshot == b"state %d" % entry.next_offset for entry in found.values())


@given(markers)
def test_the_marker_furthest_on_counts(markers: list[tuple[int, dict[bytes, int]]]) -> None:
    found = contents([(MARKER_KEY, changelog.encode_marker(0, *each)) for each in markers]).marker
    assert found.next_offset == max((offset for offset, _ in markers), default=0)


@given(entries, keys, st.binary(max_size=20))
def test_bytes_of_any_kind_harm_no_other_key(entries: list[tuple[bytes, int]], key: bytes, value: bytes) -> None:
    try:
        found = contents([*written(entries), (key, value)])
    except NewerSnapshotError:
        return
    before = contents(written(entries)).entries
    assert {each: entry for each, entry in found.entries.items() if each != key} == {
        each: entry for each, entry in before.items() if each != key
    }
    assert key in found.entries or key in found.damaged


def test_no_camera_has_the_markers_key() -> None:
    with pytest.raises(UnicodeDecodeError):
        MARKER_KEY.decode()


@pytest.mark.parametrize("key", [b"c1", MARKER_KEY])
@pytest.mark.parametrize("rest", [[], [1, b""], ["another layout", {}]])
def test_a_newer_format_is_told_from_damage_whatever_its_layout(key: bytes, rest: list[object]) -> None:
    with pytest.raises(NewerSnapshotError, match="format 2"):
        contents([(key, msgspec.msgpack.encode([2, *rest]))])


def test_what_cannot_be_read_leaves_the_state_before_it() -> None:
    good = changelog.encode(0, 7, b"state")
    found = contents([(b"c1", good), (b"c1", good[:-1]), (b"c2", b"")])
    assert found.entries[b"c1"].next_offset == 7
    assert found.damaged.keys() == {b"c1", b"c2"}
    assert found.keys() == {b"c1", b"c2"}


@pytest.mark.parametrize(
    ("epoch", "written", "fits"),
    [(0, [], True), (0, [0], True), (1, [0, 1], True), (0, [0, 1], False), (1, [0], False), (1, [], False)],
)
def test_a_changelog_of_another_epoch_is_told(epoch: int, written: list[int], fits: bool) -> None:
    found = Contents(epoch)
    for each in written:
        found.add(b"c1", changelog.encode(each, 7 * each, b"state"))
        found.add(MARKER_KEY, changelog.encode_marker(each, 7 * each, {b"c1": 7 * each}))
    with nullcontext() if fits else pytest.raises(UnusableSnapshotError, match="AFORO_KAFKA__GROWN"):
        found.require_epoch()
    assert all(entry.next_offset == 7 * epoch for entry in found.entries.values())


def test_a_growth_that_was_interrupted_leaves_the_states_of_the_epoch_before() -> None:
    found = contents([(b"c1", changelog.encode(0, 7, b"old")), (b"c1", changelog.encode(1, 0, b"moved"))])
    found.require_epoch()
    assert found.entries[b"c1"].snapshot == b"old"
