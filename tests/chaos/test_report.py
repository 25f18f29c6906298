"""The figures of a run, for people and for machines."""

import json
from collections import Counter
from pathlib import Path

from rich.console import Console

from aforo.audit import Account
from tests.chaos.report import Report, Struck
from tests.chaos.sent import Kept

STRUCK = [
    Struck(0, "SIGSTOP of a projector", "stands still", 1.0, 9.0),
    Struck(0, "SIGSTOP of a projector", "wakes up", 12.0, 2.0),
    Struck(1, "fail point", "after-ack", 20.0, 4.0),
    Struck(2, "fail point", "after-fold", 30.0, 5.0),
]


def report(*, missing: int = 0, lost: int = 0) -> Report:
    account = Account(read=10, frames=9, folded=8, refused_frames=1, refused=Counter(LATE=1), lost=lost)
    return Report(7, 1, "", 60.0, Kept(10, missing, 0, 0), account, STRUCK, {"cameras-1": {86: 2}})


def test_a_fault_of_two_blows_is_one_fault() -> None:
    assert report().faults == {"SIGSTOP of a projector": 1, "fail point": 2}


def test_what_must_be_zero_and_is_not_is_named() -> None:
    assert report().wrong == []
    assert report(missing=1, lost=2).wrong == ["1 acknowledged records that are not in the log", "2 lost outputs"]


def test_the_json_file_has_the_figures(tmp_path: Path) -> None:
    file = tmp_path / "chaos.json"
    report(lost=2).save(file)
    found = json.loads(file.read_text())
    assert found["recovery"] == {"p50_s": 4.5, "max_s": 9.0}
    assert found["faults"] == {"SIGSTOP of a projector": 1, "fail point": 2}
    assert (found["account"]["refused"], found["endings"]) == ({"LATE": 1}, {"cameras-1": {"86": 2}})
    assert found["must_be_zero"]["lost outputs"] == 2


def test_the_table_shows_them_to_people() -> None:
    console = Console(width=120)
    with console.capture() as capture:
        console.print(report().table())
    shown = capture.get()
    assert "p50 4.5, max 9.0" in shown
    assert "must be 0: contradictory outputs" in shown
