"""Cameras through an edge for some minutes: rates, ages, shares, what was skipped, and what the processes take."""

import statistics
from collections import Counter, defaultdict

from benchmarks.edge_site import Appended, Site, site
from schemas.events import FrameObserved

SAMPLE_S = 5.0
WARM_UP_S = 15.0


def measure(*, cameras: int, target_fps: float, minutes: float) -> None:
    """Run and print."""
    seconds = 60 * minutes
    with site(cameras) as running:
        running.run(target_fps, lambda: _watch(running, WARM_UP_S + seconds))
        appended = running.appended()
    print(f"\n{cameras} cameras, 768x576 at 10 frames/s, {target_fps:g} looked at a second, {minutes:g} minutes")
    _print_streams(appended, cameras)
    _print_processes(running, WARM_UP_S + seconds)


def _watch(running: Site, seconds: float) -> None:
    for _ in range(round(seconds / SAMPLE_S)):
        if running.stop.wait(SAMPLE_S):
            return
        running.scales.weigh()
    running.stop.set()


def _print_streams(appended: list[Appended], cameras: int) -> None:
    frames = [(each, each.record) for each in appended if isinstance(each.record, FrameObserved)]
    begun = min(record.observed_at for _, record in frames) + WARM_UP_S * 1_000
    steady = [(each, record) for each, record in frames if record.observed_at >= begun]
    per_camera = Counter(record.camera_id for _, record in steady)
    span_s = (max(record.observed_at for _, record in steady) - begun) / 1_000
    ages = [each.appended_at - record.observed_at for each, record in steady]
    beyond = [
        each.appended_at - record.observed_at - each.detector_ms
        for each, record in steady
        if each.detector_ms is not None
    ]
    detector = [each.detector_ms for each, _ in steady if each.detector_ms is not None]
    rates = [count / span_s for count in per_camera.values()]
    print(f"  frames a second and camera  {min(rates):.2f} to {max(rates):.2f}, max/min {max(rates) / min(rates):.2f}")
    print(f"  cameras seen                {len(per_camera)} of {cameras}")
    print(f"  capture -> Kafka            p50 {_quantile(ages, 50):.0f}, p99 {_quantile(ages, 99):.0f} ms")
    print(f"    beyond the detector       p50 {_quantile(beyond, 50):.0f}, p99 {_quantile(beyond, 99):.0f} ms")
    print(f"  detector, by the clock      p50 {_quantile(detector, 50):.0f}, p99 {_quantile(detector, 99):.0f} ms")
    print(f"  skipped, of all read        {_skipped(frames)}")


def _skipped(frames: list[tuple[Appended, FrameObserved]]) -> str:
    """Of the last frame of each session: the counters are cumulative."""
    last = {(record.camera_id, record.session): record for _, record in frames}
    counts: dict[str, int] = defaultdict(int)
    for record in last.values():
        for reason, count in record.skipped.items():
            counts[reason] += count
    read = len(frames) + sum(counts.values())
    shares = ", ".join(f"{reason} {count / read:.1%}" for reason, count in sorted(counts.items()))
    return f"{shares} of {read:,}"


def _print_processes(running: Site, seconds: float) -> None:
    print("  process            CPU of one core   private memory: after a minute, at the end, largest (MiB)")
    for name, weights in sorted(running.scales.memory.items()):
        minute = weights[min(len(weights) - 1, round(60 / SAMPLE_S))]
        print(
            f"  {name:<18} {running.scales.cpu_s[name] / seconds:>15.0%}   "
            f"{minute / 1024:.0f}, {weights[-1] / 1024:.0f}, {max(weights) / 1024:.0f}"
        )


def _quantile(values: list[float] | list[int], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1]
