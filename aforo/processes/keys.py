"""The installation's signing key and the keys it trusts."""

from pathlib import Path

from aforo.settings import Settings
from schemas.signing import Signer, Verifier, load_signer, load_verifier, trust


def signer(settings: Settings) -> Signer:
    """The signing key, made at first start and trusted from then on."""
    made = load_signer(_path(settings.signing.private_key))
    trust(made, _path(settings.signing.trusted_keys))
    return made


def verifier(settings: Settings) -> Verifier:
    """What checks signatures against every trusted key."""
    return load_verifier(_path(settings.signing.trusted_keys))


def _path(path: Path | None) -> Path:
    assert path is not None, "aforo.settings.load fills the paths in"
    return path.expanduser()
