"""A new signing key: what the old one signed stays good, what the new one signs is good at once, and through the fold."""

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner

from aforo.cli import main
from schemas.events import DefineZones, Zone, ZonesDefined
from schemas.signing import KEY_ID, UnsignedError, Verifier, load_signer, load_verifier, rotate, trust
from schemas.topics import CAMERA_EVENTS
from stream_processors.agents.camera_fold import CameraFold, Guarded
from stream_processors.domain.camera import CameraState
from tests.runtime.logs import START, make_wire, message

ZONE = Zone(zone_id="z", name="Desk", kind="WORK", polygon=((0.0, 0.0), (1.0, 0.0), (1.0, 1.0)))
BODY = b"a command"


def test_a_verifier_that_was_there_before_trusts_the_old_key_and_the_new_one(tmp_path: Path) -> None:
    private, folder = tmp_path / "signing.pem", tmp_path / "trusted"
    old = load_signer(private)
    trust(old, folder)
    verifier = load_verifier(folder)
    new = rotate(private, folder)
    assert new.key_id != old.key_id
    assert load_signer(private).key_id == new.key_id
    assert private.stat().st_mode & 0o777 == 0o600
    for signer in (old, new):
        verifier.check("door", BODY, signer.headers("door", BODY, 2_000), 1_000)
        load_verifier(folder).check("door", BODY, signer.headers("door", BODY, 2_000), 1_000)


def test_a_key_that_is_taken_out_is_trusted_no_longer(tmp_path: Path) -> None:
    private, folder = tmp_path / "signing.pem", tmp_path / "trusted"
    old = load_signer(private)
    trust(old, folder)
    rotate(private, folder)
    (folder / f"{old.key_id}.pem").unlink()
    with pytest.raises(UnsignedError):
        load_verifier(folder).check("door", BODY, old.headers("door", BODY, 2_000), 1_000)


@pytest.mark.parametrize("named", [b"../../etc/passwd", b"", b"0123456789abcdef", "é".encode()])
def test_no_name_of_a_key_leads_elsewhere(tmp_path: Path, named: bytes) -> None:
    signer = load_signer(tmp_path / "signing.pem")
    headers = [(name, named if name == KEY_ID else value) for name, value in signer.headers("door", BODY, 2_000)]
    with pytest.raises(UnsignedError):
        Verifier({}, tmp_path).check("door", BODY, headers, 1_000)


def test_the_command_rotates_and_says_what_to_restart(tmp_path: Path) -> None:
    private, folder = tmp_path / "signing.pem", tmp_path / "trusted"
    variables = {"AFORO_SIGNING__PRIVATE_KEY": str(private), "AFORO_SIGNING__TRUSTED_KEYS": str(folder)}
    said = CliRunner().invoke(main, ["keys", "rotate"], env=variables)
    assert said.exit_code == 0, said.output
    assert load_signer(private).key_id in said.output
    assert len(list(folder.glob("*.pem"))) == 2  # the first one and the new one


def test_commands_of_the_old_key_and_of_the_new_one_are_folded_without_a_restart(tmp_path: Path) -> None:
    private, folder = tmp_path / "signing.pem", tmp_path / "trusted"
    old = load_signer(private)
    trust(old, folder)
    wire = make_wire()
    fold, state = CameraFold(wire, load_verifier(folder)), Guarded(CameraState("c1"))
    accepted = []
    for offset, signer in enumerate((old, rotate(private, folder), old)):
        body = wire.encode(DefineZones(camera_id="c1", command_id=f"k{offset}", zones=(ZONE,)))
        command = message(body, offset, headers=signer.headers("c1", body, START + 60_000))
        state, outputs = asyncio.run(fold.apply(state, command))
        accepted.append({type(wire.decode(each.value)) for each in outputs if each.topic == CAMERA_EVENTS})
    assert accepted == [{ZonesDefined}] * 3
