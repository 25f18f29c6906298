"""Store and forward against a broker that is told what to do: order, durability, room."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from producers import forwarder as module
from producers.forwarder import Forwarder
from producers.memory import MemorySender
from producers.sender import Outcome
from producers.settings import SpoolSettings
from producers.spool import Message, Span, Spool, SpoolInUseError
from tests.producers.clocks import ManualClock
from tests.producers.messages import T0, message

GIB = 2**30


class Edge:
    """A forwarder with everything around it."""

    def __init__(self, path: Path, **settings: float) -> None:
        self.path = path
        self.settings = SpoolSettings.model_validate(settings)
        self.clock = ManualClock()
        self.clock.wall_offset_ms = T0
        self.given_up: list[tuple[Span, str]] = []
        self.sent = 0
        self.start()

    def start(self) -> None:
        """A new process: nothing of the last one is left but the disk."""
        self.sender = MemorySender()
        self.forwarder = Forwarder(self.path, self.sender, self.settings, self.clock, self.give_up)

    def give_up(self, spans: Sequence[Span], reason: str) -> None:
        self.given_up += [(span, reason) for span in spans]

    def put(self, count: int, *, size: int = 20) -> None:
        self.forwarder.turn([message(0, seq=self.sent + index, size=size) for index in range(count)])
        self.sent += count

    def turns(self, seconds: float, step_s: float = 0.05) -> None:
        for _ in range(round(seconds / step_s)):
            self.clock.sleep(step_s)
            self.forwarder.turn([])

    def crash(self) -> None:
        """As kill -9 would: files are closed, nothing else happens."""
        self.forwarder._shelf.close()

    @property
    def delivered(self) -> list[int]:
        return [each.seq for each in self.sender.delivered if each.seq is not None]

    @property
    def on_disk(self) -> list[int]:
        self.forwarder._shelf.close()
        with closing(Spool(self.path)) as spool:
            return [each.seq for each in spool.above(0, 100_000) if each.seq is not None]


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Edge]:
    one = Edge(tmp_path / "spool.db")
    yield one
    one.crash()


def test_while_the_broker_answers_messages_go_out_at_once_and_the_disk_is_not_touched(edge: Edge) -> None:
    edge.put(5)
    assert edge.sender.sent == [1, 2, 3, 4, 5]
    edge.turns(3)
    assert edge.delivered == [0, 1, 2, 3, 4]
    assert edge.forwarder.pending == 0
    assert edge.on_disk == []


def test_a_broker_that_does_not_answer_for_a_second_sends_messages_to_the_disk(edge: Edge) -> None:
    edge.sender.away = True
    edge.put(3)
    edge.turns(module.DIRECT_S - 0.1)
    assert edge.on_disk == []
    edge.turns(0.2)
    assert edge.on_disk == [0, 1, 2]


def test_from_then_on_each_message_is_on_the_disk_within_a_commit(edge: Edge) -> None:
    edge.sender.away = True
    edge.put(1)
    edge.turns(2)
    edge.put(module.COMMIT_MESSAGES)
    assert edge.on_disk == list(range(21))
    edge.put(1)
    edge.turns(2 * module.COMMIT_S)
    assert edge.on_disk == list(range(22))


def test_a_broker_that_comes_back_gets_everything_once_and_in_order(edge: Edge) -> None:
    edge.sender.away = True
    for _ in range(30):
        edge.put(100)
        edge.turns(0.2)
    edge.sender.away = False
    edge.put(50)
    edge.turns(30)
    assert edge.delivered == list(range(3_050))
    assert edge.forwarder.pending == 0
    assert edge.on_disk == []
    edge.start()
    edge.put(1)
    assert edge.sender.sent == [1], "the spool is empty, so it is passed by"


def test_at_most_a_window_is_on_its_way(edge: Edge) -> None:
    edge.sender.away = True
    for _ in range(5):
        edge.put(module.WINDOW)
        edge.turns(2)
    assert len(edge.sender.sent) == module.WINDOW


def test_a_backlog_goes_out_at_a_multiple_of_what_comes_in(tmp_path: Path) -> None:
    edge = Edge(tmp_path / "spool.db", drain_factor=3)
    edge.sender.away = True
    for _ in range(600):  # a minute of 200 a second
        edge.put(20)
        edge.turns(0.1, 0.1)
    edge.sender.away = False
    before = len(edge.sender.sent)
    for _ in range(100):  # ten seconds more
        edge.put(20)
        edge.turns(0.1, 0.1)
    assert len(edge.sender.sent) - before == pytest.approx(3 * 200 * 10, rel=0.15)
    edge.crash()


def test_the_next_process_goes_on_where_a_killed_one_was(edge: Edge) -> None:
    edge.sender.away = True
    edge.put(40)
    edge.turns(2)
    edge.crash()
    edge.start()
    edge.put(2)
    edge.turns(5)
    assert edge.delivered == list(range(42))


def test_the_next_process_knows_how_much_is_left(edge: Edge) -> None:
    edge.put(40)
    edge.turns(1)
    edge.sender.away = True
    edge.put(2)
    edge.turns(2)
    edge.crash()
    edge.start()
    assert edge.forwarder.pending == 2


def test_a_process_that_ends_in_good_order_leaves_what_is_not_delivered_on_the_disk(edge: Edge) -> None:
    edge.sender.away = True
    edge.put(7)
    assert edge.forwarder.close() == 7
    assert edge.sender.closed
    assert edge.on_disk == list(range(7))


def test_a_second_edge_on_the_same_spool_is_refused(edge: Edge) -> None:
    edge.put(1)
    with pytest.raises(SpoolInUseError):
        Forwarder(edge.path, MemorySender(), SpoolSettings(), edge.clock, edge.give_up)


def test_a_sender_that_is_full_is_asked_again_later(edge: Edge) -> None:
    edge.sender.full = True
    edge.put(5)
    assert edge.sender.sent == []
    edge.sender.full = False
    edge.turns(1)
    assert edge.delivered == list(range(5))


def verdicts(edge: Edge, judge: Callable[[Message], Outcome]) -> None:
    edge.sender.verdict = judge  # type: ignore[assignment, method-assign]  # a test tells the broker what to say


def test_a_failure_is_repeated_in_order_until_it_is_none(edge: Edge) -> None:
    tries: list[int] = []

    def judge(one: Message) -> Outcome:
        tries.append(one.number)
        return "failed" if one.number == 2 and tries.count(2) < 3 else "delivered"

    verdicts(edge, judge)
    edge.put(4)
    edge.turns(10)
    assert tries.count(2) == 3
    assert sorted(edge.delivered) == [0, 1, 2, 3]
    assert edge.forwarder.pending == 0


def test_a_message_too_large_is_refused_alone_kept_aside_and_told(edge: Edge) -> None:
    """A broker refuses the whole batch it stands in; the others must not suffer."""

    verdicts(edge, lambda _: "refused" if 3 in {each.number for each in edge.sender.batch} else "delivered")
    edge.put(5)
    edge.turns(10)
    edge.put(2)
    edge.turns(5)
    assert edge.delivered == [0, 1, 3, 4, 5, 6]
    assert [(span.first.seq, span.messages, reason) for span, reason in edge.given_up] == [(2, 1, "OTHER")]
    assert edge.sender.sent.count(3) == 2, "once with the others, once alone, and never again"
    edge.crash()
    with closing(Spool(edge.path)) as spool:
        assert spool._database.execute("SELECT number, why FROM refused").fetchall() == [(3, "as told")]


def test_when_the_room_is_used_up_the_oldest_go_first_and_it_is_told(tmp_path: Path) -> None:
    edge = Edge(tmp_path / "spool.db", max_gib=8 * 2**20 / GIB)
    edge.sender.away = True
    for _ in range(80):
        edge.put(100, size=2_000)
        edge.turns(1, 0.5)
    dropped = sum(span.messages for span, reason in edge.given_up if reason == "SPOOL_FULL")
    assert dropped > 0
    assert edge.path.stat().st_size < 12 * 2**20
    first = edge.given_up[0][0].first.seq
    assert first == module.WINDOW, "what is on its way may still arrive, so the first that is not goes"
    spans = [span for span, _ in edge.given_up]
    assert all(before.last.number + 1 == after.first.number for before, after in pairwise(spans))
    edge.sender.away = False
    edge.turns(60)
    lost = set(range(module.WINDOW, module.WINDOW + dropped))
    assert edge.delivered == [seq for seq in range(edge.sent) if seq not in lost]
    edge.crash()


def test_frames_that_are_too_old_are_given_up_and_it_is_told(tmp_path: Path) -> None:
    edge = Edge(tmp_path / "spool.db", max_age_h=1)
    edge.sender.away = True
    edge.put(module.WINDOW)
    edge.put(50)
    edge.turns(2)
    edge.clock.wall_offset_ms += 2 * 3_600_000
    edge.turns(2)
    assert [(span.first.seq, span.last.seq, reason) for span, reason in edge.given_up] == [(1_000, 1_049, "SPOOL_AGE")]
    edge.sender.away = False
    edge.turns(5)
    assert edge.delivered == list(range(module.WINDOW))
    edge.crash()


def test_a_full_disk_leaves_messages_in_memory_until_it_takes_them(edge: Edge) -> None:
    edge.sender.away = True
    edge.put(1)
    edge.turns(2)
    edge.forwarder._shelf.use(lambda spool: spool._database.execute("PRAGMA max_page_count = 1").fetchone())
    edge.put(500, size=2_000)
    assert edge.forwarder.pending == 501
    edge.sender.away = False
    edge.turns(20)
    assert edge.delivered == list(range(501))
    assert edge.given_up == []


def test_with_neither_broker_nor_disk_memory_is_bounded_and_the_oldest_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MEMORY_BYTES", 100_000)
    (tmp_path / "file").touch()
    edge = Edge(tmp_path / "file" / "spool.db")
    edge.sender.full = True
    for _ in range(30):
        edge.put(100, size=100)
        edge.turns(1, 0.5)
    dropped = sum(span.messages for span, _ in edge.given_up)
    assert dropped > 0
    assert {reason for _, reason in edge.given_up} == {"SPOOL_FULL"}
    edge.sender.full = False
    edge.turns(20)
    assert edge.delivered == list(range(dropped, 3_000))


def test_a_disk_that_works_again_is_used_again(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    edge = Edge(blocked / "spool.db")
    edge.sender.away = True
    edge.put(30)
    edge.turns(2)
    blocked.unlink()
    edge.turns(3)
    assert edge.on_disk == list(range(30))


def damaged(path: Path) -> None:
    path.write_bytes(b"\xde\xad" * (path.stat().st_size // 2))


def test_a_spool_found_broken_at_start_is_set_aside_and_the_edge_goes_on(edge: Edge) -> None:
    edge.sender.away = True
    edge.put(30)
    edge.turns(2)
    edge.crash()
    damaged(edge.path)
    edge.start()
    edge.put(5)
    edge.turns(3)
    assert edge.delivered == list(range(30, 35))
    assert Path(f"{edge.path}.damaged").exists()


def test_a_spool_that_breaks_loses_only_what_was_nowhere_else(edge: Edge) -> None:
    edge.sender.away = True
    for _ in range(3):
        edge.put(module.WINDOW)
        edge.turns(2)
    edge.forwarder._shelf.close()
    size = edge.path.stat().st_size
    with edge.path.open("r+b") as file:
        file.seek(8192 * 2)
        file.write(b"\xde\xad" * ((size - 8192 * 2) // 2))
    edge.put(10)
    edge.turns(3)
    edge.sender.away = False
    edge.turns(20)
    edge.put(1)
    edge.turns(2)
    assert edge.delivered == [*range(module.WINDOW), *range(3 * module.WINDOW, 3 * module.WINDOW + 11)]
    told = sum(span.messages for span, reason in edge.given_up if reason == "SPOOL_DAMAGED")
    assert told <= 2 * module.WINDOW
    assert edge.forwarder.pending == 0


def test_what_is_on_its_way_when_the_spool_breaks_survives_a_crash_after_it(edge: Edge) -> None:
    edge.sender.away = True
    edge.put(30)
    edge.turns(2)
    edge.forwarder._shelf.close()
    damaged(edge.path)
    edge.put(1)
    edge.turns(3)
    edge.crash()
    edge.start()
    edge.turns(3)
    assert edge.delivered == list(range(31))


class BrokerOfMoods(RuleBasedStateMachine):
    """Outages, failures, full queues, crashes: nothing that was kept is lost, nothing overtakes."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.edge = Edge(Path(self.folder.name) / "spool.db")
        self.arrived: list[int] = []
        self.failing = False

    @rule(count=st.integers(1, 30))
    def put(self, count: int) -> None:
        self.edge.put(count)

    @rule(seconds=st.sampled_from([0.05, 0.5, 3.0]))
    def wait(self, seconds: float) -> None:
        self.edge.turns(seconds, 0.05 if seconds < 1 else 0.5)

    @rule(away=st.booleans(), full=st.booleans())
    def broker(self, away: bool, full: bool) -> None:
        self.edge.sender.away, self.edge.sender.full = away, full

    @rule(every=st.integers(2, 7))
    def fail_now_and_then(self, every: int) -> None:
        self.failing = True
        moods = iter(range(10_000))
        verdicts(self.edge, lambda _: "delivered" if next(moods) % every else "failed")

    @rule()
    def end_and_start_again(self) -> None:
        self.edge.forwarder.close()
        self.arrive()
        self.edge.start()

    def arrive(self) -> None:
        """Only what was refused once may come after what was sent behind it."""
        delivered = self.edge.delivered
        assert self.failing or delivered == sorted(delivered)
        self.arrived += delivered

    @invariant()
    def nothing_is_told_as_given_up(self) -> None:
        assert not hasattr(self, "edge") or self.edge.given_up == []

    def teardown(self) -> None:
        if hasattr(self, "edge"):
            self.edge.sender.away = self.edge.sender.full = False
            verdicts(self.edge, lambda _: "delivered")
            self.edge.turns(200, 1)
            self.arrive()
            assert sorted(set(self.arrived)) == list(range(self.edge.sent))
            assert self.edge.forwarder.pending == 0
            self.edge.crash()
            self.folder.cleanup()


TestBrokerOfMoods = BrokerOfMoods.TestCase
TestBrokerOfMoods.settings = settings(max_examples=10, stateful_step_count=20)
