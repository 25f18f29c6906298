"""What every process of the edge does first: it is tied to its parent, and leaves signals to it. What it is for is not known here."""

import ctypes
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess

_PR_SET_PDEATHSIG = 1  # prctl(2)
_OURS = {signal.SIGINT, signal.SIGTERM}


@contextmanager
def signals_held() -> Iterator[None]:
    """A process started in here gets no signal before it has said, by `settle`, what to do with one."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _OURS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def settle(on_terminate: Callable[[], None]) -> None:
    """Die with the parent, however it dies, and take SIGTERM as told; Ctrl-C is the parent's affair.

    The kernel watches the thread that started this process: that must be one that lives as long as its process.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    parent = multiprocessing.parent_process()
    if parent is None or os.getppid() != parent.pid:
        os._exit(1)  # it died before the kernel was told
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: on_terminate())
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _OURS)


def ending(process: BaseProcess) -> str:
    """How a process ended that is not alive, for people; empty for a good end."""
    code = process.exitcode
    if not code:
        return ""
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
