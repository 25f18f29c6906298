"""OpenVINO beside ONNX Runtime on the real network and real footage."""

from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest

from detectors.errors import ModelNotFoundError, ModelUnreadableError
from detectors.factory import load_detector
from detectors.openvino import OpenVinoDetector
from detectors.selftest import compare
from infra.local.footage import vtest
from tests.local_stack import shared_cache


@pytest.mark.e2e
def test_openvino_finds_the_same_people_as_onnx_runtime() -> None:
    with av.open(str(vtest(shared_cache()))) as video:
        images = [picture.to_ndarray(format="bgr24") for picture in islice(video.decode(video=0), 0, 300, 20)]
    found = compare(load_detector(device="cpu"), load_detector(device="openvino"), images)
    assert found.images == len(images) - 1
    assert found.matched > 4 * found.images  # about five people are in every picture
    assert found.agrees(4.0)


def test_a_missing_and_a_broken_model_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="nowhere"):
        OpenVinoDetector(tmp_path / "nowhere.onnx")
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(np.arange(9).tobytes())
    with pytest.raises(ModelUnreadableError, match="broken"):
        OpenVinoDetector(broken)
