import random
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from producers.spool import (
    Message,
    Spool,
    SpoolDamagedError,
    SpoolFaultError,
    SpoolInUseError,
    readable,
    set_aside,
    spans,
)
from tests.producers.messages import message, messages

WRITER = Path(__file__).parent / "spool_writer.py"
HOUSE = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "edge" / "spool.db"


@pytest.fixture
def spool(path: Path) -> Iterator[Spool]:
    with closing(Spool(path)) as opened:
        yield opened


def test_what_is_put_in_comes_out_the_same_and_in_order(spool: Spool) -> None:
    kept = [message(1), Message(2, "other", "", None, 5, b"\0\xff", {}), message(3)]
    assert spool.append(kept) == 3
    assert spool.above(0, 10) == kept
    assert spool.above(1, 1) == [kept[1]]
    assert spool.last == 3


def test_what_was_kept_is_there_when_the_file_is_opened_again(path: Path) -> None:
    with closing(Spool(path)) as before:
        before.append(messages(range(1, 6)))
        before.delete(0, 2)
    with closing(Spool(path)) as after:
        assert after.above(0, 10) == messages([3, 4, 5])


def test_an_empty_spool_gives_its_room_back_to_the_disk(spool: Spool, path: Path) -> None:
    empty = spool.bytes
    spool.append([message(number, size=4_000) for number in range(1, 501)])
    assert spool.bytes > 500 * 4_000
    spool.delete(0, 500)
    assert spool.bytes <= empty
    assert path.stat().st_size <= empty


def test_a_second_process_is_told_that_the_spool_is_in_use(spool: Spool, path: Path) -> None:
    spool.append(messages([1]))
    with pytest.raises(SpoolInUseError, match=r"spool\.db: database is locked"):
        Spool(path)


def test_a_full_disk_is_a_fault_that_loses_nothing_kept_before(spool: Spool) -> None:
    spool.append(messages(range(1, 11)))
    # SQLite's own limit: the disk answers it with the same error as a full one.
    pages = spool._database.execute("PRAGMA page_count").fetchone()[0]
    spool._database.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(SpoolFaultError, match="database or disk is full"):
        spool.append([message(number, size=8_000) for number in range(11, 40)])
    assert spool.above(0, 100) == messages(range(1, 11))
    spool._database.execute("PRAGMA max_page_count = 1000000")
    spool.append(messages([11]))
    assert spool.last == 11


def test_a_folder_that_cannot_be_made_is_a_fault_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SpoolFaultError, match=r"file/spool\.db"):
        Spool(tmp_path / "file" / "spool.db")


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"\0" * 20_000])
def test_a_file_that_is_no_spool_is_called_damaged(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(SpoolDamagedError):
        Spool(path)


def test_the_tables_of_somebody_else_are_called_damaged_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as foreign:
        foreign.execute("CREATE TABLE message (text TEXT)")
    with pytest.raises(SpoolDamagedError, match="no such column"):
        Spool(path)


def damage(path: Path, position: float) -> None:
    """Overwrite a page in the middle, as a dying disk would."""
    pages = path.stat().st_size // 8192
    with path.open("r+b") as file:
        file.seek(int(pages * position) * 8192)
        file.write(b"\xde\xad" * 4096)


def test_of_a_broken_file_what_stands_before_the_break_can_still_be_read(path: Path) -> None:
    with closing(Spool(path)) as spool:
        spool.append([message(number, size=2_000) for number in range(1, 2_001)])
    damage(path, 0.5)
    with closing(Spool(path)) as broken, pytest.raises(SpoolDamagedError):
        broken.above(0, 3_000)
    found = [each.number for each in readable(path, above=10)]
    assert found == list(range(11, found[-1] + 1))
    assert 100 < found[-1] < 2_000


def test_a_broken_file_is_set_aside_and_a_new_one_takes_its_place(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"broken" * 1000)
    set_aside(path)
    assert Path(f"{path}.damaged").read_bytes() == b"broken" * 1000
    with closing(Spool(path)) as anew:
        assert anew.last == 0


def test_a_message_the_broker_never_takes_is_kept_with_the_reason(spool: Spool) -> None:
    spool.refuse(message(7), "too large")
    rows = spool._database.execute("SELECT why, number, value FROM refused").fetchall()
    assert rows == [("too large", 7, message(7).value)]


def test_a_span_says_first_last_and_how_many_for_each_session() -> None:
    given_up = [message(1), message(2, "b"), message(3), message(4, session="t"), message(5)]
    assert [(span.first.number, span.last.number, span.messages) for span in spans(given_up)] == [
        (1, 5, 3), (2, 2, 1), (4, 4, 1),
    ]  # fmt: skip


@given(st.lists(st.sampled_from(["a", "b", "c"]), max_size=30))
def test_spans_account_for_every_message(cameras: list[str]) -> None:
    given_up = [message(number, camera) for number, camera in enumerate(cameras, 1)]
    found = spans(given_up)
    assert {span.first.camera_id: span.messages for span in found} == {
        name: cameras.count(name) for name in set(cameras)
    }


class SpoolAgainstAList(RuleBasedStateMachine):
    """Whatever is done to it, and however often it is opened again, it holds what a list would hold."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "spool.db"
        self.spool = Spool(self.path)
        self.kept: list[Message] = []
        self.next = 1

    @rule(count=st.integers(1, 40))
    def append(self, count: int) -> None:
        more = messages(range(self.next, self.next + count))
        self.spool.append(more)
        self.kept += more
        self.next += count

    @rule(above=st.integers(0, 200), size=st.integers(0, 60))
    def delete(self, above: int, size: int) -> None:
        gone = [each for each in self.kept if above < each.number <= above + size]
        assert self.spool.delete(above, above + size) == len(gone)
        self.kept = [each for each in self.kept if each not in gone]

    @precondition(lambda self: self.kept)
    @rule()
    def open_again(self) -> None:
        self.spool.close()
        self.spool = Spool(self.path)

    @invariant()
    def holds_the_same(self) -> None:
        assert self.spool.above(0, 10_000) == self.kept
        assert self.spool.last == (self.kept[-1].number if self.kept else 0)

    def teardown(self) -> None:
        self.spool.close()
        self.folder.cleanup()


TestSpoolAgainstAList = SpoolAgainstAList.TestCase
TestSpoolAgainstAList.settings = settings(max_examples=20, stateful_step_count=20)  # each example is files and commits


@pytest.mark.parametrize("round_", range(3))
def test_a_writer_killed_at_any_moment_loses_nothing_it_said_was_kept(path: Path, round_: int) -> None:
    with subprocess.Popen(
        [sys.executable, WRITER, path], stdout=subprocess.PIPE, cwd=HOUSE, env={"PYTHONPATH": str(HOUSE)}, text=True
    ) as writer:
        assert writer.stdout is not None
        lines = [int(next(writer.stdout)) for _ in range(random.Random(round_).randrange(1, 400))]
        writer.kill()
        lines += [int(line) for line in writer.stdout if line.endswith("\n")]
    with closing(Spool(path)) as spool:
        kept = [each.number for each in spool.above(0, 1_000_000)]
        assert spool._database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert kept == list(range(1, len(kept) + 1))
    assert len(kept) >= lines[-1]
