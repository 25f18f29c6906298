"""How people prove who they are: passwords, invitations and sessions; and what a credential is worth now.

Knows the tables of access through `graphql_api.sql`, and no request.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import ParamSpec, TypeVar

import structlog
from sqlalchemy import RowMapping

from graphql_api.access import secrets
from graphql_api.access.principal import Principal, Scope
from graphql_api.database import ReadModel
from graphql_api.errors import (
    BadInputError,
    QueryTimeoutError,
    ServiceUnavailableError,
    TooManyAttemptsError,
    UnauthenticatedError,
)
from graphql_api.metrics import SIGN_INS
from graphql_api.settings import ApiSettings
from graphql_api.sql import access as sql
from graphql_api.sql import access_changes as changes
from graphql_api.sql.access_changes import Entry

P = ParamSpec("P")
T = TypeVar("T")
_HASHING_AT_ONCE = 2
_RETRY_S = 2.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Session:
    """A session that has just begun; its token is shown this once."""

    token: str
    user_id: str
    expires_at: datetime


class SignIn:
    """Judges passwords, invitations, tokens and keys against the database."""

    def __init__(self, settings: ApiSettings, database: ReadModel) -> None:
        self._settings = settings
        self._run = database.run
        self._hashing = asyncio.Semaphore(_HASHING_AT_ONCE)

    async def of_session(self, token: str) -> Principal:
        """Who holds the session with this token.

        Raises:
            UnauthenticatedError: it does not hold, or not any more.
        """
        row = await self._run(sql.session_of, secrets.digest(token))
        if row is None:
            raise UnauthenticatedError("The session has ended. Sign in again.")
        return principal_of(row)

    async def of_key(self, text: str) -> Principal:
        """Whom this API key stands for, with what the key allows of what its owner may.

        Raises:
            UnauthenticatedError: it does not hold, or not any more.
        """
        key = secrets.parsed_api_key(text)
        row = await self._run(sql.key_of, key.key_id) if key else None
        if key is None or row is None or not secrets.is_secret(key.secret, row["secret_hash"]):
            raise UnauthenticatedError("The API key is unknown, revoked or expired. Ask an administrator for another.")
        return principal_of(row)

    async def by_password(self, email: str, password: str, address: str) -> Session:
        """A session for who knows the password; `address` is the network address it is asked from.

        Raises:
            TooManyAttemptsError: too many have failed of late, this one not even looked at.
            UnauthenticatedError: there is no such account, or the password is another.
        """
        account = secrets.digest(email.lower())
        attempt = await self._run(sql.attempt, account, address)
        await self._throttle(account, address)
        row = await self._run(sql.password_of, email)
        kept = row["password_hash"] if row else None
        if not await self._slowly(secrets.is_password, password[: secrets.LONGEST_PASSWORD], kept) or row is None:
            SIGN_INS.labels("refused").inc()
            raise UnauthenticatedError("The address or the password is wrong.")
        await self._run(sql.succeeded, attempt)
        return await self.begin(row["user_id"], "password")

    async def begin(self, user_id: str, how: str) -> Session:
        """A session for this user, whose identity was just proved."""
        token, session_id = secrets.new_token(), secrets.new_id()
        entry = Entry(
            actor=user_id, action="session.begin", subject=user_id, details={"session": session_id, "how": how}
        )
        lifetime_s = self._settings.session_hours * 3_600
        ends = await self._run(changes.begin_session, entry, session_id, secrets.digest(token), lifetime_s)
        SIGN_INS.labels("accepted").inc()
        return Session(token, user_id, ends)

    async def end(self, principal: Principal) -> None:
        """End the session in use."""
        if principal.session_id is not None:
            entry = Entry(
                actor=principal.user_id,
                action="session.end",
                subject=principal.user_id,
                details={"session": principal.session_id},
            )
            await self._run(changes.end_session, entry, principal.session_id)

    async def accept(self, invitation: str, password: str, address: str) -> str:
        """Give the invited user a password; returns the user's id.

        Raises:
            BadInputError: the password is too short or too long.
            UnauthenticatedError: there is no such invitation, or not any more.
        """
        check_password(password)
        token = secrets.digest(invitation)
        attempt = await self._run(sql.attempt, token, address)
        await self._throttle(token, address)
        user_id = await self._run(
            changes.accept_invitation, token, await self._slowly(secrets.hashed_password, password)
        )
        if user_id is None:
            raise UnauthenticatedError("The invitation is unknown, used or older than a day. Ask for another.")
        await self._run(sql.succeeded, attempt)
        return user_id

    async def bootstrap(self) -> None:
        """Make the administrator that the settings name, when there is no user yet.

        Raises:
            BadInputError: the password is too short or too long.
        """
        email, password = self._settings.bootstrap_email, self._settings.bootstrap_password.get_secret_value()
        if not email or not await self._run(sql.no_users):
            return
        check_password(password)
        kept = await self._slowly(secrets.hashed_password, password)
        unused = secrets.digest(secrets.new_token())
        await self._run(changes.first_administrator, email, secrets.new_id(), unused, kept)

    async def bootstrap_when_it_can(self) -> None:
        """As `bootstrap`, once the database is there; what is wrong with the settings is logged."""
        while True:
            try:
                await self.bootstrap()
            except (ServiceUnavailableError, QueryTimeoutError):
                await asyncio.sleep(_RETRY_S)
            except BadInputError as error:
                log.error("the first administrator was not made", setting="api.bootstrap_password", reason=str(error))  # noqa: TRY400 - no fault of the code
                return
            else:
                return

    async def _throttle(self, account: bytes, address: str) -> None:
        settings = self._settings
        failed = await self._run(sql.failures, account, address, settings.throttle_window_s)
        if failed["of_account"] > settings.throttle_account or failed["of_address"] > settings.throttle_address:
            SIGN_INS.labels("throttled").inc()
            wait_s = settings.throttle_window_s
            message = f"Too many attempts failed. Try again in {wait_s} seconds."
            raise TooManyAttemptsError(message, retry_after_s=wait_s)

    async def _slowly(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Hashing takes 64 MiB each: not many at once, and not in the event loop."""
        async with self._hashing:
            return await asyncio.to_thread(function, *args, **kwargs)


def principal_of(row: RowMapping) -> Principal:
    """Whom a row of a session or of a key stands for."""
    scope = Scope.of(row["grants"])
    if row["limits"] is not None:
        scope = scope.within(Scope.of(row["limits"]))
    return Principal(row["user_id"], scope, row["expires_at"], row["session_id"], row["key_id"])


def check_password(password: str) -> None:
    """Return when it can be a password.

    Raises:
        BadInputError: it is too short or too long.
    """
    if not secrets.SHORTEST_PASSWORD <= len(password) <= secrets.LONGEST_PASSWORD:
        raise BadInputError(f"A password has {secrets.SHORTEST_PASSWORD} to {secrets.LONGEST_PASSWORD} characters.")
