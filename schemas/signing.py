"""Signatures on what may change a camera's numbers: Ed25519 (RFC 8032) over camera, expiry and body, in record headers.

Edges write frames to the same log with the same Kafka rights; without a key they cannot write commands. The command id is
part of the body. Expiry is judged against the record's append time, which is in the log, so every reader judges alike.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

KEY_ID, EXPIRES_AT, SIGNATURE = "aforo-key-id", "aforo-expires-at", "aforo-signature"
Headers = list[tuple[str, bytes]]
_CONTEXT = b"aforo command 1"
VALID_FOR_MS = 60_000


class UnsignedError(ValueError):
    """No signature of a trusted key covers the record."""


class ExpiredError(ValueError):
    """The signature is good, but the record was appended after its expiry."""


def key_id_of(public_key: Ed25519PublicKey) -> str:
    """A short name of a public key: the beginning of its SHA-256."""
    return hashlib.sha256(public_key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs records with one private key."""

    key: Ed25519PrivateKey = field(repr=False)

    @property
    def key_id(self) -> str:
        """Name of the public key that verifies what this signer signs."""
        return key_id_of(self.key.public_key())

    def headers(self, camera_id: str, body: bytes, expires_at: int) -> Headers:
        """The headers that make `body` a signed record of `camera_id` until `expires_at` (UTC ms)."""
        signature = self.key.sign(_message(camera_id, expires_at, body))
        return [
            (KEY_ID, self.key_id.encode()),
            (EXPIRES_AT, str(expires_at).encode()),
            (SIGNATURE, signature),
        ]


@dataclass(frozen=True, slots=True)
class Verifier:
    """Checks records against the public keys an installation trusts, old ones included."""

    keys: Mapping[str, Ed25519PublicKey]

    def check(self, camera_id: str, body: bytes, headers: Iterable[tuple[str, bytes]], appended_at: int) -> None:
        """Return when a trusted key signed `body` for `camera_id` and it had not expired when appended (UTC ms).

        Raises:
            UnsignedError: a header is missing, the key is not trusted, or the signature does not fit.
            ExpiredError: appended after its expiry.
        """
        named = dict(headers)
        key = self.keys.get(named.get(KEY_ID, b"").decode("ascii", "replace"))
        if key is None:
            raise UnsignedError("no trusted key is named; sign commands with the installation's signing key")
        expires_at = named.get(EXPIRES_AT, b"").decode("ascii", "replace")
        if not expires_at.isdecimal():
            raise UnsignedError(f"header {EXPIRES_AT} must be UTC milliseconds")
        try:
            key.verify(named.get(SIGNATURE, b""), _message(camera_id, int(expires_at), body))
        except InvalidSignature as error:
            raise UnsignedError("the signature does not fit camera, expiry and body") from error
        if appended_at > int(expires_at):
            raise ExpiredError(f"appended {appended_at - int(expires_at)} ms after its expiry")


def load_signer(path: Path) -> Signer:
    """The signer whose PEM private key is at `path`; a new key is made there when the file does not exist."""
    if not path.exists():
        _write_new_key(path)
    key = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError(f"{path} holds no Ed25519 private key; remove it to have a new one made")
    return Signer(key)


def load_verifier(folder: Path) -> Verifier:
    """A verifier that trusts every `*.pem` public key in `folder`."""
    keys = [load_pem_public_key(path.read_bytes()) for path in sorted(folder.glob("*.pem"))]
    return Verifier({key_id_of(key): key for key in keys if isinstance(key, Ed25519PublicKey)})


def trust(signer: Signer, folder: Path) -> None:
    """Put the signer's public key among the trusted ones."""
    folder.mkdir(parents=True, exist_ok=True)
    pem = signer.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (folder / f"{signer.key_id}.pem").write_bytes(pem)


def _write_new_key(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.touch(mode=0o600)
    path.write_bytes(pem)


def _message(camera_id: str, expires_at: int, body: bytes) -> bytes:
    camera = camera_id.encode()
    return b"%s\0%d\0%d\0%s%s" % (_CONTEXT, expires_at, len(camera), camera, body)
