"""The cameras app: folds each camera's log into tracks, zone visits and minutes. It puts the parts together."""

import faust

from schemas.settings import KafkaSettings
from schemas.signing import Signer, Verifier
from schemas.topics import CAMERA_LOG, CAMERAS_CHANGELOG
from schemas.wire import Wire
from stream_processors.agents.camera_fold import APP, CameraFold
from stream_processors.agents.watchdog import Watchdog
from stream_processors.runtime.checkpoint import CheckpointedAgent
from stream_processors.runtime.faust_app import make_app
from stream_processors.runtime.outbox import Outbox
from stream_processors.runtime.partitioning import Partitioning


def cameras_app(
    kafka: KafkaSettings,
    wire: Wire,
    signer: Signer,
    verifier: Verifier,
    *,
    instance: str = "",
    silent_after_s: float = 10.0,
) -> faust.App:
    """The app that folds the camera log; start it with `runtime.faust_app.run_worker`."""
    app, outbox = make_app(APP, kafka, instance=instance), Outbox(kafka)
    watchdog = Watchdog(outbox, wire, signer, silent_after_s)
    CheckpointedAgent(
        app,
        kafka,
        outbox,
        CameraFold(wire, verifier, Partitioning.of(kafka)),
        source=CAMERA_LOG,
        changelog=CAMERAS_CHANGELOG,
        idle=watchdog,
    )
    return app
