"""Which cameras run and how: the edge's own settings, and over them what the control plane says. Pure; Kafka is not known here.

The edge's own settings name cameras, and hold what only the edge may know or decide: passwords, files, masks that nobody
elsewhere can lift. What the control plane says of a camera of this site goes before them: whether it runs, its address, its
rate, and further masks.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import structlog
from pydantic import SecretStr, ValidationError

from producers.clock import Clock
from producers.credentials import Secrets, UnknownSecretError, holds_credentials, with_credentials
from producers.metrics import CONFIGURATION_FAULTY, CONFIGURATION_REVISION
from producers.settings import CameraSettings
from producers.sources.address import FileAddress, SourceSyntaxError, parse_address
from schemas.events import CameraConfigured, EdgeConfigurationReported

logger = structlog.get_logger(__name__)


class CameraConfigurationError(ValueError):
    """A camera cannot be run as it is configured; the message holds no secret and says what to mend."""


def resolved(camera: CameraSettings, secrets: Secrets) -> CameraSettings:
    """The camera with its secret, if it names one, in its address.

    Raises:
        CameraConfigurationError: the edge does not know it.
    """
    if not camera.credentials:
        return camera
    try:
        secret = secrets.of(camera.credentials)
    except UnknownSecretError as error:
        raise CameraConfigurationError(str(error.args[0])) from error
    source = with_credentials(camera.source.get_secret_value(), secret)
    return camera.model_copy(update={"source": SecretStr(source), "credentials": ""})


def configured(own: CameraSettings | None, said: CameraConfigured, secrets: Secrets) -> CameraSettings | None:
    """The camera as it is to run, None if it is not to.

    Args:
        own: what the edge's settings say of it, if anything.
        said: what the control plane says.
        secrets: what the edge knows.

    Raises:
        CameraConfigurationError: it cannot run like that.
    """
    if not said.enabled:
        return None
    fields: dict[str, Any] = own.model_dump() if own else {"id": said.camera_id}
    if said.name:
        fields["name"] = said.name
    if said.source:
        fields |= {"source": _allowed(said.source), "credentials": said.credentials}
    elif own is None:
        raise CameraConfigurationError("no source: give the camera an address, here or in the edge's settings")
    elif said.credentials:
        fields["credentials"] = said.credentials
    if said.target_fps is not None:
        fields["target_fps"] = said.target_fps
    fields["masks"] = (*(own.masks if own else ()), *said.masks)
    try:
        return resolved(CameraSettings.model_validate(fields), secrets)
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors(include_input=False))
        raise CameraConfigurationError("; ".join(faults)) from None  # its own text could hold an address


def _allowed(source: str) -> str:
    """An address that may come from outside.

    Raises:
        CameraConfigurationError: a password in it has been where it should not be, and files are the edge's own.
    """
    try:
        address = parse_address(source)
    except SourceSyntaxError as error:
        raise CameraConfigurationError(str(error)) from None
    if isinstance(address, FileAddress):
        raise CameraConfigurationError("a file can be named in the edge's own settings only")
    if holds_credentials(source):
        raise CameraConfigurationError(
            "the address holds a password, which is now in the log of events: change it in the camera, keep the new one "
            "on the edge as a secret, and name that"
        )
    return source


class Configuration:
    """The cameras wanted now. For one thread.

    Args:
        own: the cameras of the edge's settings.
        secrets: what the edge knows.
        said: what the control plane says, by camera; the same object while nothing is new.
        report: told which revision of a camera runs, or why it does not.
        clock: tells when.

    Raises:
        CameraConfigurationError: a camera of the edge's own settings cannot run.
    """

    def __init__(
        self,
        own: Iterable[CameraSettings],
        secrets: Secrets,
        said: Callable[[], Mapping[str, CameraConfigured]],
        report: Callable[[EdgeConfigurationReported], None],
        clock: Clock,
    ) -> None:
        self._own = {camera.id: camera for camera in own}
        self._secrets = secrets
        self._said = said
        self._report = report
        self._clock = clock
        self._taken: Mapping[str, CameraConfigured] = {}
        self._wanted = {camera_id: resolved(camera, secrets) for camera_id, camera in self._own.items()}

    @property
    def cameras(self) -> Mapping[str, CameraSettings]:
        """Those wanted when it was last asked, by any thread."""
        return self._wanted

    def wanted(self) -> Mapping[str, CameraSettings]:
        """The cameras that are to run now; what is new is reported."""
        said = self._said()
        if said is not self._taken:
            before, self._taken = self._taken, said
            changed = [each for camera_id, each in said.items() if before.get(camera_id) != each]
            gone = before.keys() - said.keys()
            for event in changed:
                self._apply(event)
            for camera_id in gone:
                self._set(camera_id, resolved(self._own[camera_id], self._secrets) if camera_id in self._own else None)
        return self._wanted

    def _apply(self, event: CameraConfigured) -> None:
        fault = self._fault_of(event)
        CONFIGURATION_REVISION.labels(event.camera_id).set(event.revision)
        CONFIGURATION_FAULTY.labels(event.camera_id).set(bool(fault))
        if fault:
            logger.error(
                "a configuration cannot be used; the camera goes on as before", camera=event.camera_id, why=fault
            )
        else:
            logger.info("a configuration is applied", camera=event.camera_id, revision=event.revision)
        self._report(
            EdgeConfigurationReported(
                camera_id=event.camera_id, revision=event.revision, reported_at=self._clock.utc_ms(), error=fault
            )
        )

    def _fault_of(self, event: CameraConfigured) -> str:
        """Apply it; why that cannot be done, or nothing."""
        try:
            self._set(event.camera_id, configured(self._own.get(event.camera_id), event, self._secrets))
        except CameraConfigurationError as error:
            return str(error)
        return ""

    def _set(self, camera_id: str, camera: CameraSettings | None) -> None:
        others = {name: each for name, each in self._wanted.items() if name != camera_id}
        self._wanted = others if camera is None else others | {camera_id: camera}
