from typing import Any

import pytest
from pydantic import ValidationError

from producers.settings import CameraSettings, EdgeSettings
from producers.sources.address import RtspAddress

SECRET = "open-sesame"


def camera(**changes: Any) -> dict[str, Any]:
    return {"id": "hall", "source": "webcam:0"} | changes


def test_a_camera_needs_an_id_and_a_source_only() -> None:
    hall = CameraSettings.model_validate(camera())
    assert (hall.target_fps, hall.realtime, hall.loop) == (10, True, False)


def test_every_setting_says_what_it_means() -> None:
    for model in (CameraSettings, EdgeSettings):
        for name, field in model.model_fields.items():
            assert field.description, f"{model.__name__}.{name}"


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"source": "http://cam/stream"}, "a source is rtsp://host/path"),
        ({"source": ""}, "a source is rtsp://host/path"),
        ({"id": "the hall"}, "id"),
        ({"id": ""}, "id"),
        ({"target_fps": 0}, "target_fps"),
        ({"target_fps": 1000}, "target_fps"),
        ({"fps": 5}, "fps"),
        ({"loop": True, "realtime": False}, "loop needs realtime: true"),
    ],
)
def test_a_wrong_value_or_name_is_refused_by_name(wrong: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        EdgeSettings.model_validate({"cameras": [camera(**wrong)]})


def test_two_cameras_cannot_share_an_id() -> None:
    with pytest.raises(ValidationError, match="two cameras have the id hall"):
        EdgeSettings.model_validate({"cameras": [camera(), camera()]})


def test_a_password_shows_neither_in_the_settings_nor_in_their_errors() -> None:
    source = f"rtsp://admin:{SECRET}@cam/live"
    hall = CameraSettings.model_validate(camera(source=source))
    assert hall.address == RtspAddress(source)
    assert SECRET not in f"{hall!r} {hall} {hall.model_dump()} {hall.model_dump_json()} {hall.address!r} {hall.address}"
    wrong: list[dict[str, Any]] = [
        {"source": source.replace("rtsp", "rstp")},
        {"source": source, "loop": True, "realtime": False},
    ]
    for change in wrong:
        with pytest.raises(ValidationError) as raised:
            EdgeSettings.model_validate({"cameras": [camera(**change)]})
        assert SECRET not in str(raised.value)
