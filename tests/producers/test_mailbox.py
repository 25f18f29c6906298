import threading

import numpy as np
import pytest

from producers.frames import Frame
from producers.mailbox import Item, Mailboxes
from producers.session import Captured, Session
from schemas.events import CameraStatusChanged


def captured(camera_id: str, session: Session, observed_at: int) -> Captured:
    image = np.zeros((2, 2, 3), dtype=np.uint8)
    return Captured(camera_id, session, Frame(observed_at, "ARRIVAL", 2, 2, lambda: image))


def status(camera_id: str) -> CameraStatusChanged:
    return CameraStatusChanged(camera_id=camera_id, changed_at=0, status="BACKOFF")


def everything_in(mailboxes: Mailboxes, *cameras: str) -> list[Item]:
    for camera_id in cameras:
        mailboxes.close(camera_id)
    items = []
    while (item := mailboxes.take()) is not None:
        items.append(item)
    return items


@pytest.fixture
def session() -> Session:
    return Session((2, 2))


def test_a_newer_frame_takes_the_place_of_a_waiting_one_which_is_counted(session: Session) -> None:
    mailboxes = Mailboxes(["a"])
    frames = [captured("a", session, moment) for moment in range(3)]
    for frame in frames:
        mailboxes.put_frame(frame, wait=False)
    assert everything_in(mailboxes, "a") == [frames[2]]
    assert session.skipped == {"stale": 2}


def test_a_status_change_keeps_its_place_among_the_frames(session: Session) -> None:
    mailboxes = Mailboxes(["a"])
    before, after, lost, back = captured("a", session, 1), captured("a", session, 2), status("a"), status("a")
    mailboxes.put_frame(before, wait=False)
    mailboxes.put_status(lost)
    mailboxes.put_status(back)
    mailboxes.put_frame(after, wait=False)
    assert everything_in(mailboxes, "a") == [before, lost, back, after]
    assert session.skipped == {}


def test_a_busy_camera_does_not_keep_others_from_their_turn() -> None:
    mailboxes = Mailboxes(["busy", "quiet", "calm"])
    sessions = {camera_id: Session((2, 2)) for camera_id in ("busy", "quiet", "calm")}
    taken = []
    mailboxes.put_frame(captured("quiet", sessions["quiet"], 0), wait=False)
    mailboxes.put_frame(captured("calm", sessions["calm"], 0), wait=False)
    for moment in range(4):
        mailboxes.put_frame(captured("busy", sessions["busy"], moment), wait=False)
        item = mailboxes.take()
        assert item is not None
        taken.append(item.camera_id)
    assert taken == ["busy", "quiet", "calm", "busy"]


def test_a_patient_source_loses_no_frame(session: Session) -> None:
    mailboxes = Mailboxes(["a"])

    def put_all() -> None:
        for moment in range(50):
            mailboxes.put_frame(captured("a", session, moment), wait=True)
        mailboxes.close("a")

    writer = threading.Thread(target=put_all)
    writer.start()
    taken = everything_in(mailboxes)
    writer.join()
    assert [item.frame.observed_at for item in taken if isinstance(item, Captured)] == list(range(50))
    assert session.skipped == {}


def test_abandoned_mailboxes_let_a_patient_source_go(session: Session) -> None:
    mailboxes = Mailboxes(["a"])
    mailboxes.put_frame(captured("a", session, 0), wait=True)
    writer = threading.Thread(target=mailboxes.put_frame, args=(captured("a", session, 1),), kwargs={"wait": True})
    writer.start()
    mailboxes.abandon()
    writer.join(timeout=5)
    assert not writer.is_alive()


def test_the_reader_is_woken_when_the_last_camera_closes() -> None:
    mailboxes = Mailboxes(["a", "b"])
    taken: list[Item | None] = []
    reader = threading.Thread(target=lambda: taken.append(mailboxes.take()))
    reader.start()
    mailboxes.close("a")
    mailboxes.close("b")
    reader.join(timeout=5)
    assert taken == [None]
