"""Tells those who hold a socket open when what they were let in with holds no longer: it ended, expired, or allows something else."""

import asyncio
from collections import Counter
from collections.abc import Iterable

from graphql_api.access.principal import Principal
from graphql_api.access.sign_in import principal_of
from graphql_api.database import ReadModel
from graphql_api.errors import ApiError
from graphql_api.sql.access import standing
from graphql_api.wakeup import Wakeup


class AccessChanges:
    """Looks at the sessions and keys of open sockets, all in one query every `poll_s` seconds; belongs to one event loop.

    While the database is away, what held goes on holding until it expires.
    """

    def __init__(self, database: ReadModel, poll_s: float) -> None:
        self._run = database.run
        self._poll_s = poll_s
        self._watched: Counter[Principal] = Counter()
        self._gone: set[Principal] = set()
        self._looked = Wakeup()
        self._task: asyncio.Task[None] | None = None

    async def gone(self, principal: Principal) -> None:
        """Return once `principal`'s session or key has ended or expired, or allows something else; else never."""
        if principal.session_id is None and principal.key_id is None:
            await asyncio.Event().wait()  # nobody signed in here, so nothing ends
        self._watched[principal] += 1
        if self._task is None:
            self._task = asyncio.create_task(self._look_on())
        try:
            while principal not in self._gone:
                await self._looked.wait()
        finally:
            self._leave(principal)

    def _leave(self, principal: Principal) -> None:
        self._watched -= Counter([principal])
        if principal not in self._watched:
            self._gone.discard(principal)
        if not self._watched and self._task:
            self._task.cancel()
            self._task = None

    async def _look_on(self) -> None:
        while True:
            await asyncio.sleep(self._poll_s)
            self._gone |= await self._fallen(list(self._watched))
            self._looked.notify()

    async def _fallen(self, watched: Iterable[Principal]) -> set[Principal]:
        known = set(watched)
        sessions = [each.session_id for each in known if each.session_id]
        keys = [each.key_id for each in known if each.key_id]
        try:
            return known - {principal_of(row) for row in await self._run(standing, sessions, keys)}
        except ApiError:  # counted where it arose; expiry is the database's to judge, which answers later
            return set()
