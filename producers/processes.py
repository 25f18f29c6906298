"""Captures and detector in processes of their own: each can hang or crash alone, and none outlives this one."""

import multiprocessing
import socket
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

import msgspec
import structlog

from detectors.errors import DetectorError
from producers import capture_process, inference_process
from producers.channel import channel
from producers.child import ending, signals_held
from producers.inference_process import Open, Order, Watch
from producers.recorder import Recorder
from producers.results import AnyResult, Ready, Unusable
from producers.settings import CameraSettings, EdgeSettings

logger = structlog.get_logger(__name__)

START_S = 60.0
"""A capture process that has given no sign of life for so long after its start hangs."""
SILENT_S = 30.0
"""So does a detector that has said nothing for so long; it speaks every second."""
_spawn = multiprocessing.get_context("spawn")
_decode = msgspec.msgpack.Decoder(AnyResult | Ready | Unusable).decode
_encode = msgspec.msgpack.Encoder().encode


class ProcessWorker:
    """A worker that is a process; `ends` are closed when it has ended."""

    def __init__(self, process: BaseProcess, *ends: Connection | socket.socket) -> None:
        self._process = process
        self._ends = ends

    def stop(self) -> None:
        """See `Worker`."""
        self._process.terminate()

    def kill(self) -> None:
        """See `Worker`."""
        self._process.kill()

    def ended(self) -> str | None:
        """See `Worker`."""
        if self._process.is_alive():
            return None
        self._close()
        return ending(self._process)

    @property
    def alive(self) -> bool:
        """Whether there is such a process."""
        return self._process.is_alive()

    def await_end(self) -> None:
        """Kill it if it still runs, and wait."""
        self._process.kill()
        self._process.join()
        self._close()

    def _close(self) -> None:
        for end in self._ends:
            end.close()


class CaptureWorker(ProcessWorker):
    """The process of a capture; `lifeline` tells when it will speak again."""

    def __init__(self, process: BaseProcess, lifeline: Connection, deadline: float) -> None:
        super().__init__(process, lifeline)
        self._lifeline = lifeline
        self._deadline = deadline

    def overdue(self, now: float) -> bool:
        """See `Worker`."""
        while self._lifeline.poll():
            try:
                (self._deadline,) = capture_process.DEADLINE.unpack(self._lifeline.recv_bytes())
            except EOFError:
                return False
        return now > self._deadline


class DetectionWorker(ProcessWorker):
    """The process of the detector, and the thread that reads what it says.

    Args:
        process: the process.
        orders: where captures are announced; its end is the request to finish.
        results: what it says.
        recorder: takes it.
    """

    def __init__(self, process: BaseProcess, orders: socket.socket, results: Connection, recorder: Recorder) -> None:
        super().__init__(process, orders, results)
        self._orders = orders
        self._results = results
        self._recorder = recorder
        self.ready = False
        self._heard_at = time.monotonic()
        self._fault: BaseException | None = None
        self._stopping = False
        self._reader = threading.Thread(target=self._read, name="results", daemon=True)
        self._reader.start()

    def stop(self) -> None:
        """It ends once it has looked at what the captures left."""
        self._stopping = True
        self._orders.close()

    def ended(self) -> str | None:
        """See `Worker`; faults in what takes the results are raised, as is that there is no detector."""
        if self._reader.is_alive():
            return None
        if self._fault is not None:
            raise self._fault
        return super().ended()

    def overdue(self, now: float) -> bool:
        """See `Worker`; loading a model may take as long as it takes."""
        return self.ready and now - self._heard_at > SILENT_S

    def order(self, order: Order, *descriptors: int) -> None:
        """Tell it; one that has died does not hear, and is soon replaced."""
        try:
            socket.send_fds(self._orders, [_encode(order)], list(descriptors))
        except OSError as error:
            logger.info("the detector's process did not hear", order=type(order).__name__, error=error.strerror)

    def _read(self) -> None:
        try:
            while True:
                self._hear(_decode(self._results.recv_bytes()))
        except EOFError:
            if not self._stopping:
                self._recorder.inference_died()
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that asks how it ended
            self._fault = error

    def _hear(self, result: AnyResult | Ready | Unusable) -> None:
        self._heard_at = time.monotonic()
        match result:
            case Ready(model=model):
                self.ready = True
                logger.info("the detector is ready", model=model)
            case Unusable(why=why):
                self._fault = DetectorError(why)
            case _:
                self._recorder.record(result)


class ProcessHouse:
    """Runs workers in processes. For the main thread: what a thread has started dies with it.

    Args:
        settings: the edge's.
        recorder: takes the results.
        prepare: called first in each process, such as to set up logging; must be picklable.
    """

    def __init__(self, settings: EdgeSettings, recorder: Recorder, prepare: Callable[[], None]) -> None:
        self._settings = settings.model_copy(update={"cameras": ()})  # their passwords are no affair of the detector
        self._recorder = recorder
        self._prepare = prepare
        self._detection: DetectionWorker | None = None
        self._started: list[ProcessWorker] = []

    def start_detection(self) -> DetectionWorker:
        """See `House`."""
        orders, its_orders = channel()
        results, its_results = _spawn.Pipe(duplex=False)
        arguments = self._settings, its_orders, its_results, self._prepare
        process = self._start("detection", inference_process.main, *arguments)
        its_orders.close()
        its_results.close()
        self._detection = DetectionWorker(process, orders, results, self._recorder)
        self._started.append(self._detection)
        return self._detection

    def start_capture(self, camera: CameraSettings) -> CaptureWorker:
        """See `House`."""
        assert self._detection is not None, "the supervisor starts captures for a detector that is ready"
        end, its_end = channel()
        lifeline, its_lifeline = _spawn.Pipe(duplex=False)
        process = self._start(
            f"capture-{camera.id}", capture_process.main, camera, its_end, its_lifeline, self._prepare
        )
        self._detection.order(Open(camera.id), end.fileno())
        for handed_over in (end, its_end, its_lifeline):
            handed_over.close()
        worker = CaptureWorker(process, lifeline, time.monotonic() + START_S)
        self._started = [*(each for each in self._started if each.alive), worker]
        return worker

    def watch(self, camera_id: str, for_s: float) -> None:
        """Have this camera's pictures sent to the recorder for a while."""
        if self._detection is not None:
            self._detection.order(Watch(camera_id, for_s))

    def close(self) -> None:
        """End what still runs."""
        for worker in self._started:
            worker.await_end()

    def _start(self, name: str, main: Callable[..., None], *arguments: Any) -> BaseProcess:
        process = _spawn.Process(target=main, args=arguments, name=name, daemon=True)
        with signals_held():
            process.start()
        return process
