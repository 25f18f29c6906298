"""Pictures for people over real HTTP, from a viewer that says what it was asked to keep."""

import threading
from collections.abc import Iterator
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
from prometheus_client import REGISTRY
from pydantic import SecretStr, ValidationError

from detectors.detector import Detections
from detectors.scripted import ScriptedDetector
from producers.edge import run_edge
from producers.handover import View
from producers.memory import MemoryCameraLog
from producers.pictures import PicturesUnavailableError, serving_pictures
from producers.settings import EdgeSettings, PictureSettings
from producers.sources.memory import MemorySource
from tests.producers.clocks import ManualClock
from tests.producers.rtsp_camera import free_port

TOKEN = "a token of some length"
GREY = 90
BOX = (20, 30, 60, 90)


class Window:
    """A viewer with one camera, which shows its picture from the `shown_from`-th look on."""

    def __init__(self) -> None:
        self.looks: list[tuple[str, float]] = []
        self.shown_from = 1

    def look(self, camera_id: str, for_s: float) -> View | None:
        if camera_id != "door":
            raise KeyError(camera_id)
        self.looks.append((camera_id, for_s))
        if len(self.looks) < self.shown_from:
            return None
        image = np.full((120, 160, 3), GREY, dtype=np.uint8)
        return View(1_700_000_000_123, image, Detections.of([[*BOX, 0.9]]))


@pytest.fixture
def window() -> Window:
    return Window()


@pytest.fixture
def client(window: Window, clock: ManualClock) -> Iterator[httpx.Client]:
    with (
        serving_pictures(PictureSettings(token=SecretStr(TOKEN), port=0), window, clock) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {TOKEN}"}) as client,
    ):
        yield client


def encoded(boxes: bool) -> float:
    return REGISTRY.get_sample_value("aforo_edge_pictures_total", {"camera": "door", "boxes": str(boxes).lower()}) or 0


def picture_of(response: httpx.Response) -> Any:
    assert response.status_code == 200, response.text
    assert response.headers["Content-Type"] == "image/jpeg"
    image = cv2.imdecode(np.frombuffer(response.content, dtype=np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return image


def test_a_picture_comes_with_its_moment_and_is_kept_by_no_cache(client: httpx.Client) -> None:
    response = client.get("/cameras/door.jpg")
    image = picture_of(response)
    assert image.shape == (120, 160, 3)
    assert np.abs(image.astype(int) - GREY).max() < 5
    assert response.headers["Aforo-Observed-At"] == "1700000000123"
    assert response.headers["Cache-Control"] == "no-store"


def assert_shows_box(image: Any) -> None:
    x1, y1, x2, y2 = BOX
    for row, column in ((y1, 40), (y2, 40), (60, x1), (60, x2)):
        blue, green, red = image[row, column].tolist()
        assert green > max(blue, red) + 80
    assert np.abs(image[60, 40].astype(int) - GREY).max() < 5
    assert np.abs(image[100:, 100:].astype(int) - GREY).max() < 5


def test_boxes_are_drawn_around_people_when_asked_for(client: httpx.Client) -> None:
    assert_shows_box(picture_of(client.get("/cameras/door.jpg?boxes=true")))


def test_nothing_is_kept_drawn_or_encoded_until_somebody_looks(client: httpx.Client, window: Window) -> None:
    plain, drawn = encoded(boxes=False), encoded(boxes=True)
    assert window.looks == []
    client.get("/cameras/door.jpg")
    assert (encoded(boxes=False), encoded(boxes=True)) == (plain + 1, drawn)
    client.get("/cameras/door.jpg?boxes=true")
    assert (encoded(boxes=False), encoded(boxes=True)) == (plain + 1, drawn + 1)
    assert window.looks == [("door", 10.0)] * 2


def test_the_first_look_waits_for_the_first_picture(client: httpx.Client, window: Window, clock: ManualClock) -> None:
    window.shown_from = 50
    picture_of(client.get("/cameras/door.jpg"))
    assert len(window.looks) == 50
    assert sum(clock.slept) < 6


def test_a_camera_without_a_picture_is_said_to_have_none(client: httpx.Client, window: Window) -> None:
    window.shown_from = 10_000
    before = encoded(boxes=False)
    response = client.get("/cameras/door.jpg")
    assert (response.status_code, response.text) == (503, "camera door gives no picture at present\n")
    assert encoded(boxes=False) == before


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", f"Bearer {TOKEN}x", f"bearer {TOKEN[:-1]}", f"Basic {TOKEN}", TOKEN, "Bearer é"]
)
def test_without_the_token_there_is_neither_a_picture_nor_a_hint_which_cameras_there_are(
    client: httpx.Client, window: Window, authorization: str
) -> None:
    headers = {b"Authorization": authorization.encode()}
    responses = [client.get(f"/cameras/{camera}.jpg", headers=headers) for camera in ("door", "nowhere")]
    assert {response.status_code for response in responses} == {401}
    assert len({response.text for response in responses}) == 1
    assert responses[0].headers["WWW-Authenticate"] == "Bearer"
    assert TOKEN not in responses[0].text
    assert window.looks == []


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/cameras/cellar.jpg", "no camera cellar"),
        ("/cameras/door.png", "ask for"),
        ("/cameras/door.jpg?boxes=perhaps", "ask for"),
        ("/", "ask for"),
        ("/cameras/../door.jpg", "ask for"),
    ],
)
def test_what_is_not_there_is_answered_with_what_is(client: httpx.Client, path: str, why: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    assert why in response.text


def test_without_a_token_nothing_listens(window: Window, clock: ManualClock) -> None:
    with serving_pictures(PictureSettings(), window, clock) as port:
        assert port is None


def test_a_port_that_is_taken_is_named_with_the_setting_to_change(window: Window, clock: ManualClock) -> None:
    settings = PictureSettings(token=SecretStr(TOKEN), port=0)
    with serving_pictures(settings, window, clock) as port:
        taken = settings.model_copy(update={"port": port})
        with (
            pytest.raises(PicturesUnavailableError, match=rf"127\.0\.0\.1:{port}.*edge\.pictures\.port"),
            serving_pictures(taken, window, clock),
        ):
            pass


@pytest.mark.parametrize("token", ["", "short"])
def test_a_token_that_can_be_guessed_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(ValidationError, match="at least 16"):
        PictureSettings(token=SecretStr(token))


def test_the_token_shows_neither_in_the_settings_nor_in_the_log(
    client: httpx.Client, capfd: pytest.CaptureFixture[str]
) -> None:
    client.get("/cameras/door.jpg")
    client.get("/cameras/door.jpg", headers={"Authorization": "Bearer wrong"})
    settings = PictureSettings(token=SecretStr(TOKEN))
    printed = capfd.readouterr()
    assert TOKEN not in f"{settings!r} {settings.model_dump_json()} {printed.out} {printed.err}"


def fetched_from_a_running_edge(log: MemoryCameraLog, path: str | None) -> list[httpx.Response]:
    """A whole edge of one camera in threads; it ends after 20 frames, and after somebody has asked for a picture."""
    port, stop = free_port(), threading.Event()
    settings = EdgeSettings.model_validate(
        {
            "isolation": "thread",
            "cameras": [{"id": "door", "source": "webcam:0"}],
            "pictures": {"token": TOKEN, "port": port},
        }
    )
    responses = []

    def ask(url: str) -> None:
        try:
            responses.append(httpx.get(url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60))
        finally:
            stop.set()

    class Asked(MemoryCameraLog):
        """Once frames flow, somebody asks."""

        def append(self, entry: Any, headers: Any = None) -> None:
            super().append(entry, headers)
            if len(self.records) == 20:
                if path is None:
                    stop.set()
                else:
                    threading.Thread(target=ask, args=(f"http://127.0.0.1:{port}{path}",)).start()

    picture = np.full((120, 160, 3), GREY, dtype=np.uint8)
    run_edge(
        settings,
        Asked(log._wire),
        stop,
        detector=ScriptedDetector([Detections.of([[*BOX, 0.9]])]),
        make_source=lambda _, clock: MemorySource([[picture] * 100_000], clock, live=True, interval_s=0.01),
    )
    return responses


def test_a_running_edge_shows_its_picture_with_who_was_found_in_it(log: MemoryCameraLog) -> None:
    (response,) = fetched_from_a_running_edge(log, "/cameras/door.jpg?boxes=true")
    assert_shows_box(picture_of(response))


def test_a_running_edge_encodes_nothing_while_nobody_looks(log: MemoryCameraLog) -> None:
    before = encoded(boxes=False), encoded(boxes=True)
    assert fetched_from_a_running_edge(log, None) == []
    assert (encoded(boxes=False), encoded(boxes=True)) == before
