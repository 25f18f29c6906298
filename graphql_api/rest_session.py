"""Signing in and out over REST, the one part of the API that browsers reach before anybody is known."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from graphql_api.access.gate import INVITATION_PATH, SIGN_IN_PATH, address_of
from graphql_api.access.secrets import LONGEST_PASSWORD
from graphql_api.access.sign_in import Session
from graphql_api.context import Services
from graphql_api.errors import ForbiddenError
from graphql_api.rest_guard import guarded
from graphql_api.rest_models import model_of
from graphql_api.rest_parts import PROBLEM
from graphql_api.users import Viewer, viewer_of

_VIEWER = model_of(Viewer)
_Text = Annotated[str, Field(min_length=1, max_length=LONGEST_PASSWORD)]
_REFUSALS: dict[int | str, dict[str, Any]] = {
    401: {"description": "The address or password is wrong, or nothing was so invited."} | PROBLEM,
    403: {"description": "The request comes from a page of another site, or does not show where it comes from."}
    | PROBLEM,
    429: {"description": "Too many attempts failed."} | PROBLEM,
}


class Credentials(BaseModel):
    """What a person signs in with."""

    model_config = ConfigDict(extra="forbid")
    email: _Text
    password: _Text


class Acceptance(BaseModel):
    """An invitation, and the password its owner chooses."""

    model_config = ConfigDict(extra="forbid")
    invitation: _Text
    password: _Text


class SignedIn(BaseModel):
    """Who has signed in; the session itself is a cookie that no script can read."""

    user_id: str
    expires_at: datetime


def session_router(services: Services) -> APIRouter:
    """The routes of signing in and out."""
    router = APIRouter(responses=_REFUSALS)
    access, judged = services.access, Depends(guarded(services))

    @router.post(SIGN_IN_PATH)
    async def sign_in(request: Request, response: Response, credentials: Credentials) -> SignedIn:
        """Begin a session."""
        _needs_sign_in(services)
        address = address_of(request)
        session = await access.sign_in.by_password(credentials.email, credentials.password, address)
        keep(services, response, session)
        return SignedIn(user_id=session.user_id, expires_at=session.expires_at)

    @router.delete(SIGN_IN_PATH, status_code=204, dependencies=[judged])
    async def sign_out(request: Request) -> Response:
        """End the session in use."""
        await access.sign_in.end(request.state.principal)
        response = Response(status_code=204)
        response.delete_cookie(access.cookie, path="/", secure=services.settings.secure_cookies, httponly=True)
        return response

    @router.post(INVITATION_PATH, status_code=204)
    async def accept(request: Request, acceptance: Acceptance) -> Response:
        """Choose a password with an invitation; sessions begun with an older one end."""
        _needs_sign_in(services)
        await access.sign_in.accept(acceptance.invitation, acceptance.password, address_of(request))
        return Response(status_code=204)

    @router.get("/api/v1/viewer", response_model=_VIEWER, dependencies=[judged])
    async def viewer(request: Request) -> BaseModel:
        """Who is asking, and what they may do."""
        return _VIEWER.model_validate(viewer_of(request.state.principal))

    return router


def keep(services: Services, response: Response, session: Session) -> None:
    """Give the browser the session's token, out of reach of scripts and of other sites."""
    response.set_cookie(
        services.access.cookie,
        session.token,
        max_age=services.settings.session_hours * 3_600,
        path="/",
        secure=services.settings.secure_cookies,
        httponly=True,
        samesite="lax",
    )


def _needs_sign_in(services: Services) -> None:
    if services.settings.access == "open":
        raise ForbiddenError("Nobody signs in here: access is open. Set api.access to required.")
