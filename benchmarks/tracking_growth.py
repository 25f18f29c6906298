"""How the tracker's cost grows with the people in a frame, as a plot. Needs matplotlib.

python -m benchmarks.tracking_growth docs/images/tracking-growth.svg
"""

import argparse
from importlib import import_module
from pathlib import Path

from benchmarks.tracking import aforo, frames_per_second, scene

PEOPLE = (5, 10, 20, 30, 46, 70, 100, 150, 200, 300)
FRAMES = 150
BUDGET_US = 200  # of one frame, at 8 people: DESIGN, budgets


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("image", type=Path, help="where the plot goes")
    image = parser.parse_args().image
    cost_us = [1e6 / frames_per_second(aforo, scene(people, FRAMES)) for people in PEOPLE]
    for people, cost in zip(PEOPLE, cost_us, strict=True):
        print(f"{people:>4} people {cost:>7,.0f} us a frame")
    plot(cost_us, image)


def plot(cost_us: list[float], image: Path) -> None:
    """Writes the plot of cost over `PEOPLE`."""
    figure = import_module("matplotlib.figure").Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    axes.loglog(PEOPLE, cost_us, marker="o", color="#1f5fa8")
    axes.axhline(BUDGET_US, color="#999999", linestyle="--", linewidth=1)
    axes.annotate(
        "budget at 8 people", (PEOPLE[0], BUDGET_US), xytext=(0, 4), textcoords="offset points", color="#666666"
    )
    axes.set(
        xlabel="people in a frame",
        ylabel="µs a frame (process time, one thread)",
        title="What tracking one frame costs",
    )
    axes.set_xticks(PEOPLE, labels=[str(people) for people in PEOPLE], minor=False)
    axes.grid(visible=True, which="major", alpha=0.3)
    image.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(image)


if __name__ == "__main__":
    main()
