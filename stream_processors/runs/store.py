"""Runs as rows of `replay_runs`: which worker has which, and how a run goes from one state to the next.

A worker has a run while its session holds the run's advisory lock. A worker that dies loses it with its connection, so that
another one takes the run, whatever state it was left in; no time-out decides. What a run means is not known here.
"""

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias, cast

import msgspec
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class in spite of its name

from schemas.events import Command, CommandRefused, Output, RecordRefused, RunAdopted
from schemas.wire import from_avro
from stream_processors.replay.folding import Said
from stream_processors.replay.plan import Parameters
from stream_processors.replay.shapes import OtherZones
from stream_processors.replay.summary import Summary
from stream_processors.runs import comparison
from stream_processors.runs.database import Session
from stream_processors.runs.run import AbandonedError, Run, State
from stream_processors.runs.sink import Attempt
from stream_processors.runs.summary import RunSummary, Tally, seen, summarised

RESULTS = (
    "run_zone_visits", "run_line_crossings", "run_tracks", "run_zone_minutes", "run_zones", "run_facts",
    "run_hour_differences", "run_visit_differences",
)  # fmt: skip

_WAITING = """
SELECT run_id FROM replay_runs WHERE state IN ('REQUESTED', 'RUNNING', 'ADOPT_REQUESTED', 'DROP_REQUESTED')
ORDER BY updated_at, run_id
"""
_LOCK = "SELECT pg_try_advisory_lock(hashtext('aforo.replay_runs'), hashtext(%s))"
_UNLOCK = "SELECT pg_advisory_unlock(hashtext('aforo.replay_runs'), hashtext(%s))"
_RUN = """
SELECT run_id, state, requested_by, cameras, (extract(epoch FROM range_from) * 1000)::bigint AS range_from,
       (extract(epoch FROM range_to) * 1000)::bigint AS range_to, zones, parameters, summary
FROM replay_runs WHERE run_id = %s
"""
_BEGIN = """
UPDATE replay_runs SET state = 'RUNNING', started_at = clock_timestamp(), updated_at = now(), finished_at = NULL,
    progress = 0, error = NULL, summary = NULL
WHERE run_id = %s AND state IN ('REQUESTED', 'RUNNING') RETURNING started_at
"""
_PROGRESS = """
UPDATE replay_runs SET progress = %s, error = %s, updated_at = now()
WHERE run_id = %s AND state = 'RUNNING' AND started_at = %s
"""
_DONE = """
UPDATE replay_runs SET state = 'DONE', progress = 1, finished_at = now(), updated_at = now(),
    fold_version = %s, digest = %s, approximate = %s, summary = %s
WHERE run_id = %s
"""
_MOVE = "UPDATE replay_runs SET state = %s, error = %s, updated_at = now() WHERE run_id = %s AND state = %s"
_FAILED = """
UPDATE replay_runs SET state = 'FAILED', error = %s, finished_at = now(), updated_at = now()
WHERE run_id = %s AND state = 'RUNNING' AND started_at = %s
"""
_WATERMARKS = """
SELECT camera_id, (extract(epoch FROM last_seen_at) * 1000)::bigint FROM cameras WHERE camera_id = ANY(%s)
"""
_ANSWER = """
SELECT body FROM camera_events
WHERE camera_id = %(camera_id)s AND (command_id = %(command_id)s OR type = 'RecordRefused' AND seq = %(seq)s)
ORDER BY seq, seq_index LIMIT 1
"""
_FACTS = "SELECT record, body FROM run_facts WHERE run_id = %s AND camera_id = %s ORDER BY topic, seq, seq_index"

Answer: TypeAlias = RunAdopted | CommandRefused | RecordRefused


class RunStore:
    """The runs of one installation, for one worker. Every method may raise TransientError: try again later."""

    def __init__(self, database_url: str) -> None:
        self._session = Session(database_url)

    def take(self) -> Run | None:
        """The run that waits longest for something to be done and that no worker has; it is ours until `release`."""
        with self._session.transaction() as cursor:
            cursor.execute(_WAITING)
            for (run_id,) in cursor.fetchall():
                cursor.execute(_LOCK, (run_id,))
                if cursor.fetchone() == (True,):
                    cursor.execute(_RUN, (run_id,))
                    return _run(cursor)
        return None

    def release(self, run: Run) -> None:
        """Let other workers have it."""
        with self._session.transaction() as cursor:
            cursor.execute(_UNLOCK, (run.run_id,))

    def close(self) -> None:
        """Let go of the connection and of whatever run we have."""
        self._session.close()

    def begin(self, run: Run) -> Attempt:
        """Begin a run, or begin it anew: what an earlier try left is gone, and it can leave no more."""
        with self._session.transaction() as cursor:
            cursor.execute(_BEGIN, (run.run_id,))
            if not (began := cursor.fetchone()):
                raise AbandonedError(f"run {run.run_id} is no longer wanted")
            _remove_results(cursor, run)
        return Attempt(run.run_id, *began)

    def progress(self, attempt: Attempt, share: float, error: str | None = None) -> None:
        """Say how much is done, from 0 to 1, and what keeps it from going on.

        Raises:
            AbandonedError: the attempt is over.
        """
        with self._session.transaction() as cursor:
            cursor.execute(_PROGRESS, (share, error, attempt.run_id, attempt.started_at))
            if not cursor.rowcount:
                raise AbandonedError(f"run {attempt.run_id} is no longer ours, or no longer wanted")

    def done(self, attempt: Attempt, run: Run, replay: Summary, ends: dict[int, int]) -> None:
        """Compare the run with what holds now, and show its results."""
        with self._session.transaction() as cursor:
            attempt.check(cursor)
            cameras = seen(replay, run.range_from, run.range_to)
            tally = Tally()
            for camera_id in cameras:
                found = comparison.compare(cursor, run, camera_id)
                comparison.store(cursor, run.run_id, found, tally)
                tally.add(found)
            summary = summarised(replay, cameras, ends, tally)
            told = msgspec.json.encode(summary).decode()
            cursor.execute(_DONE, (summary.fold_version, summary.digest, summary.approximate, told, run.run_id))

    def move(self, run: Run, state: State, error: str | None = None) -> None:
        """Go from the state in which we took the run to another one, unless somebody has changed it meanwhile."""
        with self._session.transaction() as cursor:
            cursor.execute(_MOVE, (state, error, run.run_id, run.state))

    def failed(self, attempt: Attempt, error: str) -> None:
        """Say why a run came to nothing."""
        with self._session.transaction() as cursor:
            cursor.execute(_FAILED, (error, attempt.run_id, attempt.started_at))

    def note(self, run: Run, error: str) -> None:
        """Say what a run is waiting for."""
        self.move(run, run.state, error)

    def drop(self, run: Run) -> None:
        """Remove a run's results; that there was a run stays known."""
        with self._session.transaction() as cursor:
            _remove_results(cursor, run)
            cursor.execute(_MOVE, ("DROPPED", None, run.run_id, run.state))

    def facts(self, run: Run, camera_id: str) -> Iterator[Said]:
        """The facts of a camera as the run said them, topic by topic in their order."""
        with self._session.transaction() as cursor, cursor.connection.cursor("facts") as rows:
            rows.execute(_FACTS, (run.run_id, camera_id))
            for record, body in rows:
                yield Said(cast("Output", from_avro(record, bytes(body))), bytes(body))

    def watermarks(self, cameras: Iterable[str]) -> dict[str, int]:
        """The event time of the last accepted frame of each camera that has one, UTC ms."""
        with self._session.transaction() as cursor:
            cursor.execute(_WATERMARKS, (list(cameras),))
            return {camera_id: at for camera_id, at in cursor.fetchall() if at is not None}

    def answer(self, command: Command, seq: int | None) -> Answer | None:
        """What the camera said to a command, as far as it is projected; `seq` is where it was appended, if it was."""
        asked = {"camera_id": command.camera_id, "command_id": command.command_id, "seq": seq}
        with self._session.transaction() as cursor:
            cursor.execute(_ANSWER, asked)
            found = cursor.fetchone()
        return None if found is None else msgspec.convert(found[0], Answer)


def _remove_results(cursor: Cursor, run: Run) -> None:
    for table in RESULTS:
        cursor.execute(sql.SQL("DELETE FROM {} WHERE run_id = %s").format(sql.Identifier(table)), (run.run_id,))


def _run(cursor: Cursor) -> Run:
    names = [column.name for column in cursor.description or ()]
    row: dict[str, Any] = dict(zip(names, cursor.fetchone() or (), strict=True))
    zones, parameters, summary = (row.pop(name) for name in ("zones", "parameters", "summary"))
    judge_again = parameters.pop("judge_again", False)
    return Run(
        **row | {"cameras": tuple(row["cameras"] or ())},
        zones=msgspec.convert(zones or {}, OtherZones),
        parameters=msgspec.convert(parameters, Parameters),
        judge_again=judge_again,
        summary=None if summary is None else msgspec.convert(summary, RunSummary, strict=False),
    )
