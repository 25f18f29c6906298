import numpy as np
import pytest

from producers.results import Pictured
from producers.views import Views
from tests.producers.clocks import ManualClock


def picture(observed_at: int, camera_id: str = "cam") -> Pictured:
    return Pictured(
        camera_id=camera_id, observed_at=observed_at, width=1, height=1, image=b"abc", boxes=b"", scores=b""
    )


@pytest.fixture
def asked() -> list[tuple[str, float]]:
    return []


@pytest.fixture
def views(clock: ManualClock, asked: list[tuple[str, float]]) -> Views:
    made = Views(clock, lambda: {"cam"})
    made.ask = lambda camera_id, for_s: asked.append((camera_id, for_s))
    return made


def test_who_looks_has_pictures_sent_and_gets_the_newest(views: Views, asked: list[tuple[str, float]]) -> None:
    assert views.look("cam", 5) is None
    assert asked == [("cam", 5)]
    views.keep(picture(1))
    views.keep(picture(2))
    view = views.look("cam", 5)
    assert view is not None
    assert view.observed_at == 2
    assert np.array_equal(view.image, [[[97, 98, 99]]])


def test_nothing_is_kept_of_a_camera_nobody_looks_at(views: Views, clock: ManualClock) -> None:
    views.keep(picture(1))
    assert views.look("cam", 5) is None
    views.keep(picture(2))
    clock.sleep(6)
    views.keep(picture(3))
    views.tidy()
    assert views._views == {}


def test_who_comes_back_does_not_see_the_past(views: Views, clock: ManualClock) -> None:
    views.look("cam", 5)
    views.keep(picture(1))
    clock.sleep(6)
    assert views.look("cam", 5) is None


def test_a_camera_there_is_not_is_an_error(views: Views) -> None:
    with pytest.raises(KeyError):
        views.look("another", 5)
