"""What runs, from the edge's own settings and what the control plane says."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from producers.configuration import CameraConfigurationError, Configuration, configured, resolved
from producers.credentials import Secrets, UnknownSecretError, with_credentials
from producers.settings import CameraSettings
from producers.sources.address import RtspAddress
from schemas.events import CameraConfigured, EdgeConfigurationReported, Position
from tests.producers.clocks import ManualClock

PASSWORD = "open sesame/@:%"
SECRETS = Secrets({"door": SecretStr(f"admin:{PASSWORD}")}, None)
TRIANGLE = ((0.0, 0.0), (0.5, 0.0), (0.0, 0.5))
SQUARE = ((0.5, 0.5), (1.0, 0.5), (1.0, 1.0), (0.5, 1.0))


def own(**settings: Any) -> CameraSettings:
    return CameraSettings.model_validate({"id": "door", "source": "rtsp://own/live", **settings})


def said(revision: int = 1, **fields: Any) -> CameraConfigured:
    position = Position(epoch=0, partition=0, offset=revision, index=0)
    plain: dict[str, Any] = {"camera_id": "door", "command_id": "c", "effective_at": 0}
    return CameraConfigured(position=position, revision=revision, **(plain | fields))


def source(camera: CameraSettings | None) -> str:
    assert camera is not None
    return camera.source.get_secret_value()


def test_a_camera_the_control_plane_says_nothing_of_in_particular_runs_as_its_settings_say() -> None:
    camera = own(target_fps=7, masks=[TRIANGLE], name="Door")
    assert configured(camera, said(), SECRETS) == camera


def test_what_the_control_plane_says_goes_before_the_edges_own_settings() -> None:
    camera = configured(
        own(target_fps=7, name="Door"), said(source="rtsp://new/live", target_fps=3, name="Gate"), SECRETS
    )
    assert camera is not None
    assert (source(camera), camera.target_fps, camera.name) == ("rtsp://new/live", 3, "Gate")


def test_a_camera_that_only_the_control_plane_names_runs_too() -> None:
    camera = configured(None, said(source="rtsps://new/live", target_fps=3), SECRETS)
    assert camera is not None
    assert (camera.id, source(camera), camera.target_fps) == ("door", "rtsps://new/live", 3)


def test_a_disabled_camera_does_not_run() -> None:
    assert configured(own(), said(enabled=False), SECRETS) is None


def test_masks_of_the_edge_cannot_be_lifted_from_elsewhere() -> None:
    camera = configured(own(masks=[TRIANGLE]), said(masks=(SQUARE,)), SECRETS)
    assert camera is not None
    assert camera.masks == (TRIANGLE, SQUARE)


@pytest.mark.parametrize(
    ("mine", "theirs", "expected"),
    [
        ({}, {"credentials": "door"}, "rtsp://own/live"),
        ({"credentials": "door"}, {}, "rtsp://own/live"),
        ({"credentials": "other"}, {"source": "rtsp://new/x", "credentials": "door"}, "rtsp://new/x"),
    ],
)
def test_a_secret_is_put_into_the_address_here(mine: Any, theirs: Any, expected: str) -> None:
    camera = configured(own(**mine), said(**theirs), SECRETS)
    host, path = expected.removeprefix("rtsp://").split("/")
    assert source(camera) == f"rtsp://admin:open%20sesame%2F%40%3A%25@{host}/{path}"
    assert RtspAddress(source(camera)).host == host


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (said(source="rtsp://admin:hunter2@new/live"), "the address holds a password"),
        (said(source="file:/etc/passwd"), "a file can be named in the edge's own settings only"),
        (said(source="/etc/passwd"), "a file can be named in the edge's own settings only"),
        (said(source="http://cam/hunter2"), "a source is rtsp://host/path"),
        (said(credentials="nobody"), "the edge knows no secret 'nobody': put user:password into AFORO_EDGE__SECRETS"),
        (said(target_fps=1_000.0), "target_fps: Input should be less than or equal to 60"),
        (said(masks=(((0.0, 0.0), (2.0, 0.0), (0.0, 1.0)),)), "masks"),
        (said(camera_id="no id at all", source="rtsp://new/live"), "id: String should match pattern"),
    ],
)
def test_what_cannot_be_used_is_refused_with_what_to_mend_and_without_secrets(
    event: CameraConfigured, why: str
) -> None:
    with pytest.raises(CameraConfigurationError) as raised:
        configured(own() if event.camera_id == "door" else None, event, SECRETS)
    assert why in str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_a_camera_without_any_address_is_refused() -> None:
    with pytest.raises(CameraConfigurationError, match="no source"):
        configured(None, said(), SECRETS)


@given(st.text(min_size=1).filter(lambda text: ":" not in text), st.text())
def test_any_user_and_password_come_through_an_address(user: str, password: str) -> None:
    parts = urlsplit(with_credentials("rtsp://cam:554/live?x=1", f"{user}:{password}"))
    assert (unquote(parts.username or ""), unquote(parts.password or "")) == (user, password)
    assert (parts.hostname, parts.port, parts.path, parts.query) == ("cam", 554, "/live", "x=1")


def test_secrets_are_read_from_files_as_container_platforms_give_them(tmp_path: Path) -> None:
    (tmp_path / "door").write_text("admin:pa55\n")
    assert Secrets({}, tmp_path).of("door") == "admin:pa55"


@pytest.mark.parametrize("name", ["../door", "", ".hidden", "a/b", "x" * 65])
def test_a_name_that_is_no_plain_file_name_reads_nothing(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir()
    (tmp_path / "door").write_text("admin:pa55")
    with pytest.raises(UnknownSecretError):
        Secrets({}, folder).of(name)


def test_an_unknown_secret_says_where_to_put_it(tmp_path: Path) -> None:
    with pytest.raises(UnknownSecretError, match=r"AFORO_EDGE__SECRETS or .*/door"):
        Secrets({}, tmp_path).of("door")


def test_a_secret_of_the_edges_own_camera_that_is_missing_stops_the_start() -> None:
    with pytest.raises(CameraConfigurationError, match="knows no secret 'door'"):
        resolved(own(credentials="door"), Secrets({}, None))


class Plane:
    """A control plane that says what a test tells it to."""

    def __init__(self, *cameras: CameraSettings) -> None:
        self.known: Mapping[str, CameraConfigured] = {}
        self.reports: list[tuple[str, int, str]] = []
        self.configuration = Configuration(cameras, SECRETS, lambda: self.known, self._take, ManualClock())

    def _take(self, report: EdgeConfigurationReported) -> None:
        self.reports.append((report.camera_id, report.revision, report.error))

    def say(self, *events: CameraConfigured) -> Mapping[str, CameraSettings]:
        self.known = {**self.known, **{event.camera_id: event for event in events}}
        return self.configuration.wanted()


def test_every_revision_is_reported_once_when_it_is_applied() -> None:
    plane = Plane(own())
    plane.say(said(1))
    plane.configuration.wanted()
    plane.say(said(2, enabled=False))
    assert plane.reports == [("door", 1, ""), ("door", 2, "")]
    assert plane.configuration.cameras == {}


def test_a_revision_that_cannot_be_used_is_reported_and_the_camera_goes_on_as_before() -> None:
    plane = Plane(own())
    before = plane.say(said(1, target_fps=3))
    assert plane.say(said(2, target_fps=1_000.0)) == before
    assert plane.reports[-1][:2] == ("door", 2)
    assert "target_fps" in plane.reports[-1][2]
    assert plane.say(said(3, target_fps=4))["door"].target_fps == 4


def test_others_are_not_touched_when_one_camera_is_added_changed_or_disabled() -> None:
    plane = Plane(own(), own(id="yard"))
    yard = plane.configuration.wanted()["yard"]
    for event in (said(1, target_fps=3), said(2, enabled=False), said(1, camera_id="new", source="rtsp://new/x")):
        assert plane.say(event)["yard"] is yard
    assert set(plane.configuration.cameras) == {"yard", "new"}


def test_a_camera_that_moves_to_another_site_goes_unless_the_edges_own_settings_name_it() -> None:
    plane = Plane(own())
    plane.say(said(1, target_fps=3), said(1, camera_id="new", source="rtsp://new/x"))
    plane.known = {}
    assert plane.configuration.wanted() == {"door": own()}
