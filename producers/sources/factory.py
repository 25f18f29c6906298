"""Which source plays which address."""

from producers.clock import Clock
from producers.settings import CameraSettings
from producers.sources.address import FileAddress, RtspAddress
from producers.sources.file import FileSource
from producers.sources.rtsp import RtspSource
from producers.sources.source import FrameSource
from producers.sources.webcam import WebcamSource


def make_source(camera: CameraSettings, clock: Clock) -> FrameSource:
    """The frame source of a camera, not yet opened."""
    address = camera.address
    match address:
        case FileAddress():
            return FileSource(address.path, clock, realtime=camera.realtime, loop=camera.loop)
        case RtspAddress():
            return RtspSource(address, clock, hwaccel=camera.hwaccel)
        case _:
            return WebcamSource(address, clock)
