"""What a reader of the derived topics gets: each record once, in order, and what it misses when the order is broken."""

import msgspec
import pytest

from aforo.audit.published import Published, published
from schemas.events import Derived, TracksRestated
from schemas.registry import MemoryRegistry
from schemas.topics import TRACKS, ZONE_VISITS
from schemas.wire import Wire
from stream_processors.runtime.messages import Message
from tests.projections.samples import at, run_adopted, track_ended, zone_entered

WIRE = Wire(MemoryRegistry())
ALL = {0: 1_000}


def topic(*events: Derived, name: str = TRACKS) -> list[Message]:
    return [
        Message(name, 0, offset, 0, event.camera_id.encode(), WIRE.encode(event), [])
        for offset, event in enumerate(events)
    ]


def ended(offset: int, index: int = 0, **more: object) -> Derived:
    return msgspec.structs.replace(track_ended(), position=at(offset, index), **more)


def read(*events: Derived, folded: dict[int, int] = ALL) -> Published:
    return published(topic(*events), WIRE, folded)


def test_records_in_order_are_all_kept() -> None:
    seen = read(ended(1), ended(1, 1), ended(2))
    assert (len(seen.events), len(seen.kept), seen.repeated) == (3, 3, 0)


def test_what_a_crash_repeats_is_dropped_and_counted() -> None:
    seen = read(ended(1), ended(2), ended(1), ended(2), ended(3))
    assert (len(seen.events), len(seen.kept), seen.repeated) == (3, 3, 2)


def test_a_record_that_comes_after_a_later_one_is_lost_to_readers() -> None:
    seen = read(ended(1), ended(3), ended(2))
    assert (len(seen.events), len(seen.kept)) == (3, 2)


def test_of_two_records_of_one_position_the_first_is_kept_and_both_are_seen() -> None:
    seen = read(ended(1), ended(1, observations=99))
    assert (len(seen.events), len(seen.kept), seen.repeated) == (2, 1, 0)


def test_cameras_and_topics_have_orders_of_their_own() -> None:
    messages = [*topic(ended(5), ended(1, camera_id="other")), *topic(zone_entered(position=at(1)), name=ZONE_VISITS)]
    assert len(published(messages, WIRE, ALL).kept) == 3


@pytest.mark.parametrize("restated", [ended(1, restatement=1), TracksRestated(camera_id="entrance", position=at(1), run_id="r", restatement=1, range_from=0, range_to=1)])  # fmt: skip
def test_records_of_adopted_runs_are_counted_apart(restated: Derived) -> None:
    seen = read(ended(1), restated)
    assert (len(seen.events), seen.restated) == (1, 1)


def test_the_live_folds_word_that_a_run_was_adopted_is_its_own() -> None:
    assert read(run_adopted(position=at(1))).restated == 0


def test_what_the_fold_has_not_acknowledged_is_left_out() -> None:
    assert len(read(ended(1), ended(2), folded={0: 2}).events) == 1
