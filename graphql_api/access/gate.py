"""The one way in: finds out who sends a request before any route sees it, and ends what stays open when access does.

A browser proves itself by a cookie, so its requests must also show that they come from a page of ours; programs send
`Authorization: Bearer` with an API key. What is public is listed here; everything else needs somebody.
"""

import asyncio
from typing import cast

from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as AsgiScope

from graphql_api.access.changes import AccessChanges
from graphql_api.access.principal import NOBODY, OPEN, Principal
from graphql_api.access.sign_in import SignIn
from graphql_api.errors import ApiError, ForbiddenError, UnauthenticatedError
from graphql_api.metrics import ACCESS_REFUSED
from graphql_api.problems import problem
from graphql_api.settings import ApiSettings

CSRF_HEADER = "x-aforo-csrf"
SIGN_IN_PATH = "/api/v1/session"
INVITATION_PATH = "/api/v1/invitations/accepted"
PUBLIC = {
    ("GET", "/livez"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
    ("GET", "/api/openapi.json"),
    ("POST", SIGN_IN_PATH),
    ("POST", INVITATION_PATH),
}
STREAMS = "/graphql/stream"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_FORBIDDEN = 4403


class Access:
    """What of access the routes of one process share."""

    def __init__(self, settings: ApiSettings, sign_in: SignIn, changes: AccessChanges) -> None:
        self.settings = settings
        self.sign_in = sign_in
        self.changes = changes

    @property
    def cookie(self) -> str:
        """The name of the session's cookie; with the prefix, browsers keep it to this host and to https."""
        return "__Host-aforo" if self.settings.secure_cookies else "aforo"

    async def principal(self, connection: HTTPConnection) -> Principal:
        """Who sends this.

        Raises:
            UnauthenticatedError: nobody is named, or what names them does not hold.
            ForbiddenError: a browser sends it, and not from a page of ours.
        """
        if self.settings.access == "open":
            return OPEN
        if authorization := connection.headers.get("authorization"):
            return await self.bearer(authorization)
        if token := connection.cookies.get(self.cookie):
            self.check_origin(connection)
            return await self.sign_in.of_session(token)
        raise UnauthenticatedError(
            "Sign in with POST /api/v1/session, or send an API key: Authorization: Bearer aforo_…"
        )

    async def bearer(self, authorization: str) -> Principal:
        """Whose key this is.

        Raises:
            UnauthenticatedError: it is no key, or holds no longer.
        """
        if self.settings.access == "open":
            return OPEN
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise UnauthenticatedError("Send the API key as `Bearer aforo_…`.")
        return await self.sign_in.of_key(key.strip())

    def check_origin(self, connection: HTTPConnection) -> None:
        """Return when a request that changes something, or a socket, comes from a page of ours.

        Raises:
            ForbiddenError: it comes from elsewhere, or does not show where it comes from.
        """
        method = connection.scope.get("method", "")
        if method in _SAFE:
            return
        origin = connection.headers.get("origin")
        own = connection.headers.get("host")
        if origin is not None and origin.partition("://")[2] != own and origin not in self.settings.allowed_origins:
            raise ForbiddenError("The request comes from a page of another site.")
        if method and CSRF_HEADER not in connection.headers:
            raise ForbiddenError(f"Send the header {CSRF_HEADER}: 1, which pages of other sites cannot.")


class Gate:
    """An ASGI middleware: puts the principal into the request's state, or answers 401 or 403 itself."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Let the request in, or answer it."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        try:
            connection.state.principal = await self._principal(connection)
        except ApiError as error:
            await self._refuse(error, scope, receive, send)
            return
        if scope["type"] == "websocket":
            await self._while_it_holds(connection, receive, send, _Closing)
        elif scope["path"] == STREAMS:
            await self._while_it_holds(connection, receive, send, _Ending)
        else:
            await self._app(scope, receive, send)

    async def _principal(self, connection: HTTPConnection) -> Principal:
        scope = connection.scope
        if (scope.get("method"), scope["path"]) in PUBLIC:
            if self._access.settings.access == "required":
                self._access.check_origin(connection)
            return NOBODY
        try:
            return await self._access.principal(connection)
        except UnauthenticatedError:
            if scope["type"] == "http" or connection.headers.get("authorization"):
                raise
            return NOBODY  # a browser's socket may name a key once it is open

    async def _refuse(self, error: ApiError, scope: AsgiScope, receive: Receive, send: Send) -> None:
        ACCESS_REFUSED.labels(error.code).inc()
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": _FORBIDDEN})
            return
        answer = problem(error.status, error.code, str(error))
        if error.status == UnauthenticatedError.status:
            answer.headers["WWW-Authenticate"] = "Bearer"
        await answer(scope, receive, send)

    async def _while_it_holds(
        self, connection: HTTPConnection, receive: Receive, send: Send, last: "type[_Closing]"
    ) -> None:
        outlet = last(send, connection)
        connection.state.identified = identified = asyncio.get_running_loop().create_future()
        if connection.state.principal is not NOBODY:
            identified.set_result(connection.state.principal)
        serving = asyncio.ensure_future(self._app(connection.scope, receive, outlet.send))
        watching = asyncio.create_task(self._until_gone(identified))
        try:
            await asyncio.wait({serving, watching}, return_when=asyncio.FIRST_COMPLETED)
            if not serving.done():
                await outlet.end()
                if isinstance(outlet, _Ending):
                    serving.cancel()
            await asyncio.gather(serving, return_exceptions=outlet.ended)
        finally:
            watching.cancel()
            serving.cancel()

    async def _until_gone(self, identified: "asyncio.Future[Principal]") -> None:
        principal = await identified
        await self._access.changes.gone(principal)


class _Closing:
    """A socket's way out, which says 4403 when access ends and lets nothing through after."""

    def __init__(self, send: Send, connection: HTTPConnection) -> None:
        self._send = send
        self._state = connection.state
        self.ended = False

    async def send(self, message: Message) -> None:
        if message["type"] == "websocket.close":
            message = {**message, "code": getattr(self._state, "close_code", message.get("code", 1000))}
        if not self.ended:
            await self._send(message)

    async def end(self) -> None:
        self.ended = True
        await self._send({"type": "websocket.close", "code": _FORBIDDEN, "reason": "Access has ended."})


class _Ending(_Closing):
    """A stream's way out over HTTP, which just ends."""

    async def end(self) -> None:
        self.ended = True
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})


async def identify(access: Access, request: HTTPConnection, parameters: object) -> Principal:
    """Who opened a socket: the cookie's or the header's owner, else the key in `connection_init`'s `authorization`.

    Raises:
        UnauthenticatedError: nobody is named, or what names them does not hold.
    """
    if request.state.principal is not NOBODY:
        return cast("Principal", request.state.principal)
    named = parameters.get("authorization") if isinstance(parameters, dict) else None
    if not isinstance(named, str):
        raise UnauthenticatedError("Sign in first, or give an API key as `authorization` in connection_init.")
    principal = await access.bearer(named)
    request.state.principal = principal
    request.state.identified.set_result(principal)
    return principal


def address_of(request: Request) -> str:
    """The network address that a request comes from, as the server knows it."""
    return request.client.host if request.client else "unknown"
