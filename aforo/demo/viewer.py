"""A real GraphQL client: sends queries over HTTP and follows `liveTracks` over a WebSocket, measuring what arrives."""

import json
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect
from websockets.typing import Subprotocol

LIVE = """subscription Live($camera: ID!) {
  liveTracks(cameraId: $camera, maxHz: 30) { observedAt detectorMs trackNos zoneCounts { zoneId people } }
}"""
WINDOW_S = 10.0


class QueryError(RuntimeError):
    """The API answered a query with errors."""


class Api:
    """GraphQL and REST of one API process."""

    def __init__(self, base: str) -> None:
        self.base = base
        self._http = httpx.Client(base_url=base, timeout=15)

    def query(self, document: str, **variables: object) -> dict[str, Any]:
        """The data of a query or mutation.

        Raises:
            QueryError: it was answered with errors.
        """
        answer = self._http.post("/graphql", json={"query": document, "variables": variables}).json()
        if answer.get("errors"):
            raise QueryError(answer["errors"][0]["message"])
        data: dict[str, Any] = answer["data"]
        return data

    def get(self, path: str, **parameters: str) -> Any:
        """What REST answers."""
        answer = self._http.get(path, params=parameters)
        answer.raise_for_status()
        return answer.json()

    def close(self) -> None:
        """Let the connections go."""
        self._http.close()

    def is_ready(self) -> bool:
        """Whether the API says that all it needs is there."""
        try:
            return self._http.get("/readyz").is_success
        except httpx.HTTPError:
            return False


@dataclass(slots=True)
class Seen:
    """What the client has seen of one camera."""

    frames: int = 0
    people: int = 0
    zones: dict[str, int] = field(default_factory=dict)
    first_track_at: float | None = None  # time.monotonic()
    arrivals: deque[float] = field(default_factory=deque)  # of the last seconds, time.monotonic()
    detector_ms: deque[float] = field(default_factory=lambda: deque(maxlen=200))
    latencies_ms: list[float] = field(default_factory=list)

    def take(self, frame: Mapping[str, Any], now: float, now_ms: float) -> None:
        """A frame arrived; its latency is from capture to here, less the detector's own time."""
        detector_ms = frame["detectorMs"] or 0.0
        captured_ms = datetime.fromisoformat(frame["observedAt"]).timestamp() * 1_000
        self.frames += 1
        self.people = len(frame["trackNos"])
        self.zones = {each["zoneId"]: each["people"] for each in frame["zoneCounts"]}
        self.detector_ms.append(detector_ms)
        self.latencies_ms.append(now_ms - captured_ms - detector_ms)
        self.arrivals.append(now)
        while self.arrivals[0] < now - WINDOW_S:
            self.arrivals.popleft()
        if self.people and self.first_track_at is None:
            self.first_track_at = now

    @property
    def fps(self) -> float:
        """Frames a second over the last seconds."""
        span = self.arrivals[-1] - self.arrivals[0] if len(self.arrivals) > 1 else 0.0
        return (len(self.arrivals) - 1) / span if span else 0.0


class Viewer(threading.Thread):
    """Follows one camera as a dashboard would, and connects again when it is cut off."""

    def __init__(self, base: str, camera: str) -> None:
        super().__init__(daemon=True, name=f"viewer-{camera}")
        self.seen = Seen()
        self.reconnects = -1
        self._url = base.replace("http", "ws", 1) + "/graphql"
        self._camera = camera
        self._ending = threading.Event()

    def run(self) -> None:
        """Follow until told to stop."""
        while not self._ending.is_set():
            self.reconnects += 1
            try:
                self._follow()
            except (OSError, WebSocketException):
                self._ending.wait(0.5)

    def stop(self) -> None:
        """Stop following."""
        self._ending.set()
        self.join(5)

    def _follow(self) -> None:
        with connect(self._url, subprotocols=[Subprotocol("graphql-transport-ws")], max_size=2**22) as socket:
            socket.send(json.dumps({"type": "connection_init"}))
            variables = {"camera": self._camera}
            socket.send(
                json.dumps({"id": "1", "type": "subscribe", "payload": {"query": LIVE, "variables": variables}})
            )
            while not self._ending.is_set():
                try:
                    message = json.loads(socket.recv(timeout=1))
                except TimeoutError:
                    continue
                if message["type"] == "next":
                    frame = message["payload"]["data"]["liveTracks"]
                    self.seen.take(frame, time.monotonic(), time.time() * 1_000)
