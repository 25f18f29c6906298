"""Which frames are not taken, held against a memory that forgets nothing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_processors.domain.refusals import MAX_AHEAD_MS, REMEMBERED_SESSIONS, Admission, SessionSeen
from tests.domain.walks import START, frame

arrivals = st.tuples(st.sampled_from("abc"), st.integers(0, 40), st.integers(1, 60))


@settings(max_examples=80)
@given(st.lists(arrivals, max_size=60))
def test_a_frame_is_taken_exactly_if_it_is_new_and_after_the_last(frames: list[tuple[str, int, int]]) -> None:
    admission, taken, watermark = Admission(), set[tuple[str, int]](), 0
    for session, seq, at in frames:
        expected = "DUPLICATE" if (session, seq) in taken else "LATE" if at <= watermark else None
        reason = admission.judge(each := frame(seq, at, session=session), None, enabled=True)
        assert reason == expected
        if reason is None:
            admission, watermark = admission.accepting(each), at
            taken.add((session, seq))
        else:
            admission = admission.refusing_for(reason)
    assert (admission.accepted, admission.watermark) == (len(taken), watermark)
    assert admission.accepted + sum(admission.refused.values()) == len(frames)


@given(st.lists(st.integers(0, 500), min_size=1, max_size=40))
def test_the_mask_knows_what_was_added_and_fits_a_signed_integer(added: list[int]) -> None:
    seen = SessionSeen(added[0])
    for seq in added[1:]:
        seen = seen.adding(seq) if not seen.has(seq) else seen
    assert all(seen.has(seq) for seq in added)
    assert seen.last == max(added)
    assert 0 < seen.mask < 2**63
    recent = range(seen.last - 62, seen.last + 1)
    assert {seq for seq in recent if seen.has(seq)} == {seq for seq in added if seq in recent}


def test_the_future_is_judged_by_the_append_time_only() -> None:
    late = frame(1, START + MAX_AHEAD_MS)
    assert Admission().judge(late, START, enabled=True) is None
    assert Admission().judge(late, START - 1, enabled=True) == "FUTURE"
    assert Admission().judge(late, None, enabled=True) is None


def test_a_refusal_changes_neither_the_watermark_nor_what_was_seen() -> None:
    before = Admission().accepting(frame(1, START))
    after = before.refusing_for("LATE")
    assert (after.watermark, after.sessions, after.accepted) == (before.watermark, before.sessions, before.accepted)
    assert after.refusing == "LATE"
    assert after.accepting(frame(2, START + 1)).refusing is None


@pytest.mark.parametrize("count", [1, REMEMBERED_SESSIONS, 50])
def test_only_the_last_sessions_are_remembered_and_frames_of_older_ones_are_late(count: int) -> None:
    admission = Admission()
    for index in range(count):
        admission = admission.accepting(frame(1, START + index, session=f"s{index}"))
    assert len(admission.sessions) == min(count, REMEMBERED_SESSIONS)
    assert admission.judge(frame(1, START, session="s0"), None, enabled=True) in {"DUPLICATE", "LATE"}


def test_a_disabled_camera_takes_nothing() -> None:
    assert Admission().judge(frame(1, START), None, enabled=False) == "DISABLED"
