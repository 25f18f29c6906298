"""`aforo edge selftest`: whether a detector works on this machine."""

from pathlib import Path
from typing import get_args

import click

from aforo.commands.shared import FILE, console
from detectors.device import Device


@click.command()
@click.option("--model", type=FILE, help="The model to try: .onnx, .engine or .pt. The packaged NanoDet when left out.")
@click.option("--device", type=click.Choice(get_args(Device)), default="auto", show_default=True, help="What runs it.")
@click.option(
    "--reference", type=FILE, help="The same model as .onnx, run on the CPU; --model itself when that is .onnx."
)
@click.option("--video", type=FILE, required=True, help="Footage with people, best from one of your cameras.")
@click.option("--frames", type=click.IntRange(min=2), default=200, show_default=True, help="How many of its frames.")
@click.option("--tolerance", type=float, default=2.0, show_default=True, help="How far boxes may differ, in pixels.")
def selftest(
    *, model: Path | None, device: Device, reference: Path | None, video: Path, frames: int, tolerance: float
) -> None:
    """Compare a detector with ONNX Runtime on the same frames.

    Prints the largest difference of a box, people found by only one of them, milliseconds and frames per second. Run it
    once on every kind of machine: with --device tensorrt it builds the engine too. Ends with status 1 when they differ.
    """
    from aforo import selftest as edge_selftest  # noqa: PLC0415 - no command loads another's libraries

    if not edge_selftest.run(model, device, reference, (video, frames), tolerance_px=tolerance, console=console):
        raise click.ClickException("the detectors differ; do not use this backend before you know why")
