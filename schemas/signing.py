"""Signatures on what may change a camera's numbers: Ed25519 (RFC 8032) over camera, expiry and body, in record headers.

Edges write frames to the same log with the same Kafka rights; without a key they cannot write commands. The command id is
part of the body. Expiry is judged against the record's append time, which is in the log, so every reader judges alike.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
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
_LONGEST_TIME = 19
_KEY_ID = re.compile("[0-9a-f]{16}")


class UnsignedError(ValueError):
    """No signature of a trusted key covers the record."""


class ExpiredError(ValueError):
    """The signature is good, but the record was appended after its expiry."""


class KeyFileError(ValueError):
    """A key file holds no key that can be used; the message names it."""


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
    """Checks records against the public keys an installation trusts, old ones included.

    With `folder`, a key that was put there later is found when a record names it: a new signing key needs no restart.
    """

    keys: Mapping[str, Ed25519PublicKey]
    folder: Path | None = None

    def check(self, camera_id: str, body: bytes, headers: Iterable[tuple[str, bytes | None]], appended_at: int) -> None:
        """Return when a trusted key signed `body` for `camera_id` and it had not expired when appended (UTC ms).

        Raises:
            UnsignedError: a header is missing, the key is not trusted, or the signature does not fit.
            ExpiredError: appended after its expiry.
        """
        named = {name: value or b"" for name, value in headers}
        key = self._key(named.get(KEY_ID, b"").decode("ascii", "replace"))
        if key is None:
            raise UnsignedError("no trusted key is named; sign commands with the installation's signing key")
        digits = named.get(EXPIRES_AT, b"")
        if not digits.isdigit() or len(digits) > _LONGEST_TIME:
            raise UnsignedError(f"header {EXPIRES_AT} must be UTC milliseconds")
        expires_at = int(digits)
        try:
            key.verify(named.get(SIGNATURE, b""), _message(camera_id, expires_at, body))
        except InvalidSignature as error:
            raise UnsignedError("the signature does not fit camera, expiry and body") from error
        if appended_at > expires_at:
            raise ExpiredError(f"appended {appended_at - expires_at} ms after its expiry")

    def _key(self, key_id: str) -> Ed25519PublicKey | None:
        if key_id in self.keys or self.folder is None or not _KEY_ID.fullmatch(key_id):
            return self.keys.get(key_id)
        with suppress(FileNotFoundError, KeyFileError):
            key = _public_key(self.folder / f"{key_id}.pem")
            return key if key_id_of(key) == key_id else None
        return None


def load_signer(path: Path) -> Signer:
    """The signer whose PEM private key is at `path`; a new key is made there when the file does not exist.

    Raises:
        KeyFileError: the file holds something else.
    """
    if not path.exists():
        _place(path, _private_pem(Ed25519PrivateKey.generate()), mode=0o600)
    with suppress(ValueError, TypeError, UnsupportedAlgorithm):
        key = load_pem_private_key(path.read_bytes(), password=None)
        if isinstance(key, Ed25519PrivateKey):
            return Signer(key)
    raise KeyFileError(f"{path} holds no Ed25519 private key (unencrypted PEM); move it away to have a new one made")


def load_verifier(folder: Path) -> Verifier:
    """A verifier that trusts every `*.pem` public key in `folder`.

    Raises:
        KeyFileError: one of the files holds something else.
    """
    keys = [_public_key(path) for path in sorted(folder.glob("*.pem"))]
    return Verifier({key_id_of(key): key for key in keys}, folder)


def rotate(path: Path, folder: Path) -> Signer:
    """Put a new private key in the place of the one at `path`, once its public key is trusted; old public keys stay.

    Whoever loaded the old private key goes on signing with it, and is trusted, until it loads the new one.
    """
    made = Signer(Ed25519PrivateKey.generate())
    trust(made, folder)
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    _place(draft, _private_pem(made.key), mode=0o600)
    draft.replace(path)
    return made


def trust(signer: Signer, folder: Path) -> None:
    """Put the signer's public key among the trusted ones."""
    pem = signer.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    path = folder / f"{signer.key_id}.pem"
    if not path.exists():
        _place(path, pem, mode=0o644)


def _private_pem(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _public_key(path: Path) -> Ed25519PublicKey:
    with suppress(ValueError, UnsupportedAlgorithm):
        key = load_pem_public_key(path.read_bytes())
        if isinstance(key, Ed25519PublicKey):
            return key
    raise KeyFileError(f"{path} holds no Ed25519 public key (PEM); take it out of the folder of trusted keys")


def _place(path: Path, content: bytes, mode: int) -> None:
    """Create a file at once in full; of processes that start together, one makes it and the others read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=path.parent) as draft, suppress(FileExistsError):
        draft.write(content)
        draft.flush()
        Path(draft.name).chmod(mode)
        path.hardlink_to(draft.name)


def _message(camera_id: str, expires_at: int, body: bytes) -> bytes:
    camera = camera_id.encode()
    return b"%s\0%d\0%d\0%s%s" % (_CONTEXT, expires_at, len(camera), camera, body)
