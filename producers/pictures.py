"""Pictures for people: the newest one of a camera as a JPEG over HTTP, on request and with a token.

Nothing is kept, drawn or encoded for a camera at which nobody looks. Where the pictures come from is not known here.
"""

import hmac
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import cv2
import numpy as np
import structlog
from pydantic import SecretStr

from detectors.detector import Detections, Image
from producers.clock import Clock
from producers.handover import View, Viewer
from producers.metrics import PICTURES
from producers.settings import PictureSettings

logger = structlog.get_logger(__name__)

_PATH = re.compile(r"/cameras/([^/]+)\.jpg")
_KEPT_S = 10.0
_POLL_S = 0.05
_POLLS = 120  # 6 s: a still scene is looked at every 5 s
_IDLE_S = 10.0
_STOP_WITHIN_S = 0.1
_GREEN = (0, 220, 0)
_QUALITY = 85


class PicturesUnavailableError(Exception):
    """Nobody could ask for pictures; the message says which setting to change."""


class RequestError(Exception):
    """A request that gets no picture.

    Args:
        status: of the answer.
        message: for whoever asked.
    """

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


@contextmanager
def serving_pictures(settings: PictureSettings, viewer: Viewer, clock: Clock) -> Iterator[int | None]:
    """Serve pictures in a thread; gives the port, None where no token is set and nothing is served.

    Raises:
        PicturesUnavailableError: the port is taken, or the host is not this machine's.
    """
    if settings.token is None:
        yield None
        return
    with _listening(settings, Answers(settings.token, viewer, clock)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(_STOP_WITHIN_S,), name="pictures")
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


class Answers:
    """What a request gets, whatever it came over.

    Args:
        token: what a request must bring.
        viewer: gives the pictures.
        clock: waits for the first one.
    """

    def __init__(self, token: SecretStr, viewer: Viewer, clock: Clock) -> None:
        self._expected = f"Bearer {token.get_secret_value()}".encode()
        self._viewer = viewer
        self._clock = clock

    def picture(self, target: str, authorization: str) -> tuple[int, bytes]:
        """Event time in UTC ms, and a JPEG.

        Args:
            target: path and query of the request.
            authorization: its header of that name.

        Raises:
            RequestError: there is none for this request.
        """
        if not hmac.compare_digest(authorization.encode("latin-1"), self._expected):
            raise RequestError(HTTPStatus.UNAUTHORIZED, "send the edge's picture token as Authorization: Bearer")
        parts = urlsplit(target)
        path = _PATH.fullmatch(parts.path)
        boxes = parse_qs(parts.query).get("boxes", ["false"])[-1]
        if path is None or boxes not in {"true", "false"}:
            raise RequestError(HTTPStatus.NOT_FOUND, "ask for /cameras/<id>.jpg or /cameras/<id>.jpg?boxes=true")
        view = self._view(path[1])
        PICTURES.labels(path[1], boxes).inc()
        return view.observed_at, jpeg(view, boxes=boxes == "true")

    def _view(self, camera_id: str) -> View:
        for _ in range(_POLLS):
            if (view := self._look(camera_id)) is not None:
                return view
            self._clock.sleep(_POLL_S)
        raise RequestError(HTTPStatus.SERVICE_UNAVAILABLE, f"camera {camera_id} gives no picture at present")

    def _look(self, camera_id: str) -> View | None:
        try:
            return self._viewer.look(camera_id, _KEPT_S)
        except KeyError:
            raise RequestError(HTTPStatus.NOT_FOUND, f"this edge has no camera {camera_id}") from None


def jpeg(view: View, *, boxes: bool) -> bytes:
    """The picture as a JPEG, with a frame around everybody found if asked for."""
    image = with_boxes(view.image, view.found) if boxes else view.image
    _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return bytes(encoded)


def with_boxes(image: Image, found: Detections) -> Image:
    """A copy with a frame around everybody found."""
    drawn = image.copy()
    for x1, y1, x2, y2 in np.rint(found.boxes).astype(int).tolist():
        cv2.rectangle(drawn, (x1, y1), (x2, y2), _GREEN, thickness=2)
    return drawn


class _Server(ThreadingHTTPServer):
    def handle_error(self, _request: Any, client_address: Any) -> None:
        """To the edge's log rather than to the terminal: most often somebody hung up."""
        logger.warning("picture request failed", client=client_address[0], why=repr(sys.exception()))


def _listening(settings: PictureSettings, answers: Answers) -> _Server:
    try:
        return _Server((settings.host, settings.port), lambda *request: _Handler(answers, *request))
    except OSError as error:
        raise PicturesUnavailableError(
            f"cannot serve pictures on {settings.host}:{settings.port}: {error.strerror}; "
            "set edge.pictures.host and edge.pictures.port to an address of this machine and a free port"
        ) from error


class _Handler(BaseHTTPRequestHandler):
    """Speaks HTTP; a connection that says nothing is closed."""

    timeout = _IDLE_S
    server_version = "aforo"
    sys_version = ""

    def __init__(self, answers: Answers, *request: Any) -> None:
        self._answers = answers
        super().__init__(*request)

    def do_GET(self) -> None:
        """Answer with a picture, or with the reason why there is none."""
        try:
            observed_at, content = self._answers.picture(self.path, self.headers.get("Authorization", ""))
        except RequestError as error:
            self._answer(error.status, "text/plain; charset=utf-8", f"{error}\n".encode())
        else:
            self._answer(HTTPStatus.OK, "image/jpeg", content, observed_at)

    def _answer(self, status: HTTPStatus, kind: str, content: bytes, observed_at: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        if status == HTTPStatus.UNAUTHORIZED:
            self.send_header("WWW-Authenticate", "Bearer")
        if observed_at is not None:
            self.send_header("Aforo-Observed-At", str(observed_at))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """To the edge's log rather than to the terminal."""
        logger.debug("picture request", client=self.client_address[0], said=format % args)
