import threading
from functools import partial

import pytest

from producers.handover import Captured, Guidance, HandoverClosedError
from producers.mailbox import Item, Mailboxes, MailboxSink, Offered
from producers.results import CaptureEnded
from schemas.events import CameraStatusChanged
from tests.producers.frames import captured


def status(camera_id: str) -> CameraStatusChanged:
    return CameraStatusChanged(camera_id=camera_id, changed_at=0, status="BACKOFF")


def taken(mailboxes: Mailboxes) -> list[Item]:
    """Everything, one item at a time, to the end."""
    items: list[Item] = []
    while (more := mailboxes.take(1, 5)) is not None:
        items += more
    return items


def offered(mailboxes: Mailboxes) -> Offered:
    """The frame whose turn it is."""
    items = mailboxes.take(1, 5)
    assert items
    assert isinstance(items[0], Offered)
    return items[0]


def plain(items: list[Item]) -> list[Captured | CameraStatusChanged | CaptureEnded]:
    return [item.captured if isinstance(item, Offered) else item for item in items]


def test_a_newer_frame_takes_the_place_of_a_waiting_one_which_is_released() -> None:
    mailboxes = Mailboxes()
    mailboxes.open("a", lambda _: None)
    released: list[int] = []
    for number in range(3):
        mailboxes.put("a", Offered(captured("a", number), True, partial(released.append, number)))
    assert offered(mailboxes).captured.number == 2
    assert released == [0, 1]


def test_a_status_change_keeps_its_place_among_the_frames() -> None:
    mailboxes = Mailboxes()
    sink = MailboxSink(mailboxes, "a")
    before, after, lost, back = captured("a", 1), captured("a", 2), status("a"), status("a")
    sink.put_frame(before, wait=False)
    sink.put_status(lost)
    sink.put_status(back)
    sink.put_frame(after, wait=False)
    sink.close()
    mailboxes.finish()
    assert plain(taken(mailboxes)) == [before, lost, back, after, CaptureEnded(camera_id="a")]


def test_a_busy_camera_does_not_keep_others_from_their_turn() -> None:
    mailboxes = Mailboxes()
    sinks = {camera_id: MailboxSink(mailboxes, camera_id) for camera_id in ("busy", "quiet", "calm")}
    sinks["quiet"].put_frame(captured("quiet"), wait=False)
    sinks["calm"].put_frame(captured("calm"), wait=False)
    order = []
    for number in range(4):
        sinks["busy"].put_frame(captured("busy", number), wait=False)
        order += [item.captured.camera_id for item in mailboxes.take(1, 5) or () if isinstance(item, Offered)]
    assert order == ["busy", "quiet", "calm", "busy"]


def test_a_batch_is_of_as_many_cameras_and_of_no_camera_twice() -> None:
    mailboxes = Mailboxes()
    for camera_id in "abc":
        sink = MailboxSink(mailboxes, camera_id)
        sink.put_status(status(camera_id))
        sink.put_frame(captured(camera_id), wait=False)
    batches = [[item.camera_id for item in mailboxes.take(2, 5) or () if not isinstance(item, Offered)] for _ in "ab"]
    assert batches == [["a", "b"], ["c"]]


def test_a_patient_source_loses_no_frame() -> None:
    mailboxes = Mailboxes()
    sink = MailboxSink(mailboxes, "a")

    def put_all() -> None:
        for number in range(50):
            sink.put_frame(captured("a", number), wait=True)
        sink.close()
        mailboxes.finish()

    writer = threading.Thread(target=put_all)
    writer.start()
    items = taken(mailboxes)
    writer.join()
    assert [item.captured.number for item in items if isinstance(item, Offered)] == list(range(50))


def test_abandoned_mailboxes_let_everybody_go() -> None:
    mailboxes = Mailboxes()
    sink = MailboxSink(mailboxes, "a")
    sink.put_frame(captured("a", 0), wait=True)
    caught: list[BaseException] = []

    def put_one_more() -> None:
        try:
            sink.put_frame(captured("a", 1), wait=True)
        except HandoverClosedError as error:
            caught.append(error)

    writer = threading.Thread(target=put_one_more)
    writer.start()
    mailboxes.abandon()
    writer.join(timeout=5)
    assert len(caught) == 1
    assert mailboxes.take(1, 5) is None


def test_a_reader_without_items_is_sent_away_after_its_patience() -> None:
    mailboxes = Mailboxes()
    mailboxes.open("a", lambda _: None)
    assert mailboxes.take(1, 0.01) == []


def test_the_reader_is_woken_when_the_last_capture_ends_and_none_will_begin() -> None:
    mailboxes = Mailboxes()
    sinks = [MailboxSink(mailboxes, camera_id) for camera_id in "ab"]
    items: list[Item] = []
    reader = threading.Thread(target=lambda: items.extend(taken(mailboxes)))
    reader.start()
    mailboxes.finish()
    for sink in sinks:
        sink.close()
    reader.join(timeout=5)
    assert not reader.is_alive()
    assert plain(items) == [CaptureEnded(camera_id="a"), CaptureEnded(camera_id="b")]


def test_a_camera_may_begin_again_before_its_last_words_are_taken() -> None:
    mailboxes = Mailboxes()
    MailboxSink(mailboxes, "a").close()
    again = MailboxSink(mailboxes, "a")
    again.put_status(status("a"))
    again.close()
    mailboxes.finish()
    assert plain(taken(mailboxes)) == [CaptureEnded(camera_id="a"), status("a"), CaptureEnded(camera_id="a")]


def test_guidance_reaches_the_capture_and_none_that_has_ended() -> None:
    mailboxes = Mailboxes()
    sink = MailboxSink(mailboxes, "a")
    told = Guidance(4.0, 100, 50)
    mailboxes.guide("a", told)
    mailboxes.guide("nobody", told)
    assert sink.guidance() == told


@pytest.mark.parametrize("wait", [True, False])
def test_only_a_live_sources_frames_can_be_replaced(wait: bool) -> None:
    mailboxes = Mailboxes()
    MailboxSink(mailboxes, "a").put_frame(captured("a"), wait=wait)
    assert offered(mailboxes).replaceable is not wait
