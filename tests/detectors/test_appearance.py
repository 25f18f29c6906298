"""The colour histogram of a person: the same for the same picture, another for other clothes, and never an error."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from detectors.appearance import HsvEmbedder

EMBEDDER = HsvEmbedder()
RED, BLUE, GREY = (0, 0, 200), (200, 0, 0), (90, 90, 90)


def dressed(top: tuple[int, ...], bottom: tuple[int, ...]) -> np.ndarray:
    """A picture of 60 x 120 that is one person from edge to edge."""
    image = np.zeros((120, 60, 3), dtype=np.uint8)
    image[:60], image[60:] = top, bottom
    return image


def looks(image: np.ndarray, *boxes: tuple[float, ...]) -> np.ndarray:
    return EMBEDDER.embed(image, np.array(boxes or [(0, 0, 60, 120)], dtype=np.float32)).astype(float)


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))


def test_the_same_clothes_look_alike_and_others_do_not() -> None:
    (red_over_blue,), (blue_over_red,) = looks(dressed(RED, BLUE)), looks(dressed(BLUE, RED))
    larger = np.repeat(np.repeat(dressed(RED, BLUE), 2, axis=0), 2, axis=1)
    (nearer,) = looks(larger, (0, 0, 120, 240))
    assert cosine(red_over_blue, nearer) > 0.999
    assert cosine(red_over_blue, blue_over_red) < 0.8


def test_the_hue_of_grey_does_not_count() -> None:
    (grey,) = looks(dressed(GREY, GREY))
    stripes = grey.reshape(6, 32)
    assert not stripes[:, :16].any()
    assert stripes[:, 16:].any()


def test_a_box_outside_the_picture_is_unknown() -> None:
    (outside,) = looks(dressed(RED, BLUE), (200, 200, 260, 320))
    assert not outside.any()


numbers = st.floats(-500, 500, width=32)


@given(st.lists(st.tuples(numbers, numbers, numbers, numbers), max_size=4))
def test_any_box_gives_a_vector_of_bytes(boxes: list[tuple[float, ...]]) -> None:
    found = EMBEDDER.embed(dressed(RED, GREY), np.array(boxes, dtype=np.float32).reshape(-1, 4))
    assert found.shape == (len(boxes), EMBEDDER.dimensions)
    assert found.dtype == np.uint8
