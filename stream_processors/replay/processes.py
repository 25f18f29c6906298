"""Tasks side by side in processes of their own, that end with whoever asked for them. What the tasks do is not known here."""

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Protocol, TypeVar

from stream_processors.replay.errors import InterruptedReplayError
from stream_processors.replay.sinks import Progress

Result = TypeVar("Result")
Result_co = TypeVar("Result_co", covariant=True)
Tell = Callable[[int, int], None]  # how many a task has done of how many; raises when it must end
_LOOK_AGAIN_S = 0.2
_ASK_AGAIN_AFTER = 256  # times told, before a process looks whether anybody is waiting for it

_TOLD: list[Any] = []  # in a process of a pool: one array with done and all of each task, and whether to stop


class Task(Protocol[Result_co]):
    """Something to do; it is pickled to get to its process."""

    def __call__(self, tell: Tell, /) -> Result_co:
        """Do it."""
        ...


def one_by_one(tasks: Sequence[Task[Result]], progress: Progress) -> list[Result]:
    """The tasks' results, done in this process."""
    told = [(0, 0)] * len(tasks)

    def run(number: int) -> Result:
        def tell(done: int, total: int) -> None:
            told[number] = done, total
            progress(sum(each for each, _ in told), sum(each for _, each in told))

        return tasks[number](tell)

    return [run(number) for number in range(len(tasks))]


def in_processes(jobs: int, tasks: Sequence[Task[Result]], progress: Progress) -> list[Result]:
    """The tasks' results, `jobs` of them at a time done in processes of their own.

    Raises:
        InterruptedReplayError: a process died.
    """
    context = multiprocessing.get_context("spawn")
    told = context.Array("q", 2 * len(tasks) + 1, lock=False)
    with ProcessPoolExecutor(jobs, context, initializer=_be_told, initargs=(told,)) as pool:
        try:
            waiting = [pool.submit(_run, number, task) for number, task in enumerate(tasks)]
            return _results(waiting, lambda: progress(sum(told[0:-1:2]), sum(told[1:-1:2])))
        except BrokenProcessPool as error:
            raise InterruptedReplayError("a process of the replay died; start it again and it goes on") from error
        finally:
            told[-1] = True  # whoever is still at work has nobody to work for
            pool.shutdown(cancel_futures=True)


def _results(futures: Sequence[Future[Result]], look: Callable[[], None]) -> list[Result]:
    waiting: Any = futures
    while waiting:
        done, waiting = wait(waiting, _LOOK_AGAIN_S, FIRST_EXCEPTION)
        look()
        for each in done:
            each.result()
    return [each.result() for each in futures]


def _be_told(told: Any) -> None:
    _TOLD.append(told)


def _run(number: int, task: Task[Result]) -> Result:
    (told,) = _TOLD
    times = 0

    def tell(done: int, total: int) -> None:
        nonlocal times
        times += 1
        told[2 * number], told[2 * number + 1] = done, total
        if told[-1] or (not times % _ASK_AGAIN_AFTER and _is_orphan()):
            raise InterruptedReplayError("the replay was ended")

    return task(tell)


def _is_orphan() -> bool:
    parent = multiprocessing.parent_process()
    return parent is not None and not parent.is_alive()
