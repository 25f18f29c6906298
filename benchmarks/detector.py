"""How much CPU one detection costs: `python -m benchmarks.detector VIDEO`. One thread, CPU time, not wall time."""

import argparse
import platform
import statistics
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import av

from detectors.detector import Image
from detectors.factory import load_detector

_WARM_UP = 20
_BUDGET_MS = {"AVX-VNNI": 20, "AVX512-VNNI": 20, "AVX2": 40}


def images(video: Path) -> Iterator[Image]:
    """The frames of a video, again and again."""
    while True:
        with av.open(str(video)) as container:
            for picture in container.decode(video=0):
                yield picture.to_ndarray(format="bgr24")


def instruction_set(flags: set[str]) -> str:
    """The best instructions for int8 that a CPU with these flags has."""
    known = {"avx512_vnni": "AVX512-VNNI", "avx_vnni": "AVX-VNNI", "avx2": "AVX2"}
    return next((name for flag, name in known.items() if flag in flags), "neither VNNI nor AVX2")


def cpu_flags() -> set[str]:
    """What the kernel says the CPU can do; empty where it does not say."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    return {flag for line in lines if line.startswith(("flags", "Features")) for flag in line.split()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("video", type=Path)
    parser.add_argument("--model", type=Path, help="an .onnx file; default: the packaged NanoDet")
    parser.add_argument("--frames", type=int, default=300)
    options = parser.parse_args(arguments)

    detector = load_detector(options.model)
    times_ms, people = [], 0
    for index, image in enumerate(islice(images(options.video), _WARM_UP + options.frames)):
        begun = time.process_time_ns()
        (found,) = detector.detect([image])
        if index >= _WARM_UP:
            times_ms.append((time.process_time_ns() - begun) / 1e6)
            people += int((found.scores >= detector.scores.high).sum())

    instructions = instruction_set(cpu_flags())
    p95 = statistics.quantiles(times_ms, n=20)[-1]
    print(f"model                 {detector.name}")
    print(f"CPU                   {platform.machine()}, {instructions}")
    print(
        f"CPU ms/frame          mean {statistics.mean(times_ms):.1f}, p50 {statistics.median(times_ms):.1f}, p95 {p95:.1f}"
    )
    print(f"budget                {_BUDGET_MS.get(instructions, 'none for this CPU')} ms")
    print(f"people/frame          {people / options.frames:.2f} at or above {detector.scores.high}")


if __name__ == "__main__":
    main()
