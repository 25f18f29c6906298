"""The score contract: the thresholds that belong to a detector and ship with its model file."""

from pathlib import Path
from typing import Self

import msgspec

from detectors.errors import ScoreContractError


class ScoreContract(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far a detector's scores may be trusted; scores run from 0 to 1.

    Attributes:
        floor: nothing below is reported.
        high: scores from floor to high may only keep a track, not confirm one.
        birth: a track is born at or above this score.
        low_only_ms: for how long, in ms of event time, scores below high alone may keep a track.
    """

    floor: float
    high: float
    birth: float
    low_only_ms: int

    def __post_init__(self) -> None:
        if not 0 <= self.floor <= self.high <= self.birth <= 1:
            raise ScoreContractError(
                f"scores must satisfy 0 <= floor <= high <= birth <= 1, not {self.floor}, {self.high}, {self.birth}"
            )
        if self.low_only_ms < 0:
            raise ScoreContractError(f"low_only_ms must not be negative, not {self.low_only_ms}")

    @classmethod
    def beside(cls, model: Path) -> Self | None:
        """Read `<model>.scores.json` next to the model file, None if there is no such file."""
        path = model.with_suffix(".scores.json")
        if not path.exists():
            return None
        try:
            return msgspec.json.decode(path.read_bytes(), type=cls)
        except (msgspec.DecodeError, ScoreContractError) as error:
            raise ScoreContractError(f"{path}: {error}") from error


DEFAULT_SCORES = ScoreContract(floor=0.1, high=0.6, birth=0.7, low_only_ms=5_000)
"""For models that ship no thresholds: scores spread over 0 to 1, as of YOLOX and its like."""
