"""Runs an edge: its cameras, one detector for all, one log. Settings, log and stop come from outside."""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing

import structlog

from detectors.detector import Detector
from producers.clock import SystemClock
from producers.configuration import Configuration
from producers.credentials import Secrets
from producers.models import make_detector, make_embedder
from producers.pictures import serving_pictures
from producers.processes import ProcessHouse
from producers.publisher import CameraLog
from producers.recorder import Recorder
from producers.settings import EdgeSettings
from producers.sources.factory import make_source
from producers.supervisor import House, Supervisor
from producers.threads import MakeSource, ThreadHouse
from producers.views import Views
from schemas.events import CameraConfigured, CameraStatusChanged

logger = structlog.get_logger(__name__)

TURN_S = 0.1
FLUSH_S = 3.0
_NOTHING_SAID: Mapping[str, CameraConfigured] = {}
_GOOD_ENDS = {"SHUTDOWN", "END_OF_STREAM"}


class CamerasFailedError(Exception):
    """Cameras whose source is unusable; each is named with its reason. The others ran to their end."""


def nothing() -> None:
    """A process needs no preparation."""


def _silence() -> Mapping[str, CameraConfigured]:
    """Nobody says anything of our cameras."""
    return _NOTHING_SAID


def run_edge(
    settings: EdgeSettings,
    log: CameraLog,
    stop: threading.Event,
    *,
    remote: Callable[[], Mapping[str, CameraConfigured]] | None = None,
    prepare: Callable[[], None] = nothing,
    detector: Detector | None = None,
    make_source: MakeSource = make_source,
) -> None:
    """Run all cameras until `stop` is set, or until every recording is over; then write the rest and flush.

    For the main thread. The caller closes the log, and turns SIGTERM and SIGINT into `stop`.

    Args:
        settings: the edge's.
        log: takes the records.
        stop: ends it in good order.
        remote: what the control plane says of the site's cameras; with it the edge ends only by `stop`.
        prepare: called first in each process of the edge; must be picklable.
        detector: in place of the one `settings` names; in threads only.
        make_source: in place of what the cameras' settings name; in threads only.

    Raises:
        CameraConfigurationError: a camera of the settings cannot run as it is configured; no camera was opened.
        DetectorError: the model cannot be used; no camera was opened.
        CamerasFailedError: at least one source proved unusable. Raised at the end; the log says so at once.
    """
    clock = SystemClock(stop)
    secrets = Secrets(settings.secrets, settings.secrets_dir)
    configuration = Configuration(settings.cameras, secrets, remote or _silence, log.append, clock)
    views = Views(clock, lambda: configuration.cameras)
    recorder = Recorder(log, clock, views.keep)
    house: House
    if settings.isolation == "process":
        house = ProcessHouse(settings, recorder, prepare)
    else:
        model = detector or make_detector(settings)
        house = ThreadHouse(model, recorder.record, embedder=make_embedder(settings), make_source=make_source)
    views.ask = house.watch
    with closing(house), serving_pictures(settings.pictures, views, clock) as pictures_port:
        logger.info(
            "edge starts",
            site=settings.site,
            cameras=len(settings.cameras),
            isolation=settings.isolation,
            pictures_port=pictures_port,
        )
        supervisor = Supervisor(house, clock)
        while not stop.is_set() and (remote is not None or not supervisor.over):
            supervisor.want(configuration.wanted())
            supervisor.turn()
            views.tidy()
            stop.wait(TURN_S)
        _end(supervisor)
    _flush(log)
    _raise_failures(recorder.statuses)


def _end(supervisor: Supervisor) -> None:
    supervisor.stop()
    while not supervisor.stopped:
        supervisor.turn()
        time.sleep(TURN_S)


def _flush(log: CameraLog) -> None:
    undelivered = log.flush(FLUSH_S)
    if undelivered:
        logger.warning("records wait for the broker; they go out when the edge starts again", records=undelivered)


def _raise_failures(statuses: Mapping[str, CameraStatusChanged]) -> None:
    failed = [
        f"{camera_id}: {last.detail}"
        for camera_id, last in statuses.items()
        if last.status == "STOPPED" and last.reason not in _GOOD_ENDS
    ]
    if failed:
        raise CamerasFailedError("; ".join(failed))
