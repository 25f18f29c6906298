"""How long a live reader waits for a schema id it cannot resolve, before it goes on without the record.

It decides and never sleeps. What becomes of a record nobody can read is not known here. Why so long: docs/decisions/0013.
"""

import time
from collections.abc import Callable

from schemas.events import Event
from schemas.registry import RegistryUnavailableError
from schemas.wire import UnknownSchemaError, UnregisteredSchemaError, Wire

# A schema registered a moment ago may be unknown to the registry's other nodes for seconds, not for ever.
REGISTERED_WITHIN_S = 5.0
# Half of what a consumer group waits for its members at a rebalance: who waits here keeps its partitions.
ANSWERS_WITHIN_S = 30.0
# After a wait in vain. Records that name made-up ids must not hold up the others one wait after the other, nor must a
# registry that takes all of its time-out not to answer.
NEXT_QUESTION_AFTER_S = 60.0
NEXT_WAIT_AFTER_S = 120.0


class NotYetError(ConnectionError):
    """The registry may know the schema in a moment: ask again."""


class PatientReader:
    """Decodes the records of one stream, one after the other; for one thread.

    Ids that were resolved once need no registry. Of one that cannot be resolved, waiting ends after `REGISTERED_WITHIN_S` when
    the registry does not know it, and after `ANSWERS_WITHIN_S` when the registry does not answer. After a wait in vain nothing
    is waited for until all could be resolved for `NEXT_WAIT_AFTER_S`, and a registry that is away is asked once in
    `NEXT_QUESTION_AFTER_S`.

    Args:
        wire: reads the records.
        now: seconds of a clock that never goes back.
    """

    def __init__(self, wire: Wire, now: Callable[[], float] = time.monotonic) -> None:
        self._wire = wire
        self._now = now
        self._waiting_since: float | None = None
        self._next_question = self._next_wait = now()

    def decode(self, value: bytes | None) -> Event:
        """The event in a Kafka value.

        Raises:
            NotYetError: call again with the same value, in a second or so.
            UnknownSchemaError: its schema is unknown, and waiting would not help or has not.
            UndecodableError: no frame, or a body that does not fit its schema.
        """
        since, self._waiting_since = self._waiting_since, None
        if not self._wire.knows(value) and self._now() < self._next_question:
            raise UnknownSchemaError("its schema id was never seen here, and the registry is away")
        try:
            return self._wire.decode(value)
        except UnregisteredSchemaError as error:
            self._wait(since, REGISTERED_WITHIN_S, error)
            raise
        except RegistryUnavailableError as error:
            self._wait(since, ANSWERS_WITHIN_S, error)
            self._next_question = self._now() + NEXT_QUESTION_AFTER_S
            raise UnknownSchemaError(f"its schema id was never seen here, and the registry is away: {error}") from error

    def _wait(self, since: float | None, within_s: float, error: Exception) -> None:
        """Return when there was waiting enough.

        Raises:
            NotYetError: there was not.
        """
        now = self._now()
        since = now if since is None else since
        if now >= self._next_wait and now - since < within_s:
            self._waiting_since = since
            raise NotYetError(str(error)) from error
        self._next_wait = now + NEXT_WAIT_AFTER_S
