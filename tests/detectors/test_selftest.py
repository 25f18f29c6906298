"""The comparison of two detectors finds what differs, and nothing else."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from aforo.commands.edge_selftest import selftest
from detectors.detector import Detections
from detectors.factory import DEFAULT_MODEL
from detectors.scripted import ScriptedDetector
from detectors.selftest import Comparison, compare, matched
from infra.local.footage import vtest
from tests.local_stack import shared_cache

IMAGE = np.zeros((4, 4, 3), dtype=np.uint8)
PERSON, OTHER = [10.0, 10.0, 50.0, 90.0, 0.9], [100.0, 10.0, 140.0, 90.0, 0.8]


def shown(reference: list[list[float]], candidate: list[list[float]]) -> Comparison:
    left, right = (ScriptedDetector([Detections.of(rows)]) for rows in (reference, candidate))
    return compare(left, right, [IMAGE] * 3)


def test_the_same_answers_agree_and_the_first_image_only_warms_up() -> None:
    found = shown([PERSON, OTHER], [OTHER, PERSON])
    assert (found.images, found.matched, found.missing, found.extra, max(found.box_px)) == (2, 4, 0, 0, 0)
    assert found.agrees(0)


def test_a_moved_box_is_measured() -> None:
    moved = [PERSON[0] + 3, *PERSON[1:4], PERSON[4] - 0.125]
    found = shown([PERSON], [moved])
    assert found.box_px == [3, 3]
    assert found.score == pytest.approx([0.125, 0.125])
    assert found.agrees(3)
    assert not found.agrees(2.9)


def test_a_person_that_only_one_finds_is_counted_on_that_side() -> None:
    found = shown([PERSON, OTHER], [PERSON])
    assert (found.missing, found.extra) == (2, 0)
    assert not found.agrees(100)
    assert shown([PERSON], [PERSON, OTHER]).extra == 2


def test_what_is_no_person_by_its_score_may_differ() -> None:
    doubtful = [*OTHER[:4], 0.3]
    assert shown([PERSON, doubtful], [PERSON]).agrees(0)


boxes = st.lists(st.tuples(*[st.integers(0, 60)] * 2, *[st.integers(1, 60)] * 2), max_size=6)


@given(boxes, boxes)
def test_every_box_is_matched_at_most_once_and_the_other_way_round_it_is_the_same(
    left: list[tuple[int, ...]], right: list[tuple[int, ...]]
) -> None:
    def detections(rows: list[tuple[int, ...]]) -> Detections:
        return Detections.of([[x, y, x + width, y + height, 0.9] for x, y, width, height in rows])

    pairs = matched(detections(left), detections(right))
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs)
    assert len(matched(detections(right), detections(left))) == len(pairs) or len({*left}) < len(left) + len(right)


@pytest.mark.e2e
def test_the_command_finds_a_model_equal_to_itself() -> None:
    told = CliRunner().invoke(selftest, ["--video", str(vtest(shared_cache())), "--frames", "5"])
    assert told.exit_code == 0, told.output
    assert "at most" in told.output


def test_the_command_says_what_is_missing(tmp_path: Path) -> None:
    engine, video = tmp_path / "a.engine", tmp_path / "none.avi"
    engine.write_bytes(b"")
    video.write_bytes(b"")
    told = CliRunner().invoke(selftest, ["--model", str(engine), "--video", str(video)])
    assert told.exit_code == 1
    assert "give the same model as .onnx with --reference" in told.output
    told = CliRunner().invoke(selftest, ["--model", str(DEFAULT_MODEL), "--video", str(video)])
    assert told.exit_code == 1
    assert "none.avi" in told.output
