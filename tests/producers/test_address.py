from pathlib import Path

import pytest

from producers.sources.address import (
    Address,
    FileAddress,
    RtspAddress,
    SourceSyntaxError,
    WebcamAddress,
    parse_address,
    shown,
)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("rtsp://10.0.0.7/stream", RtspAddress("rtsp://10.0.0.7/stream")),
        ("RTSP://u:p@cam.local:8554/a?b=c", RtspAddress("RTSP://u:p@cam.local:8554/a?b=c")),
        ("rtsps://cam/stream", RtspAddress("rtsps://cam/stream")),
        ("webcam:0", WebcamAddress(0)),
        ("webcam:12", WebcamAddress(12)),
        ("file:/data/video.mp4", FileAddress(Path("/data/video.mp4"))),
        ("file:///data/video.mp4", FileAddress(Path("/data/video.mp4"))),
        ("file:video.mp4", FileAddress(Path("video.mp4"))),
        ("/data/video.mp4", FileAddress(Path("/data/video.mp4"))),
        ("video 1.avi", FileAddress(Path("video 1.avi"))),
        ("~/video.mp4", FileAddress(Path.home() / "video.mp4")),
    ],
)
def test_a_source_is_read_by_its_scheme(text: str, address: Address) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "file:",
        "webcam:",
        "webcam:one",
        "webcam:-1",
        "webcam:²",
        "http://cam/stream",
        "rtsp:",
        "rtsp:///x",
        "rtsp://[::1/x",
    ],
)
def test_anything_else_is_refused_with_what_is_possible(text: str) -> None:
    with pytest.raises(SourceSyntaxError, match=r"rtsp://host/path.*webcam:0.*file:"):
        parse_address(text)


@pytest.mark.parametrize(
    "url",
    [
        "rtsp://admin:hunter2@cam:554/stream",
        "rtsp://cam:554/user=admin&password=hunter2&channel=1",
        "rtsp://cam:554/stream?password=hunter2",
        "rtsp://admin:hun/ter2@cam:554/stream",
        "rtsp://admin:a@hunter2@cam:554/stream",
        "rtsp://cam:554/stream?password=p@hunter2",
        "rtsp://admin:#hunter2@cam/stream",
    ],
)
def test_no_part_of_a_password_is_ever_shown(url: str) -> None:
    for text in (shown(url), str(parse_address(url)), repr(parse_address(url))):
        assert "hunter2" not in text
        assert "ter2" not in text
        assert "hun" not in text


def test_host_and_port_are_shown() -> None:
    assert shown("rtsp://admin:secret@cam:554/stream") == "rtsp://cam:554"
