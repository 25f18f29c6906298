import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.letterbox import Letterbox

sides = st.integers(8, 4000)
inputs = st.sampled_from([(416, 416), (640, 640), (576, 448), (320, 192)])


@given(sides, sides, inputs, st.lists(st.tuples(*[st.floats(-0.5, 1.5, width=32)] * 4), max_size=5))
def test_boxes_survive_the_way_into_the_input_and_back(
    width: int, height: int, size: tuple[int, int], shares: list[tuple[float, float, float, float]]
) -> None:
    letterbox = Letterbox.fit(width, height, *size)
    boxes = np.array(shares, dtype=np.float32).reshape(-1, 4) * np.array([width, height] * 2, dtype=np.float32)
    back = letterbox.to_image(letterbox.to_input(boxes))
    np.testing.assert_allclose(back, boxes, atol=max(width, height) * 1e-5)


@given(sides, sides, inputs)
def test_the_picture_fills_one_side_is_centred_and_keeps_its_proportions(
    width: int, height: int, size: tuple[int, int]
) -> None:
    letterbox = Letterbox.fit(width, height, *size)
    right = size[0] - letterbox.left - letterbox.inner_width
    bottom = size[1] - letterbox.top - letterbox.inner_height
    assert letterbox.inner_width == size[0] or letterbox.inner_height == size[1]
    assert 0 <= right - letterbox.left <= 1
    assert 0 <= bottom - letterbox.top <= 1
    # Rounded to whole pixels, so each side is within half a pixel of exact proportion.
    scale = min(size[0] / width, size[1] / height)
    assert abs(letterbox.inner_width - width * scale) <= 1
    assert abs(letterbox.inner_height - height * scale) <= 1


@pytest.mark.parametrize(("width", "height"), [(768, 576), (1920, 1080), (480, 640), (417, 100)])
def test_a_bright_rectangle_is_found_where_it_was_drawn(width: int, height: int) -> None:
    drawn = np.array([width // 4, height // 3, width // 2, height * 2 // 3])
    image = np.zeros((height, width, 3), dtype=np.uint8)
    cv2.rectangle(image, drawn[:2].tolist(), (drawn[2:] - 1).tolist(), (255, 255, 255), -1)
    letterbox = Letterbox.fit(width, height, 416, 416)
    rows, columns = np.nonzero(letterbox.tensor(image)[0].min(axis=0) > 0.5)
    seen = np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], dtype=np.float32)
    np.testing.assert_allclose(letterbox.to_image(seen)[0], drawn, atol=max(1.0, width / 416, height / 416))


def test_the_tensor_is_red_green_blue_between_0_and_1_on_grey() -> None:
    blue = np.zeros((100, 200, 3), dtype=np.uint8)
    blue[..., 0] = 255
    tensor = Letterbox.fit(200, 100, 64, 64).tensor(blue)
    assert tensor.shape == (1, 3, 64, 64)
    assert tensor.dtype == np.float32
    np.testing.assert_array_equal(tensor[0, :, 32, 32], [0, 0, 1])
    np.testing.assert_allclose(tensor[0, :, 0, 0], 114 / 255, rtol=1e-6)
