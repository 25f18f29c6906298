"""Signatures: a record counts for the camera, body and time it was signed for, and for nothing else."""

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import assume, given
from hypothesis import strategies as st

from schemas.signing import (
    EXPIRES_AT,
    KEY_ID,
    SIGNATURE,
    ExpiredError,
    KeyFileError,
    Signer,
    UnsignedError,
    Verifier,
    load_signer,
    load_verifier,
    trust,
)

SIGNER = Signer(Ed25519PrivateKey.generate())
VERIFIER = Verifier({SIGNER.key_id: SIGNER.key.public_key()})
EXPIRY = 1_000_000
HEADERS = SIGNER.headers("door", b"body", EXPIRY)

cameras = st.text(max_size=20)
bodies = st.binary(max_size=40)
times = st.integers(0, 2**62)


def with_header(name: str, value: bytes | None) -> list[tuple[str, bytes | None]]:
    return [(each, value if each == name else held) for each, held in HEADERS]


# --- what a signature covers ---


@given(camera=cameras, body=bodies, expires_at=times, data=st.data())
def test_a_signed_record_is_accepted_until_its_expiry(
    camera: str, body: bytes, expires_at: int, data: st.DataObject
) -> None:
    appended_at = data.draw(st.integers(0, expires_at))
    VERIFIER.check(camera, body, SIGNER.headers(camera, body, expires_at), appended_at)


@given(expires_at=times, late=st.integers(1, 2**40))
def test_a_record_appended_after_its_expiry_is_expired_however_good_its_signature(expires_at: int, late: int) -> None:
    headers = SIGNER.headers("door", b"body", expires_at)
    with pytest.raises(ExpiredError, match=f"{late} ms after"):
        VERIFIER.check("door", b"body", headers, expires_at + late)


@given(signed=st.tuples(cameras, bodies), sent=st.tuples(cameras, bodies))
def test_a_signature_fits_no_other_camera_or_body(signed: tuple[str, bytes], sent: tuple[str, bytes]) -> None:
    assume(signed != sent)
    with pytest.raises(UnsignedError, match="does not fit"):
        VERIFIER.check(*sent, SIGNER.headers(*signed, EXPIRY), 0)


@given(text=st.text(min_size=1, max_size=10), data=st.data())
def test_a_letter_moved_between_camera_and_body_breaks_the_signature(text: str, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(text) - 1))
    headers = SIGNER.headers(text, b"", EXPIRY)
    with pytest.raises(UnsignedError):
        VERIFIER.check(text[:cut], text[cut:].encode(), headers, 0)


@given(other=times)
def test_an_expiry_cannot_be_put_off(other: int) -> None:
    assume(other != EXPIRY)
    with pytest.raises(UnsignedError, match="does not fit"):
        VERIFIER.check("door", b"body", with_header(EXPIRES_AT, str(other).encode()), 0)


@given(signature=st.binary(max_size=80))
def test_no_other_bytes_are_the_signature(signature: bytes) -> None:
    assume(signature != HEADERS[2][1])
    with pytest.raises(UnsignedError):
        VERIFIER.check("door", b"body", with_header(SIGNATURE, signature), 0)


def test_a_key_that_is_not_trusted_signs_nothing() -> None:
    stranger = Signer(Ed25519PrivateKey.generate())
    with pytest.raises(UnsignedError, match="trusted key"):
        VERIFIER.check("door", b"body", stranger.headers("door", b"body", EXPIRY), 0)


def test_a_strangers_signature_under_a_trusted_name_does_not_fit() -> None:
    stranger = dict(Signer(Ed25519PrivateKey.generate()).headers("door", b"body", EXPIRY))
    with pytest.raises(UnsignedError, match="does not fit"):
        VERIFIER.check("door", b"body", with_header(SIGNATURE, stranger[SIGNATURE]), 0)


@pytest.mark.parametrize("name", [KEY_ID, EXPIRES_AT, SIGNATURE])
@pytest.mark.parametrize("value", [None, b"", b"\xff", b"9" * 5_000, b"-1", "٣".encode()])
def test_a_header_of_anyones_making_is_unsigned_and_nothing_worse(name: str, value: bytes | None) -> None:
    with pytest.raises(UnsignedError):
        VERIFIER.check("door", b"body", with_header(name, value), 0)


@pytest.mark.parametrize("name", [KEY_ID, EXPIRES_AT, SIGNATURE])
def test_a_missing_header_is_unsigned(name: str) -> None:
    with pytest.raises(UnsignedError):
        VERIFIER.check("door", b"body", [each for each in HEADERS if each[0] != name], 0)


def test_other_headers_of_the_record_do_not_matter() -> None:
    VERIFIER.check("door", b"body", [("traceparent", b"00-1"), *HEADERS, ("detector-ms", b"12")], 0)


# --- key files ---


def test_the_key_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "signing.pem"
    made = load_signer(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_signer(path).key_id == made.key_id
    assert list(path.parent.iterdir()) == [path]


def test_a_key_another_process_made_meanwhile_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = load_signer(tmp_path / "signing.pem")
    # What this process saw before the other one was done.
    monkeypatch.setattr(Path, "exists", lambda _: False)
    assert load_signer(tmp_path / "signing.pem").key_id == made.key_id


def test_a_trusted_signer_is_verified_and_old_keys_stay(tmp_path: Path) -> None:
    old, new = Signer(Ed25519PrivateKey.generate()), Signer(Ed25519PrivateKey.generate())
    for signer in (old, new, new):
        trust(signer, tmp_path / "trusted")
    verifier = load_verifier(tmp_path / "trusted")
    for signer in (old, new):
        verifier.check("door", b"body", signer.headers("door", b"body", EXPIRY), EXPIRY)


def test_a_folder_without_keys_trusts_nobody(tmp_path: Path) -> None:
    with pytest.raises(UnsignedError, match="trusted key"):
        load_verifier(tmp_path).check("door", b"body", HEADERS, 0)


def elliptic() -> bytes:
    return generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def elliptic_public() -> bytes:
    key = generate_private_key(SECP256R1()).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize("content", [b"", b"no PEM", elliptic()], ids=["empty", "no PEM", "another kind of key"])
def test_a_wrong_private_key_file_is_named_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "signing.pem"
    path.write_bytes(content)
    with pytest.raises(KeyFileError, match=f"{path} holds no Ed25519 private key"):
        load_signer(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize("content", [b"", b"no PEM", elliptic_public()], ids=["empty", "no PEM", "another kind of key"])
def test_a_wrong_trusted_key_file_is_named_rather_than_passed_over(tmp_path: Path, content: bytes) -> None:
    trust(SIGNER, tmp_path)
    path = tmp_path / "wrong.pem"
    path.write_bytes(content)
    with pytest.raises(KeyFileError, match=f"{path} holds no Ed25519 public key"):
        load_verifier(tmp_path)


def test_the_private_key_shows_nowhere(tmp_path: Path) -> None:
    signer = load_signer(tmp_path / "signing.pem")
    assert "key" not in repr(signer).removeprefix("Signer").lower()
