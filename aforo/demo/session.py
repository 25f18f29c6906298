"""A whole Aforo of its own for a while: local stack, first start, every process, viewers, and an account at the end.

It starts and stops things and asks questions; what is shown of it is `table`'s affair.
"""

import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from aforo import audit
from aforo.demo import scene
from aforo.demo.children import Children
from aforo.demo.viewer import Api, Viewer
from aforo.lag import PROJECTED, Lag, ends, folded, lag, projected
from aforo.processes import init, keys, waiting
from aforo.settings import Settings, database_url
from infra.local.service import is_free
from infra.local.settings import LocalSettings
from infra.local.stack import Stack
from schemas.registry import HttpRegistry
from schemas.topics import CAMERA_LOG

READY_WITHIN_S = 120.0
CAUGHT_UP_WITHIN_S = 60.0
PROCESSES: Mapping[str, tuple[str, ...]] = {
    "cameras": ("process", "cameras"),
    "projector": ("process", "projector"),
    "api": ("api",),
    "edge": ("edge",),
}
DEFINE = """mutation Define($input: ZonesDefineInput!, $id: ID!) {
  zonesDefine(input: $input, commandId: $id) { position userErrors { code message } }
}"""

Progress = Callable[[str], None]


class SessionError(RuntimeError):
    """Something did not start or did not catch up in time; the message names it and its log."""


def settings_of_its_own(settings: Settings, footage: Path) -> Settings:
    """Settings of a demo: a data folder of its own, made anew, ports that are free, two cameras on the footage."""
    folder = settings.local.data_dir / "demo"
    shutil.rmtree(folder, ignore_errors=True)
    ports = {name: _free(getattr(settings.local, name)) for name in LocalSettings.model_fields if name.endswith("_port")}
    local = settings.local.model_copy(update={"data_dir": folder, **ports})
    stack = Stack(local)
    cameras = [{"id": camera, "name": camera, "source": str(footage), "loop": True} for camera in scene.CAMERAS]
    return Settings.model_validate(
        {
            "local": local,
            "kafka": settings.kafka.model_copy(update={"bootstrap": stack.bootstrap}),
            "registry": {"url": stack.registry_url},
            "signing": {"private_key": folder / "keys/signing.pem", "trusted_keys": folder / "keys/trusted"},
            "edge": {"cameras": cameras},
            "api": settings.api.model_copy(update={"port": _free(settings.api.port)}),
        }
    )


class Session:
    """One run. `start`, then look at it as often as you like, then `finish` for the account, and always `stop`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.stack = Stack(self.settings.local)
        self.api = Api(f"http://{self.settings.api.host}:{self.settings.api.port}")
        self.children = Children(self._environment(), self.settings.local.data_dir / "log")
        self.viewers = {camera.id: Viewer(self.api.base, camera.id) for camera in self.settings.edge.cameras}

    def start(self, progress: Progress) -> None:
        """Start everything and draw the zones."""
        self.stack.up(progress, tied=True)
        init.run(self.settings)
        progress("topics, schemas and tables are there")
        for name, arguments in PROCESSES.items():
            self.children.start(name, *arguments)
        self._await(self.api.is_ready, "the API to be ready", "api")
        for camera, viewer in self.viewers.items():
            self._define_zones(camera)
            viewer.start()
        progress("zones are drawn; waiting for the first person")

    def lag(self) -> Lag:
        """How far the fold and the database are behind."""
        return lag(self.settings.kafka, database_url(self.settings))

    def finish(self, progress: Progress) -> audit.Account:
        """Stop the cameras, let everything catch up, and make the account."""
        self.children.stop("edge")
        progress("cameras stopped; waiting for everything to catch up")
        self._await(self._caught_up, "the log to be folded and stored", "projector", CAUGHT_UP_WITHIN_S)
        wire = waiting.wire(HttpRegistry(self.settings.registry.url))
        progress("folding the whole log again and comparing")
        return audit.audit(self.settings.kafka, wire, keys.verifier(self.settings), database_url(self.settings))

    def stop(self) -> None:
        """End every process; the data folder stays for a look."""
        for viewer in self.viewers.values():
            if viewer.is_alive():
                viewer.stop()
        self.children.stop_all()
        self.stack.down()

    def _define_zones(self, camera: str) -> None:
        zones = {"cameraId": camera, "zones": scene.ZONES[camera], "lines": scene.LINES[camera]}
        answer: dict[str, Any] = self.api.query(DEFINE, input=zones, id=str(uuid.uuid4()))["zonesDefine"]
        if answer["userErrors"]:
            raise SessionError(f"zones of {camera}: {answer['userErrors'][0]['message']}")

    def _caught_up(self) -> bool:
        kafka = self.settings.kafka
        log_ends = ends(kafka, [CAMERA_LOG])
        if any(folded(kafka)[partition] < end for partition, end in log_ends.items()):
            return False
        stored = projected(database_url(self.settings))
        return all(stored.get(partition, 0) >= end for partition, end in ends(kafka, PROJECTED).items())

    def _await(self, condition: Callable[[], bool], what: str, name: str, within_s: float = READY_WITHIN_S) -> None:
        deadline = time.monotonic() + within_s
        while not condition():
            if ended := self.children.ended():
                (process, status), *_ = ended.items()
                raise SessionError(f"the process {process} ended with status {status}; see {self.children.log(process)}")
            if time.monotonic() > deadline:
                raise SessionError(f"waited {within_s:.0f} s for {what}; see {self.children.log(name)}")
            time.sleep(0.2)

    def _environment(self) -> dict[str, str]:
        """The settings as variables, for the processes."""
        settings = self.settings
        ports = {name: getattr(settings.local, name) for name in LocalSettings.model_fields if name.endswith("_port")}
        cameras = [
            camera.model_dump(mode="json") | {"source": camera.source.get_secret_value()}
            for camera in settings.edge.cameras
        ]
        signing = settings.signing
        return {
            "AFORO_CONFIG": os.devnull,
            "AFORO_LOCAL__DATA_DIR": str(settings.local.data_dir),
            "AFORO_LOCAL__CACHE_DIR": str(settings.local.cache_dir),
            **{f"AFORO_LOCAL__{name.upper()}": str(port) for name, port in ports.items()},
            "AFORO_KAFKA__BOOTSTRAP": settings.kafka.bootstrap,
            "AFORO_REGISTRY__URL": settings.registry.url,
            "AFORO_SIGNING__PRIVATE_KEY": str(signing.private_key),
            "AFORO_SIGNING__TRUSTED_KEYS": str(signing.trusted_keys),
            "AFORO_API__PORT": str(settings.api.port),
            "AFORO_EDGE__CAMERAS": json.dumps(cameras),
        }


def _free(wanted: int) -> int:
    """The wanted port, or the next one that nobody has."""
    return next(port for port in range(wanted, 65_536) if is_free(port))
