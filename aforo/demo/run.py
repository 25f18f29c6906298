"""`aforo demo`: sets everything up, shows the live table, and says at the end whether everything flowed."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from confluent_kafka import KafkaException
from httpx import HTTPError
from rich.console import Console, RenderableType
from rich.live import Live
from sqlalchemy.exc import SQLAlchemyError

from aforo.audit import Account
from aforo.demo import table
from aforo.demo.scene import SCENES
from aforo.demo.session import Session, SessionError, settings_of_its_own
from aforo.demo.viewer import QueryError
from aforo.lag import Lag
from aforo.settings import Settings
from infra.local.footage import vtest
from infra.local.tools import ensure_tools

REFRESH_S = 1.0
SAY_EVERY_S = 10.0
FIRST_TRACK_WITHIN_S = 60.0
MINIMUM_SECONDS = 75
EXAMPLE = """curl -s {base}/graphql -H 'content-type: application/json' \\
  -d '{{"query":"{{ cameras {{ nodes {{ name status lastSeenAt zones {{ name kind }} }} }} }}"}}'"""


@dataclass(slots=True)
class _Watch:
    """The latest of everything that the table shows."""

    session: Session
    since: datetime
    figures: table.Figures = field(default_factory=table.Figures)
    lag: Lag = field(default_factory=lambda: Lag(0, 0))
    stale: str = ""  # why the figures could not be had the last time

    def refresh(self) -> None:
        """Ask again; what cannot be asked just now stays as it was, and the table says why."""
        self.stale = ""
        try:
            self.figures = table.ask(self.session.api, self.since)
            self.lag = self.session.lag()
        except (HTTPError, QueryError, KafkaException, SQLAlchemyError) as error:
            self.stale = f"{type(error).__name__}: {error}"

    def render(self) -> RenderableType:
        """The table as it stands."""
        seen = {camera: viewer.seen for camera, viewer in self.session.viewers.items()}
        return table.render(seen, self.figures, self.lag, self.stale)

    @property
    def first_track_at(self) -> float | None:
        """When the first person was on a client's screen (time.monotonic)."""
        moments = [viewer.seen.first_track_at for viewer in self.session.viewers.values()]
        return min((each for each in moments if each is not None), default=None)


def run(settings: Settings, console: Console, seconds: int | None, began: float) -> list[str]:
    """Run the demo until Ctrl-C, or until `seconds` after the first live track; returns what did not flow."""
    ensure_tools(install=True, progress=console.print)
    footage = vtest(settings.local.cache_dir, settings.local.debian_mirror)
    cameras = [{"id": camera, "source": str(footage), "loop": True} for camera in SCENES]
    session = Session(settings_of_its_own(settings, cameras), SCENES)
    with _until_stopped() as stopped:
        try:
            session.start(console.print)
            watch = _Watch(session, datetime.now(UTC))
            faults = _watch(watch, console, seconds, began, stopped)
            account = session.finish(console.print)
            watch.refresh()
            console.print(watch.render())
            console.print(_account(account))
            return [*faults, *_missing(watch, account)]
        except SessionError as error:
            return [str(error)]
        finally:
            session.stop()


def _watch(
    watch: _Watch, console: Console, seconds: int | None, began: float, stopped: Callable[[], bool]
) -> list[str]:
    """Show the table until the end; returns processes that crashed meanwhile."""
    _await_first_track(watch, console, began, stopped)
    base = watch.session.api.base
    console.print(f"\nGraphQL  {base}/graphql\nREST     {base}/api/v1/tracking/current\ntry this:\n")
    console.print(EXAMPLE.format(base=base) + "\n", soft_wrap=True)
    ends_at = None if seconds is None else time.monotonic() + seconds
    with _live(console) as show:
        while not stopped() and (ends_at is None or time.monotonic() < ends_at):
            if ended := watch.session.children.ended():
                return [f"the process {name} crashed with status {status}" for name, status in ended.items()]
            watch.refresh()
            show(watch.render())
            time.sleep(REFRESH_S)
    return []


def _await_first_track(watch: _Watch, console: Console, began: float, stopped: Callable[[], bool]) -> None:
    deadline = time.monotonic() + FIRST_TRACK_WITHIN_S
    while watch.first_track_at is None and not stopped():
        if time.monotonic() > deadline:
            raise SessionError(
                f"no person on any screen within {FIRST_TRACK_WITHIN_S:.0f} s; see the logs of edge and cameras"
            )
        time.sleep(0.1)
    if watch.first_track_at is not None:
        console.print(f"first live track {watch.first_track_at - began:.1f} s after the start")


def _account(account: Account) -> str:
    refused = ", ".join(f"{count} {reason}" for reason, count in sorted(account.refused.items())) or "none"
    return (
        f"log: {account.read} records read, {account.frames} frames = {account.folded} folded + refused: {refused}\n"
        f"outputs: {account.outputs}, contradictory {account.contradictory}, lost {account.lost}, "
        f"repeated {account.duplicates}, dead letters {account.dead_letters}\n"
        f"database: {account.visits} visits and {account.minutes} minutes as folded, {account.wrong_rows} wrong rows"
    )


def _missing(watch: _Watch, account: Account) -> list[str]:
    """What a demo that flowed must have shown."""
    silent = [camera for camera, viewer in watch.session.viewers.items() if viewer.seen.first_track_at is None]
    faults = [f"no tracks from {camera}" for camera in silent] + account.faults
    if watch.stale:
        faults.append(f"the figures could not be had: {watch.stale}")
    if not account.minutes:
        faults.append("no minute was closed")
    if account.dead_letters:
        faults.append(f"{account.dead_letters} dead letters")
    return faults


@contextmanager
def _live(console: Console) -> Iterator[Callable[[RenderableType], None]]:
    """A table that is redrawn on a terminal, and printed now and then elsewhere."""
    if console.is_terminal:
        with Live(console=console, auto_refresh=False, screen=False) as live:
            yield lambda shown: live.update(shown, refresh=True)
        return
    said_at = time.monotonic()

    def say(shown: RenderableType) -> None:
        nonlocal said_at
        if time.monotonic() - said_at >= SAY_EVERY_S:
            said_at = time.monotonic()
            console.print(shown)

    yield say


@contextmanager
def _until_stopped() -> Iterator[Callable[[], bool]]:
    """Turn Ctrl-C and SIGTERM into a question; a second Ctrl-C is Python's own."""
    asked: list[int] = []

    def note(number: int, _frame: object) -> None:
        asked.append(number)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
