"""Run by an interpreter that has Ultralytics: makes a small network with random weights, exports it, and prints as JSON what
Ultralytics' own predictor and our detectors find in the same pictures. Arguments: a folder, pictures.
"""

import json
import sys
from pathlib import Path
from typing import Any

import cv2
import torch  # type: ignore[import-not-found] # only the leg's own interpreter has it
from ultralytics import YOLO

from detectors.detector import Detector
from detectors.factory import load_detector

SCORES = '{"floor": 0.5, "high": 0.5, "birth": 0.6, "low_only_ms": 1000}'
PASSING = 40  # candidates that shall pass the floor


def a_network(folder: Path, pictures: list[Path]) -> Path:
    """A YOLO with random weights whose scores are spread: plain random ones all score alike, so that order is chance."""
    torch.manual_seed(7)
    model = YOLO("yolo11n.yaml", task="detect")
    images = torch.stack([as_input(path) for path in pictures])
    network = model.model.train()
    for part in network.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.momentum = 0.5
    with torch.no_grad():
        for _ in range(4):
            network(images)
        spread(network.eval(), images)
    model.model.names = {index: "person" if index == 0 else f"class {index}" for index in range(80)}
    path = folder / "random.pt"
    model.save(str(path))
    return path


def as_input(path: Path) -> torch.Tensor:
    image = cv2.resize(picture(path), (640, 640))[:, :, ::-1].copy()
    return torch.from_numpy(image).permute(2, 0, 1).float() / 255


def spread(network: torch.nn.Module, images: torch.Tensor) -> None:
    """Give the person class logits of deviation 3, of which `PASSING` a picture are above 0."""
    head = network.model[-1]
    logits: list[torch.Tensor] = []
    hooks = [part[-1].register_forward_hook(lambda *call: logits.append(call[2][:, 0].flatten())) for part in head.cv3]
    network(images)
    for hook in hooks:
        hook.remove()
    values = torch.cat(logits)
    scale = 3 / values.std()
    cut = torch.quantile(values, 1 - PASSING * len(images) / len(values))
    for part in head.cv3:
        last = part[-1]
        last.bias[0] = (last.bias[0] - cut) * scale
        last.weight[0] *= scale


def picture(path: Path) -> Any:
    return cv2.imread(str(path))


def found(detector: Detector, pictures: list[Path]) -> list[list[list[float]]]:
    answers = [detector.detect([picture(path)])[0] for path in pictures]
    return [rows(each.boxes, each.scores) for each in answers]


def rows(boxes: Any, scores: Any) -> list[list[float]]:
    return [[*box, score] for box, score in zip(boxes.tolist(), scores.tolist(), strict=True)]


def main(folder: Path, pictures: list[Path]) -> None:
    weights = a_network(folder, pictures)
    (folder / "random.scores.json").write_text(SCORES)
    YOLO(str(weights), task="detect").export(format="onnx", opset=17, dynamic=True)
    theirs = YOLO(str(weights), task="detect").predict(
        [str(path) for path in pictures], conf=0.5, iou=0.6, classes=[0], rect=False, verbose=False, device="cpu"
    )
    answers = {
        "predictor": [rows(each.boxes.xyxy, each.boxes.conf) for each in theirs],
        "pt": found(load_detector(weights), pictures),
        "onnx": found(load_detector(weights.with_suffix(".onnx")), pictures),
    }
    (folder / "answers.json").write_text(json.dumps(answers))


main(Path(sys.argv[1]), [Path(each) for each in sys.argv[2:]])
