"""`aforo edge selftest`: loads two detectors, shows them a video, and prints how they compare."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import av
import click
from rich.console import Console
from rich.progress import track
from rich.table import Table

from detectors.detector import Image
from detectors.device import Device
from detectors.errors import DetectorError
from detectors.factory import DEFAULT_MODEL, load_detector
from detectors.selftest import Comparison, compare, percentile


def run(
    model: Path | None,
    device: Device,
    reference: Path | None,
    footage: tuple[Path, int],
    *,
    tolerance_px: float,
    console: Console,
) -> bool:
    """Whether the detectors agree on so many frames of the video.

    Raises:
        click.ClickException: a model cannot be used, or the video holds no frames; the message says what to do.
    """
    video, frames = footage
    try:
        ours = load_detector(_reference(model or DEFAULT_MODEL, reference), device="cpu")
        theirs = load_detector(model, device=device)
        images = track(
            islice(_images(video), frames + 1),
            "comparing",
            total=frames + 1,
            console=console,
            disable=not console.is_terminal,
        )
        found = compare(ours, theirs, images)
    except (DetectorError, av.FFmpegError, OSError) as error:
        raise click.ClickException(str(error)) from error
    if not found.images:
        raise click.ClickException(f"{video} has fewer than two frames")
    _show(found, ours.name, f"{theirs.name} ({type(theirs).__name__}, {device})", console)
    return found.agrees(tolerance_px)


def _reference(model: Path, reference: Path | None) -> Path:
    chosen = reference or (model if model.suffix == ".onnx" else model.with_suffix(".onnx"))
    if not chosen.is_file():
        raise click.ClickException(f"there is no {chosen}: give the same model as .onnx with --reference")
    return chosen


def _images(video: Path) -> Iterator[Image]:
    with av.open(str(video)) as container:
        for picture in container.decode(video=0):
            yield picture.to_ndarray(format="bgr24")


def _show(found: Comparison, reference: str, candidate: str, console: Console) -> None:
    table = Table("detector", "mean ms", "p95 ms", "frames/s", title=f"{found.images} frames")
    for name, times in ((reference, found.reference_ms), (candidate, found.candidate_ms)):
        mean = sum(times) / len(times)
        table.add_row(name, f"{mean:.1f}", f"{percentile(times, 0.95):.1f}", f"{1_000 / mean:.1f}")
    console.print(table)
    console.print(
        f"boxes found by both {found.matched}; people only by the reference {found.missing}, only by the candidate {found.extra}"
    )
    console.print(
        f"a box differs by {percentile(found.box_px, 0.95):.2f} px (19 of 20) and {percentile(found.box_px, 1):.2f} px at most, "
        f"a score by {percentile(found.score, 0.95):.3f} and {percentile(found.score, 1):.3f}"
    )
