"""A whole Aforo of its own for a while: local stack, first start, every process, viewers, and an account at the end.

It starts and stops things and asks questions; what is shown of it is `table`'s affair.
"""

import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from aforo import audit
from aforo.demo.children import Children
from aforo.demo.viewer import Api, Viewer
from aforo.lag import Lag, Readers
from aforo.processes import init, keys, waiting
from aforo.settings import Settings, database_url
from infra.local.service import is_free
from infra.local.settings import LocalSettings
from infra.local.stack import Stack
from infra.local.tools import last_lines
from schemas.registry import HttpRegistry

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


def settings_of_its_own(settings: Settings, cameras: Sequence[Mapping[str, object]]) -> Settings:
    """Settings of a session: a data folder of its own, made anew, ports that are free, and these cameras."""
    folder = settings.local.data_dir / "demo"
    shutil.rmtree(folder, ignore_errors=True)
    ports = {
        name: _free(getattr(settings.local, name)) for name in LocalSettings.model_fields if name.endswith("_port")
    }
    local = settings.local.model_copy(update={"data_dir": folder, **ports})
    stack = Stack(local)
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
    """One run. `start`, then look at it as often as you like, then `finish` for the account, and always `stop`.

    `scenes`: the zones and lines to draw for each camera, as the API takes them.
    """

    def __init__(self, settings: Settings, scenes: Mapping[str, Mapping[str, Any]]) -> None:
        self.settings = settings
        self._scenes = scenes
        self._readers: Readers | None = None
        self.stack = Stack(self.settings.local)
        self.api = Api(f"http://{self.settings.api.host}:{self.settings.api.port}")
        self.children = Children(self._environment(), self.settings.local.data_dir / "log")
        self.viewers = {camera: Viewer(self.api.base, camera) for camera in scenes}

    def start(self, progress: Progress, processes: Iterable[str] = PROCESSES) -> None:
        """Start the stack and `processes`, and draw the zones."""
        self.stack.up(progress, tied=True)
        self._readers = Readers(self.settings.kafka, database_url(self.settings))
        init.run(self.settings)
        progress("topics, schemas and tables are there")
        for name in processes:
            self.start_process(name)
        self.wait_until(self.api.is_ready, "the API to be ready", "api")
        for camera, viewer in self.viewers.items():
            self._define_zones(camera)
            viewer.start()
        progress("zones are drawn; waiting for the first person")

    def start_process(self, name: str) -> None:
        """Start one of `PROCESSES`."""
        self.children.start(name, *PROCESSES[name])

    def lag(self) -> Lag:
        """How far the fold and the database are behind."""
        assert self._readers is not None, "start first"
        return self._readers.lag()

    def finish(self, progress: Progress) -> audit.Account:
        """Stop the cameras, let everything catch up, and make the account."""
        if "edge" in self.children.running:
            self.children.stop("edge")
        progress("cameras stopped; waiting for everything to catch up")
        self.catch_up()
        wire = waiting.wire(HttpRegistry(self.settings.registry.url))
        progress("folding the whole log again and comparing")
        return audit.audit(self.settings.kafka, wire, keys.verifier(self.settings), database_url(self.settings))

    def stop(self) -> None:
        """End every process; the data folder stays for a look."""
        for viewer in self.viewers.values():
            if viewer.is_alive():
                viewer.stop()
        self.api.close()
        self.children.stop_all()
        if self._readers is not None:
            self._readers.close()
            self._readers = None  # its connections would report that the broker went away
        self.stack.down()

    def _define_zones(self, camera: str) -> None:
        zones = {"cameraId": camera, **self._scenes[camera]}
        answer: dict[str, Any] = self.api.query(DEFINE, input=zones, id=str(uuid.uuid4()))["zonesDefine"]
        if answer["userErrors"]:
            raise SessionError(f"zones of {camera}: {answer['userErrors'][0]['message']}")

    def catch_up(self) -> None:
        """Wait until everything in the log is folded and stored."""
        self.wait_until(
            lambda: self.lag() == Lag(0, 0), "the log to be folded and stored", "projector", CAUGHT_UP_WITHIN_S
        )

    def wait_until(
        self, condition: Callable[[], bool], what: str, name: str = "cameras", within_s: float = READY_WITHIN_S
    ) -> None:
        """Return when the condition holds; `name` is the process whose log tells why it does not.

        Raises:
            SessionError: a process ended, or it took too long.
        """
        deadline = time.monotonic() + within_s
        while not condition():
            if ended := self.children.ended():
                (process, status), *_ = ended.items()
                raise SessionError(f"the process {process} ended with status {status}; {self._last_words(process)}")
            if time.monotonic() > deadline:
                raise SessionError(f"waited {within_s:.0f} s for {what}; {self._last_words(name)}")
            time.sleep(0.2)

    def _last_words(self, name: str) -> str:
        log = self.children.log(name)
        return f"its log {log} ends:\n{last_lines(log.read_text(errors='replace'))}"

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
            "AFORO_API__ACCESS": "open",  # it listens on this machine only
            "AFORO_EDGE__CAMERAS": json.dumps(cameras),
        }


def _free(wanted: int) -> int:
    """The wanted port, or the next one that nobody has."""
    return next(port for port in range(wanted, 65_536) if is_free(port))
