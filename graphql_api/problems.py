"""Errors of the REST routes as problem+json (RFC 9457)."""

from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from graphql_api.errors import ApiError

MEDIA_TYPE = "application/problem+json"
_RETRY_AFTER_S = {HTTPStatus.SERVICE_UNAVAILABLE: 5, HTTPStatus.TOO_MANY_REQUESTS: 1}
_BODY_TOO_LARGE = 413


def install(app: FastAPI) -> None:
    """Answer the API's errors, malformed parameters and the framework's own refusals with problem documents."""
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _malformed)


def problem(status: int, code: str, detail: str, **members: object) -> JSONResponse:
    """A problem document; `code` is the stable name of the error."""
    document = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    wait_s = members.get("retry_after_s", _RETRY_AFTER_S.get(HTTPStatus(status)))
    headers = None if wait_s is None else {"Retry-After": str(wait_s)}
    return JSONResponse(document | {"code": code} | members, status, headers, MEDIA_TYPE)


def http_problem(error: HTTPException) -> JSONResponse:
    """A refusal of the framework's own, such as of an unknown route, as a problem document."""
    code = "BODY_TOO_LARGE" if error.status_code == _BODY_TOO_LARGE else HTTPStatus(error.status_code).name
    answer = problem(error.status_code, code, error.detail)
    answer.headers.update(error.headers or {})
    return answer


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    del request
    assert isinstance(error, HTTPException)
    return http_problem(error)


async def _api_error(request: Request, error: Exception) -> JSONResponse:
    del request
    assert isinstance(error, ApiError)
    details = {name: value for name, value in error.extensions.items() if name != "code"}
    return problem(error.status, error.code, str(error), **details)


async def _malformed(request: Request, error: Exception) -> JSONResponse:
    del request
    assert isinstance(error, RequestValidationError)
    faults = [{"parameter": ".".join(map(str, fault["loc"][1:])), "message": fault["msg"]} for fault in error.errors()]
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "BAD_INPUT", "The parameters cannot be read.", faults=faults)
