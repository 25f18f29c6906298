"""Secrets: how they are made, what is kept of them, and how they are compared. Knows no database and no request.

Tokens and keys have 256 random bits, so a plain hash protects them; passwords are people's own and get Argon2id (RFC 9106).
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 1_000
_KEY = "aforo"
_HASHER = PasswordHasher()


@dataclass(frozen=True, slots=True)
class ApiKey:
    """The two parts of an API key: a name that may be seen, and a secret."""

    key_id: str
    secret: str

    def __str__(self) -> str:
        return f"{_KEY}_{self.key_id}_{self.secret}"

    def __repr__(self) -> str:
        return f"ApiKey({self.key_id!r})"


def new_token() -> str:
    """A token that nobody guesses."""
    return secrets.token_urlsafe(32)


def new_id() -> str:
    """A name that says nothing and is nobody else's."""
    return secrets.token_hex(8)


def new_api_key() -> ApiKey:
    """A key that nobody guesses."""
    return ApiKey(new_id(), secrets.token_hex(32))


def parsed_api_key(text: str) -> ApiKey | None:
    """The key in this text; None when it is none."""
    match text.split("_"):
        case [prefix, key_id, secret] if prefix == _KEY and key_id and secret:
            return ApiKey(key_id, secret)
    return None


def digest(token: str) -> bytes:
    """What is kept of a token or a key's secret."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def is_secret(token: str, kept: bytes) -> bool:
    """Whether this was kept of that; how long the comparison takes says nothing."""
    return hmac.compare_digest(digest(token), bytes(kept))


def hashed_password(password: str) -> str:
    """What is kept of a password; takes some tenths of a second and 64 MiB."""
    return _HASHER.hash(password)


def is_password(password: str, kept: str | None) -> bool:
    """Whether this was kept of that; as slow when nothing was kept, so that time does not tell who has an account."""
    try:
        return _HASHER.verify(kept or _NOBODYS, password) and kept is not None
    except (VerificationError, InvalidHashError):
        return False


# Of no password: the hash in it belongs to random bytes that were thrown away.
_NOBODYS = _HASHER.hash(secrets.token_bytes(32))
