"""What an edge needs to know: its cameras and its model. Where the log is belongs to `schemas.settings`."""

from collections import Counter
from pathlib import Path
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import ConfigDict, Field, SecretStr, field_validator, model_validator

from detectors.device import Device
from producers.sources.address import Address, parse_address
from schemas.settings import StrictModel

Share: TypeAlias = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Mask: TypeAlias = Annotated[tuple[tuple[Share, Share], ...], Field(min_length=3)]
"""A polygon, points in 0..1 of the picture's width and height."""

Hwaccel: TypeAlias = Literal["auto", "cuda", "qsv", "none"]


class CameraSettings(StrictModel):
    """One camera."""

    # A refused source may hold a password; pydantic would print it.
    model_config = ConfigDict(hide_input_in_errors=True)

    id: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        description="The camera's id, unique in the installation and for ever: the key of all its records.",
    )
    name: str = Field(default="", description="The camera's name for people.")
    source: SecretStr = Field(
        description="rtsp://user:password@host/path, webcam:0, file:/path/to/video or a plain path. Kept out of logs."
    )
    credentials: str = Field(
        default="", description="Name of the secret that holds `user:password` for an RTSP source; see `secrets`."
    )
    target_fps: float = Field(default=10.0, gt=0, le=60, description="At most so many frames a second are looked at.")
    realtime: bool = Field(
        default=True, description="Files only: pace by the file's timestamps; else as fast as possible."
    )
    loop: bool = Field(default=False, description="Files only: begin again at the end; needs realtime.")
    hwaccel: Hwaccel = Field(
        default="none",
        description="RTSP only: decode on this hardware: cuda (NVIDIA), qsv (Intel), auto for what is there, none; "
        "software where it is missing.",
    )
    motion_gate: bool = Field(
        default=True,
        description="Live sources only: pictures in which nothing moves and nobody was seen are not looked at.",
    )
    masks: tuple[Mask, ...] = Field(
        default=(),
        description="Privacy masks: polygons of (x, y) in 0..1, filled with black before anything looks at a picture.",
    )

    @field_validator("source")
    @classmethod
    def _source_is_known(cls, source: SecretStr) -> SecretStr:
        parse_address(source.get_secret_value())
        return source

    @model_validator(mode="after")
    def _loop_is_paced(self) -> Self:
        if self.loop and not self.realtime:
            raise ValueError("loop needs realtime: true; time cannot pass faster than it does, loop after loop")
        return self

    @property
    def address(self) -> Address:
        """What `source` names; `str()` of it may be shown."""
        return parse_address(self.source.get_secret_value())


class SpoolSettings(StrictModel):
    """What waits on the disk while the broker is away."""

    max_gib: float = Field(default=5, gt=0, description="Room for it; when it is full, the oldest goes first.")
    max_age_h: float = Field(default=72, gt=0, description="Frames older than that are given up.")
    drain_factor: float = Field(
        default=5,
        gt=1,
        le=1_000,
        description="Once the broker is back it goes out so many times as fast as frames come in.",
    )


class PictureSettings(StrictModel):
    """Pictures for people, served by the edge itself."""

    token: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="Who sends it as `Authorization: Bearer` may look; without one no port is opened.",
    )
    host: str = Field(default="127.0.0.1", description="Where to listen; there is no TLS, so keep it within the site.")
    port: int = Field(default=9465, ge=0, le=65535, description="`GET /cameras/<id>.jpg?boxes=true`; 0: any free port.")


class EdgeSettings(StrictModel):
    """One edge: a machine with its cameras."""

    model_config = ConfigDict(hide_input_in_errors=True)

    site: str = Field(default="default", description="The site its cameras belong to.")
    cameras: tuple[CameraSettings, ...] = Field(default=(), description="The cameras this edge looks through.")
    model: Path | None = Field(
        default=None, description="A person detector (.onnx, .engine or .pt); empty for the packaged NanoDet."
    )
    device: Device = Field(default="auto", description="What runs it; `auto` takes a CUDA device where there is one.")
    intra_op_threads: int = Field(
        default=1, ge=1, le=64, description="Threads for one detection; more than 1 pays only on an idle machine."
    )
    isolation: Literal["process", "thread"] = Field(
        default="process",
        description="Captures and detector in processes of their own, which can hang or crash alone; or in threads.",
    )
    appearance: Literal["off", "hsv"] = Field(
        default="off",
        description="Send colour histograms of people along, as a hint to the tracker; see docs/privacy.md.",
    )
    remote: bool = Field(
        default=False, description="Follow what the API says of this site's cameras: add, change or disable them."
    )
    secrets: dict[str, SecretStr] = Field(
        default_factory=dict, description="Passwords of cameras, `user:password` by name, for `credentials`."
    )
    secrets_dir: Path | None = Field(
        default=None, description="Folder with a file of each such name, in place of the above or beside it."
    )
    state_dir: Path | None = Field(
        default=None,
        description="Folder of what the edge keeps: the spool, the last known configuration, built engines. "
        "Empty: `edge` in the local stack's data folder.",
    )
    spool: SpoolSettings = Field(default_factory=SpoolSettings, description="What waits while the broker is away.")
    pictures: PictureSettings = Field(default_factory=PictureSettings, description="Pictures for people.")

    @field_validator("cameras")
    @classmethod
    def _ids_are_unique(cls, cameras: tuple[CameraSettings, ...]) -> tuple[CameraSettings, ...]:
        twice = [camera for camera, count in Counter(camera.id for camera in cameras).items() if count > 1]
        if twice:
            raise ValueError(f"two cameras have the id {', '.join(twice)}")
        return cameras
