"""Appearance vectors in frames: a hint that keeps two people apart, never a reason to refuse a camera."""

import pytest
from msgspec.structs import replace

from schemas.events import FrameObserved, RecordRefused, TracksObserved
from stream_processors.domain.camera import MalformedFrameError
from tests.domain.walks import START, entries, every, film, fold, said, standing

RED, BLUE = bytes([200, 0, 0, 10]), bytes([0, 0, 200, 10])


def with_looks(frames: list[FrameObserved], *looks: bytes) -> list[FrameObserved]:
    return [replace(each, appearance=b"".join(looks[: len(each.scores) // 4])) for each in frames]


def numbers(frames: list[FrameObserved]) -> set[int]:
    return {track.track_no for each in said(frames, TracksObserved) for track in each.tracks}


def test_frames_without_looks_and_with_everybody_alike_give_the_same_tracks() -> None:
    frames = film(every(100, START, START + 3_000), standing(0.3, 0.5), standing(0.7, 0.5))
    assert numbers(frames) == numbers(with_looks(frames, RED, RED))
    assert len(numbers(frames)) == 2


def test_another_model_with_longer_vectors_is_taken_up_without_losing_a_track() -> None:
    frames = film(every(100, START, START + 3_000), standing(0.3, 0.5))
    changed = [*with_looks(frames[:15], RED), *with_looks(frames[15:], RED + RED)]
    assert said(changed, RecordRefused) == []
    assert len(numbers(changed)) == 1


def test_vectors_that_do_not_fit_the_boxes_are_malformed() -> None:
    (frame,) = with_looks(film([START], standing(0.3, 0.5), standing(0.7, 0.5)), RED, BLUE)
    with pytest.raises(MalformedFrameError, match="7 bytes of appearance do not fit 2 boxes"):
        fold(entries([replace(frame, appearance=frame.appearance[:7])]))


@pytest.mark.parametrize("dressed", [RED, BLUE])
def test_where_two_people_are_equally_near_looks_decide_who_it_is(dressed: bytes) -> None:
    left, right = standing(0.46875, 0.5), standing(0.53125, 0.5)
    together = film(every(100, START, START + 1_000), left, right, size=(128, 128))
    (between,) = film([START + 1_100], standing(0.5, 0.5), size=(128, 128))
    log = [*with_looks(together, RED, BLUE), replace(between, seq=99, appearance=dressed)]
    *_, before, last = said(log, TracksObserved)
    (who,) = last.tracks
    seen = {RED: min(before.tracks, key=lambda track: track.x1), BLUE: max(before.tracks, key=lambda track: track.x1)}
    assert who.track_no == seen[dressed].track_no
