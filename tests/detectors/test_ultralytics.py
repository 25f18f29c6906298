"""The real Ultralytics beside our decoder, on random weights: an opt-in leg, since the package brings torch.

`ULTRALYTICS_PYTHON` names an interpreter, `ULTRALYTICS_PATH` a folder of packages for it (docs/detectors.md says how
to make one cheaply).
"""

import json
import os
import subprocess
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from infra.local.footage import vtest
from tests.local_stack import shared_cache

ROOT = Path(__file__).parents[2]
INTERPRETER = os.environ.get("ULTRALYTICS_PYTHON", "")

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(not INTERPRETER, reason="ULTRALYTICS_PYTHON names no interpreter with Ultralytics"),
]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[list[list[float]]]]:
    folder = tmp_path_factory.mktemp("ultralytics")
    pictures = [str(path) for path in pictures_in(folder)]
    offline = {"YOLO_OFFLINE": "1", "YOLO_AUTOINSTALL": "false", "YOLO_CONFIG_DIR": str(folder)}
    paths = os.pathsep.join([str(ROOT), os.environ.get("ULTRALYTICS_PATH", "")])
    subprocess.run(
        [INTERPRETER, str(Path(__file__).parent / "ultralytics_leg.py"), str(folder), *pictures],
        env=os.environ | offline | {"PYTHONPATH": paths},
        check=True,
        timeout=240,
    )
    said: dict[str, list[list[list[float]]]] = json.loads((folder / "answers.json").read_text())
    return said


def pictures_in(folder: Path) -> list[Path]:
    with av.open(str(vtest(shared_cache()))) as video:
        frames = [frame.to_ndarray(format="bgr24") for index, frame in enumerate(video.decode(video=0)) if index < 3]
    paths = [folder / f"{index}.png" for index in range(len(frames))]
    for path, frame in zip(paths, frames, strict=True):
        assert cv2.imwrite(str(path), frame)
    return paths


@pytest.mark.parametrize("ours", ["pt", "onnx"])
def test_boxes_are_those_of_ultralytics_own_predictor(ours: str, answers: dict[str, list[list[list[float]]]]) -> None:
    assert all(len(boxes) > 5 for boxes in answers["predictor"])
    for theirs, mine in zip(answers["predictor"], answers[ours], strict=True):
        expected, said = np.array(sorted(theirs, key=score)), np.array(sorted(mine, key=score))
        assert len(said) == len(expected)
        np.testing.assert_allclose(clipped(said), expected, atol=0.05)


def score(row: list[float]) -> float:
    return -row[4]


def clipped(rows: np.ndarray) -> np.ndarray:
    """Ultralytics clips boxes to the picture of 768 x 576, we do not."""
    limits = np.array([768, 576, 768, 576, 1])
    return np.asarray(np.clip(rows, 0, limits))
