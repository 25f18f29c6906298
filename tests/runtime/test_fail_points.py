"""Fail points are off unless asked for by name, and every name is a place in the code."""

import subprocess
import sys
from pathlib import Path

import pytest

import stream_processors
from stream_processors.runtime.fail_points import EXIT_STATUS, FAULTS, NAMES, chances, planted_faults

POINTS, FAULT = "AFORO_TEST_FAIL_POINTS", "AFORO_TEST_FAULT"
CODE = "\n".join(path.read_text() for path in Path(*stream_processors.__path__).rglob("*.py"))


def status(environment: dict[str, str]) -> int:
    """Of a process that gets to one of the places."""
    program = "from stream_processors.runtime import fail_points; fail_points.reached('after-ack')"
    return subprocess.run([sys.executable, "-c", program], env=environment, check=False).returncode


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_fail_point_is_reached_somewhere(name: str) -> None:
    assert f'reached("{name}")' in CODE


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_every_fault_is_planted_somewhere(name: str) -> None:
    assert f'planted("{name}")' in CODE


@pytest.mark.parametrize(
    ("environment", "ended"),
    [({}, 0), ({POINTS: "after-ack:1"}, EXIT_STATUS), ({POINTS: "after-ack:0"}, 0), ({POINTS: "before-ack:1"}, 0)],
)
def test_a_process_ends_only_where_it_was_asked_to(environment: dict[str, str], ended: int) -> None:
    assert status(environment) == ended


def test_several_can_be_on() -> None:
    assert chances({POINTS: "after-ack:0.5,before-ack:0.01"}) == {"after-ack": 0.5, "before-ack": 0.01}


@pytest.mark.parametrize("text", ["nowhere:0.5", "after-ack:2", "after-ack", "after-ack:often"])
def test_what_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"AFORO_TEST_FAIL_POINTS|float"):
        chances({POINTS: text})


def test_faults_are_off_and_misspelt_ones_refused() -> None:
    assert planted_faults({}) == frozenset()
    assert planted_faults({FAULT: "ack-before-outputs"}) == {"ack-before-outputs"}
    with pytest.raises(ValueError, match="no fault ack-after-outputs"):
        planted_faults({FAULT: "ack-after-outputs"})
