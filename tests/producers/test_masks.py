"""Privacy masks, pixel by pixel."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from producers.frames import Frame
from producers.masks import masked
from producers.settings import Mask

LIGHT = 200
LEFT_HALF: Mask = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))


def frame(width: int, height: int) -> Frame:
    picture = np.full((height, width, 3), LIGHT, dtype=np.uint8)
    return Frame(0, "ARRIVAL", width, height, lambda: picture)


def inside(x: NDArray[Any], y: NDArray[Any], polygon: Mask) -> NDArray[np.bool_]:
    """Crossing-number test, point by point, written without OpenCV."""
    odd = np.zeros(np.broadcast(x, y).shape, dtype=bool)
    for (x1, y1), (x2, y2) in pairwise([*polygon, polygon[0]]):
        straddles = (y1 > y) != (y2 > y)
        with np.errstate(divide="ignore", invalid="ignore"):
            odd ^= straddles & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
    return odd


share = st.integers(0, 1000).map(lambda thousandths: thousandths / 1000)
polygons = st.lists(st.tuples(share, share), min_size=3, max_size=6).map(tuple)


@given(polygons, st.integers(8, 80), st.integers(8, 80))
def test_no_pixel_whose_middle_a_mask_covers_is_left(polygon: Mask, width: int, height: int) -> None:
    image = masked(frame(width, height), [polygon]).image()
    x, y = (np.arange(width) + 0.5) / width, (np.arange(height)[:, None] + 0.5) / height
    assert not image[inside(x, y, polygon)].any()


def test_what_lies_off_a_mask_stays_as_it_was() -> None:
    image = masked(frame(64, 48), [LEFT_HALF]).image()
    assert (image[:, :32] == 0).all()
    assert (image[:, 35:] == LIGHT).all()


def test_every_way_to_the_picture_is_masked_and_the_sources_own_array_is_not() -> None:
    plain = frame(64, 48)
    hidden = masked(plain, [LEFT_HALF])
    assert (hidden.brightness()[:, :32] == 0).all()
    assert (hidden.brightness()[:, 35:] == LIGHT).all()
    assert (plain.image() == LIGHT).all()


def test_several_masks_hide_each_its_own_part() -> None:
    corner: Mask = ((0.75, 0.75), (1.0, 0.75), (1.0, 1.0), (0.75, 1.0))
    image = masked(frame(64, 48), [LEFT_HALF, corner]).image()
    assert not image[:, :32].any()
    assert not image[36:, 48:].any()
    assert (image[:34, 35:] == LIGHT).all()


def test_without_masks_the_frame_is_the_same_one() -> None:
    plain = frame(8, 8)
    assert masked(plain, []) is plain


@pytest.mark.parametrize(
    "wrong", [[], [(0, 0), (1, 1)], [(0, 0), (1, 0), (1, 1.5)], [(0, 0), (1, 0), (1, float("nan"))]]
)
def test_a_mask_that_is_no_polygon_within_the_picture_is_refused(wrong: list[Any]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Mask).validate_python(wrong)
