"""The state machine of a connection, step by step."""

from itertools import pairwise
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.connection import Connection, after_end, after_frame, after_loss
from producers.sources.source import LossReason, SourceLostError, SourceUnusableError

CONNECTING = Connection()
STREAMING = Connection("STREAMING", "OPENED")
STALLED = Connection("STALLED", "TIMEOUT", "silent", failures=1)
AWAY = Connection("BACKOFF", "REFUSED", "nobody there", failures=3)
EVERY = [CONNECTING, STREAMING, STALLED, AWAY]


def lost(reason: LossReason) -> SourceLostError:
    return SourceLostError(reason, f"lost: {reason}")


def test_a_connection_begins_by_connecting() -> None:
    assert (CONNECTING.status, CONNECTING.reason, CONNECTING.failures) == ("CONNECTING", "STARTED", 0)


@pytest.mark.parametrize("before", EVERY)
def test_a_frame_makes_it_stream_and_forgets_the_failures(before: Connection) -> None:
    assert after_frame(before, resized=False) == STREAMING


def test_a_frame_is_no_news_while_it_streams_not_even_after_another_resolution() -> None:
    resized = after_frame(STREAMING, resized=True)
    assert (resized.status, resized.reason) == ("STREAMING", "RESOLUTION")
    assert resized.is_news_after(STREAMING)
    assert after_frame(resized, resized=False) == resized


@pytest.mark.parametrize(
    ("before", "reason", "status"),
    [
        (CONNECTING, "TIMEOUT", "BACKOFF"),
        (STREAMING, "TIMEOUT", "STALLED"),
        (STALLED, "TIMEOUT", "BACKOFF"),
        (AWAY, "TIMEOUT", "BACKOFF"),
        (STREAMING, "END_OF_STREAM", "BACKOFF"),
        (STREAMING, "DECODE", "BACKOFF"),
        (CONNECTING, "AUTHENTICATION", "BACKOFF"),
        (STALLED, "REFUSED", "BACKOFF"),
    ],
)
def test_only_a_camera_that_falls_silent_while_it_streams_is_stalled(
    before: Connection, reason: LossReason, status: str
) -> None:
    after = after_loss(before, lost(reason))
    assert (after.status, after.reason, after.detail) == (status, reason, f"lost: {reason}")
    assert after.failures == before.failures + 1


@pytest.mark.parametrize("before", EVERY)
@pytest.mark.parametrize("stopping", [True, False])
def test_it_ends_with_the_reason_of_its_end(before: Connection, stopping: bool) -> None:
    end = after_end(None, stopping=stopping)
    assert end.is_news_after(before)
    assert (end.status, end.reason) == ("STOPPED", "SHUTDOWN" if stopping else "END_OF_STREAM")
    unusable = after_end(SourceUnusableError("NOT_FOUND", "no such file"), stopping=stopping)
    assert (unusable.status, unusable.reason, unusable.detail) == ("STOPPED", "NOT_FOUND", "no such file")


happenings = st.one_of(st.booleans(), st.sampled_from(get_args(LossReason)))


@given(st.lists(happenings, max_size=50))
def test_whatever_happens_it_is_told_once_for_every_change(course: list[bool | LossReason]) -> None:
    states = [CONNECTING]
    for happening in course:
        before = states[-1]
        if isinstance(happening, bool):
            states.append(after_frame(before, resized=happening and before.status == "STREAMING"))
        else:
            states.append(after_loss(before, lost(happening)))
    told = [after for before, after in pairwise(states) if after.is_news_after(before)]
    shown = [CONNECTING, *told]
    assert all(after.is_news_after(before) for before, after in pairwise(shown))
    assert not states[-1].is_news_after(shown[-1])
