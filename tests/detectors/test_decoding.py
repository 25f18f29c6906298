import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.decoding import decode_candidates, decode_final, decoder_for
from detectors.detector import Float32
from detectors.errors import ModelLayoutError

COCO = dict(enumerate(["person", *(f"thing {n}" for n in range(1, 80))]))


def candidates(*columns: tuple[float, ...]) -> Float32:
    """Columns of centre x, centre y, width, height, scores..."""
    return np.array(columns, dtype=np.float32).T


def iou(a: Float32, b: Float32) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    overlap = max(0.0, float(width)) * max(0.0, float(height))
    areas = float((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]))
    return overlap / (areas - overlap)


def test_candidates_become_corner_boxes_best_first() -> None:
    found = decode_candidates(candidates((50, 60, 20, 40, 0.7), (200, 100, 10, 10, 0.9)), 0, 0.5)
    np.testing.assert_allclose(found.boxes, [[195, 95, 205, 105], [40, 40, 60, 80]])
    np.testing.assert_allclose(found.scores, [0.9, 0.7])


def test_a_candidate_at_the_floor_stays_and_one_below_goes() -> None:
    found = decode_candidates(candidates((50, 60, 20, 40, 0.5), (200, 100, 10, 10, 0.49)), 0, 0.5)
    np.testing.assert_allclose(found.scores, [0.5])


def test_only_the_score_of_the_person_class_counts() -> None:
    found = decode_candidates(candidates((50, 60, 20, 40, 0.9, 0.1), (200, 100, 10, 10, 0.1, 0.8)), 1, 0.5)
    np.testing.assert_allclose(found.boxes, [[195, 95, 205, 105]])


def test_no_candidate_above_the_floor_gives_empty_arrays_of_the_right_shape() -> None:
    found = decode_candidates(candidates((50, 60, 20, 40, 0.1)), 0, 0.5)
    assert found.boxes.shape == (0, 4)
    assert found.scores.shape == (0,)
    assert found.boxes.dtype == found.scores.dtype == np.float32


def test_a_box_past_the_frames_edge_is_not_clipped() -> None:
    found = decode_candidates(candidates((2, 3, 20, 40, 0.9)), 0, 0.5)
    np.testing.assert_allclose(found.boxes, [[-8, -17, 12, 23]])


coordinate, side = st.integers(0, 60), st.integers(5, 40)
candidate = st.tuples(coordinate, coordinate, side, side, st.integers(50, 99).map(lambda n: n / 100))


@given(st.lists(candidate, min_size=1, max_size=12))
def test_suppression_leaves_no_two_boxes_of_one_person_and_drops_nobody_else(
    columns: list[tuple[float, float, float, float, float]],
) -> None:
    raw = candidates(*columns)
    found = decode_candidates(raw, 0, 0.5)
    corner, size = raw[:2].T - raw[2:4].T / 2, raw[2:4].T
    everyone = np.hstack([corner, corner + size])
    kept = list(zip(found.boxes, found.scores, strict=True))
    for index, (box, _) in enumerate(kept):
        assert all(iou(box, other) <= 0.6 + 1e-4 for other, _ in kept[:index])
    for box, score in zip(everyone, raw[4], strict=True):
        assert any(iou(box, other) >= 0.6 - 1e-4 and better >= score for other, better in kept)
    assert list(found.scores) == sorted(found.scores, reverse=True)


def test_final_rows_keep_persons_above_the_floor_best_first() -> None:
    rows = np.zeros((300, 6), dtype=np.float32)
    rows[:4] = [[1, 2, 3, 4, 0.6, 0], [5, 6, 7, 8, 0.9, 0], [9, 9, 9, 9, 0.95, 2], [8, 8, 8, 8, 0.2, 0]]
    found = decode_final(rows, 0, 0.5)
    np.testing.assert_allclose(found.boxes, [[5, 6, 7, 8], [1, 2, 3, 4]])
    np.testing.assert_allclose(found.scores, [0.9, 0.6])


@pytest.mark.parametrize(
    ("shape", "classes", "decode"),
    [
        ([1, 84, 8400], COCO, decode_candidates),
        ([1, 84, 8400], {}, decode_candidates),
        ([1, 5, 3549], {0: "person"}, decode_candidates),
        ([4, 84, 8400], COCO, decode_candidates),
        ([1, 300, 6], COCO, decode_final),
        ([1, 300, 6], {}, decode_final),
    ],
)
def test_both_layouts_are_told_by_their_shape(shape: list[int], classes: dict[int, str], decode: object) -> None:
    assert decoder_for(shape, classes) is decode


@pytest.mark.parametrize(
    ("shape", "classes"),
    [
        ([1, 25200, 85], COCO),  # YOLOv5: candidates in rows, with objectness
        ([1, 25200, 85], {}),
        ([1, 116, 8400], COCO),  # segmentation: 32 mask coefficients more
        ([1, 56, 8400], {0: "person"}),  # pose: key points
        ([1, 1000], {}),  # a classifier
        ([1, 84, 80, 80], COCO),  # a bare feature map
        ([1, 4, 8400], {}),  # boxes without scores
    ],
)
def test_another_layout_is_refused_with_its_shape(shape: list[int], classes: dict[int, str]) -> None:
    with pytest.raises(ModelLayoutError, match=r"neither \[N, 4\+classes, A\] nor \[N, 300, 6\]") as raised:
        decoder_for(shape, classes)
    assert str(shape) in str(raised.value)
