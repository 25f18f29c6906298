"""HOTA, IDF1 and identity switches of MOTChallenge results, by TrackEval. Needs `trackeval`; knows no tracker."""

import contextlib
import io
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np


class MissingTrackEvalError(RuntimeError):
    """TrackEval is not installed."""


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores over all sequences together, in percent; `switches` is a count."""

    hota: float
    idf1: float
    switches: int
    HEAD: ClassVar[str] = "     HOTA     IDF1      IDs"

    def __str__(self) -> str:
        return f"{self.hota:>9.2f}{self.idf1:>9.2f}{self.switches:>9d}"


def score(sequences: Iterable[tuple[Path, list[int]]], results: Path) -> Scores:
    """Scores the results in the folder `results` against each sequence's `gt.txt`, with its preprocessing.

    Args:
        sequences: folder of each, and the numbers of the frames that were tracked.
        results: holds `<SEQ>.txt` for each, with these frames numbered from 1.

    Raises:
        MissingTrackEvalError: trackeval is not installed.
    """
    try:
        import trackeval  # noqa: PLC0415 - a development dependency
    except ImportError as error:
        raise MissingTrackEvalError("for scores: pip install trackeval==1.3.0") from error
    quiet = {"PRINT_CONFIG": False}
    with contextlib.redirect_stdout(io.StringIO()), tempfile.TemporaryDirectory() as scratch:
        metrics = [trackeval.metrics.HOTA(), trackeval.metrics.CLEAR(quiet), trackeval.metrics.Identity(quiet)]
        rows = {}
        for folder, numbers in sequences:
            (Path(scratch) / folder.name).mkdir()
            (Path(scratch) / folder.name / "gt.txt").write_text("".join(_thinned(folder / "gt.txt", numbers)))
            data_set = _data_set(folder, len(numbers), results, Path(scratch))
            raw = data_set.get_raw_seq_data(results.name, folder.name)
            data = data_set.get_preprocessed_seq_data(raw, "pedestrian")
            rows[folder.name] = [metric.eval_sequence(data) for metric in metrics]
        hota, clear, identity = (
            metric.combine_sequences({name: row[number] for name, row in rows.items()})
            for number, metric in enumerate(metrics)
        )
    return Scores(100 * float(np.mean(hota["HOTA"])), 100 * float(identity["IDF1"]), int(clear["IDSW"]))


def _data_set(folder: Path, frames: int, results: Path, scratch: Path) -> Any:
    import trackeval  # noqa: PLC0415 - the caller has checked that it is there

    return trackeval.datasets.MotChallenge2DBox(
        {
            "GT_FOLDER": str(scratch),
            "TRACKERS_FOLDER": str(results.parent),
            "TRACKERS_TO_EVAL": [results.name],
            "TRACKER_SUB_FOLDER": "",
            "BENCHMARK": "MOT20" if folder.name.startswith("MOT20") else "MOT17",
            "SEQ_INFO": {folder.name: frames},
            "GT_LOC_FORMAT": "{gt_folder}/{seq}/gt.txt",
            "SKIP_SPLIT_FOL": True,
            "PRINT_CONFIG": False,
        }
    )


def _thinned(truth: Path, numbers: list[int]) -> Iterable[str]:
    """The lines of these frames, numbered anew from 1."""
    new = {number: position for position, number in enumerate(numbers, 1)}
    for line in truth.read_text().splitlines(keepends=True):
        number, rest = line.split(",", 1)
        if int(float(number)) in new:
            yield f"{new[int(float(number))]},{rest}"
