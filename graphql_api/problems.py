"""Errors of the REST routes as problem+json (RFC 9457)."""

from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from graphql_api.errors import ApiError

MEDIA_TYPE = "application/problem+json"


def install(app: FastAPI) -> None:
    """Answer the API's errors and malformed parameters with problem documents."""
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(RequestValidationError, _malformed)


def problem(status: int, code: str, detail: str, **members: object) -> JSONResponse:
    """A problem document; `code` is the stable name of the error."""
    document = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    headers = {"Retry-After": "5"} if status == HTTPStatus.SERVICE_UNAVAILABLE else None
    return JSONResponse(document | {"code": code} | members, status, headers, MEDIA_TYPE)


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
