"""The installation's signing key and the keys it trusts."""

from pathlib import Path

from aforo.settings import Settings
from schemas.signing import Signer, Verifier, load_signer, load_verifier, rotate, trust


def signer(settings: Settings) -> Signer:
    """The signing key, made at first start and trusted from then on."""
    made = load_signer(_path(settings.signing.private_key))
    trust(made, _path(settings.signing.trusted_keys))
    return made


def rotated(settings: Settings) -> Signer:
    """A new signing key in the place of the one before, whose public key stays trusted."""
    signer(settings)  # the first one, should there be none yet: what it may have signed stays trusted
    return rotate(_path(settings.signing.private_key), _path(settings.signing.trusted_keys))


def verifier(settings: Settings) -> Verifier:
    """What checks signatures against every trusted key."""
    return load_verifier(_path(settings.signing.trusted_keys))


def _path(path: Path | None) -> Path:
    assert path is not None, "aforo.settings.load fills the paths in"
    return path.expanduser()
