"""The detector and the embedder that an edge's settings name. What becomes of their answers is not known here."""

from detectors.appearance import Embedder, HsvEmbedder
from detectors.detector import Detector
from detectors.factory import load_detector
from producers.settings import EdgeSettings


def make_detector(settings: EdgeSettings) -> Detector:
    """The detector, loaded.

    Raises:
        DetectorError: it cannot be used; the message says what to do.
    """
    engines = settings.state_dir / "engines" if settings.state_dir else None
    return load_detector(
        settings.model, device=settings.device, intra_op_threads=settings.intra_op_threads, engines=engines
    )


def make_embedder(settings: EdgeSettings) -> Embedder | None:
    """The embedder, None where none is wanted."""
    return HsvEmbedder() if settings.appearance == "hsv" else None
