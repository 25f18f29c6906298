"""What an edge needs to know: its cameras and its model. Where the log is belongs to `schemas.settings`."""

from collections import Counter
from pathlib import Path
from typing import Self

from pydantic import ConfigDict, Field, SecretStr, field_validator, model_validator

from producers.sources.address import Address, parse_address
from schemas.settings import StrictModel


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
    target_fps: float = Field(default=10.0, gt=0, le=60, description="At most so many frames a second are looked at.")
    realtime: bool = Field(
        default=True, description="Files only: pace by the file's timestamps; else as fast as possible."
    )
    loop: bool = Field(default=False, description="Files only: begin again at the end; needs realtime.")

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


class EdgeSettings(StrictModel):
    """One edge: a machine with its cameras."""

    model_config = ConfigDict(hide_input_in_errors=True)

    site: str = Field(default="default", description="The site its cameras belong to.")
    cameras: tuple[CameraSettings, ...] = Field(default=(), description="The cameras this edge looks through.")
    model: Path | None = Field(default=None, description="A person detector (.onnx); empty for the packaged NanoDet.")
    intra_op_threads: int = Field(
        default=1, ge=1, le=64, description="Threads for one detection; more than 1 pays only on an idle machine."
    )

    @field_validator("cameras")
    @classmethod
    def _ids_are_unique(cls, cameras: tuple[CameraSettings, ...]) -> tuple[CameraSettings, ...]:
        twice = [camera for camera, count in Counter(camera.id for camera in cameras).items() if count > 1]
        if twice:
            raise ValueError(f"two cameras have the id {', '.join(twice)}")
        return cameras
