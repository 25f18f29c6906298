"""Whose budget a request is paid from: the key's, else the person's, else that of the address it comes from."""

from starlette.requests import HTTPConnection

from graphql_api.access.principal import NOBODY, OPEN, Principal


def caller_of(principal: Principal, connection: HTTPConnection | None) -> str:
    """A name for who asks."""
    if principal.user_id not in {NOBODY.user_id, OPEN.user_id}:
        return f"key {principal.key_id}" if principal.key_id else f"user {principal.user_id}"
    client = connection.client if connection else None
    return f"address {client.host}" if client else "unknown"
