"""The log against what was acknowledged."""

from dataclasses import replace

from schemas.events import CameraSilent
from schemas.wire import Wire
from stream_processors.runtime.messages import Message
from tests.chaos.memory import as_log, make_pen
from tests.chaos.mishaps import Pen, Record
from tests.chaos.sent import Kept, kept
from tests.chaos.traffic import Sent, digest

RECORDS = [Record(b"c1", b"one"), Record(b"c1", b"two"), Record(None, b"three")]


def acknowledged(log: list[Message]) -> Sent:
    places = {(message.partition, message.offset): digest(message.key, message.value) for message in log}
    return Sent(records=len(log), acknowledged=places)


def check(log: list[Message], sent: Sent, pen: Pen | None = None) -> Kept:
    wire: Wire = (pen or make_pen()).wire
    return kept(sent, log, wire)


def test_a_log_that_holds_what_was_acknowledged_is_in_order() -> None:
    log = as_log(RECORDS, make_pen())
    assert check(log, acknowledged(log)) == Kept(acknowledged=3, missing=0, unasked=0, silences=0)


def test_a_record_that_is_gone_is_missing() -> None:
    log = as_log(RECORDS, make_pen())
    assert check(log[:2], acknowledged(log)).missing == 1


def test_a_record_with_other_bytes_is_missing_and_what_stands_there_is_unasked() -> None:
    log = as_log(RECORDS, make_pen())
    found = check([*log[:2], replace(log[2], key=b"c1")], acknowledged(log))
    assert (found.missing, found.unasked) == (1, 1)


def test_a_record_that_stands_there_twice_is_unasked() -> None:
    log = as_log([*RECORDS, RECORDS[2]], make_pen())
    assert check(log, acknowledged(log[:3])).unasked == 1


def test_the_watchdog_may_speak() -> None:
    pen = make_pen()
    silence = pen.plain(CameraSilent(camera_id="c1", last_seen_at=1, noticed_at=2))
    log = as_log([*RECORDS, silence], pen)
    assert check(log, acknowledged(log[:3]), pen) == Kept(acknowledged=3, missing=0, unasked=0, silences=1)
