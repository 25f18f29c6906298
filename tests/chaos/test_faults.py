"""The schedule of faults, and the fail points it goes through."""

import re
from itertools import islice
from pathlib import Path
from random import Random

import pytest

import stream_processors
from tests.chaos.faults import CHANCES, FAULTS, ROUND, fail_points, schedule


def test_every_round_has_every_kind() -> None:
    names = list(islice(schedule(Random(1)), 3 * len(ROUND)))
    rounds = [names[first : first + len(ROUND)] for first in range(0, len(names), len(ROUND))]
    assert [sorted(each) for each in rounds] == 3 * [sorted(ROUND)]
    assert set(ROUND) == FAULTS.keys()


def test_a_seed_gives_the_same_schedule_again_and_another_one_another() -> None:
    first, again, other = (list(islice(schedule(Random(seed)), 30)) for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize("app", CHANCES)
def test_three_rounds_pass_every_fail_point(app: str) -> None:
    reached = 3 * sum(kind.startswith("fail point") and app in kind for kind in ROUND)
    assert set(islice(fail_points(Random(1))[app], reached)) == CHANCES[app].keys()


@pytest.mark.parametrize(
    ("app", "modules", "only_with_a_damaged_state"),
    [
        ("cameras", "runtime/*.py", {"at-rebuild"}),
        ("projector", "projections/*.py", set()),
        ("projector", "agents/projector.py", set()),
    ],
)
def test_every_step_of_a_worker_has_its_fail_point(app: str, modules: str, only_with_a_damaged_state: set[str]) -> None:
    texts = [module.read_text() for module in Path(stream_processors.__path__[0]).glob(modules)]
    passed = {name for text in texts for name in re.findall(r'reached\("([a-z-]+)"\)', text)}
    assert passed
    assert passed - only_with_a_damaged_state <= CHANCES[app].keys()
