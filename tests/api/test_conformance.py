"""GraphQL over HTTP as its working group's own audits judge it; they come from npm, so only the full tests run them."""

import shutil
import subprocess
from pathlib import Path

import pytest

from graphql_api.app import assemble
from tests.api.doubles import services
from tests.api.running import serving

AUDITS = Path(__file__).parent / "graphql_http"


@pytest.mark.full
def test_every_audit_of_graphql_over_http_is_met(tmp_path: Path) -> None:
    made, _, _ = services()
    folder = shutil.copytree(AUDITS, tmp_path / "audits")
    subprocess.run(["npm", "install", "--no-audit", "--no-fund"], cwd=folder, check=True, timeout=120)
    with serving(assemble(made, lambda _: None)) as server:
        command = ["node", "audit.js", f"http://{server.address}/graphql"]
        outcome = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True, timeout=120)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert outcome.stdout.splitlines()[-1] == "61 of 61"
