"""The schedule of faults, and the fail points it goes through."""

import re
from itertools import islice
from pathlib import Path
from random import Random

import stream_processors.runtime
from tests.chaos.faults import CHANCES, FAULTS, ROUND, fail_points, schedule


def test_every_round_has_every_kind() -> None:
    names = list(islice(schedule(Random(1)), 3 * len(ROUND)))
    rounds = [names[first : first + len(ROUND)] for first in range(0, len(names), len(ROUND))]
    assert [sorted(each) for each in rounds] == 3 * [sorted(ROUND)]
    assert set(ROUND) == FAULTS.keys()


def test_a_seed_gives_the_same_schedule_again_and_another_one_another() -> None:
    first, again, other = (list(islice(schedule(Random(seed)), 30)) for seed in (1, 1, 2))
    assert first == again != other


def test_two_rounds_and_a_half_pass_every_fail_point() -> None:
    per_round = ROUND.count("fail point")
    assert set(islice(fail_points(Random(1)), 3 * per_round)) == CHANCES.keys()


def test_every_step_of_a_cameras_worker_has_its_fail_point() -> None:
    runtime = Path(stream_processors.runtime.__path__[0])
    passed = {name for file in runtime.glob("*.py") for name in re.findall(r'reached\("([a-z-]+)"\)', file.read_text())}
    only_with_a_damaged_state = {"at-rebuild"}
    assert CHANCES.keys() == passed - only_with_a_damaged_state
