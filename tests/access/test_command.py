"""`aforo access bootstrap` against a real database."""

import re

import pytest
from click.testing import CliRunner, Result

from aforo.cli import main
from tests.access.installations import CSRF, PASSWORD, Installation

pytestmark = pytest.mark.integration

ADA = "ada@example.org"


def bootstrap(url: str, email: str) -> Result:
    return CliRunner().invoke(main, ["access", "bootstrap", "--email", email], env={"AFORO_DATABASE__URL": url})


def invitation(said: Result) -> str:
    assert said.exit_code == 0, said.output
    (found,) = re.findall(r"^  ([\w-]{43})$", said.output, re.MULTILINE)
    return str(found)


def test_the_first_administrator_is_invited_and_may_do_everything(installation: Installation) -> None:
    acceptance = {"invitation": invitation(bootstrap(installation.url, ADA)), "password": PASSWORD}
    client = installation.client()
    assert client.post("/api/v1/invitations/accepted", json=acceptance, headers=CSRF).status_code == 204
    grants = installation.signed_in(ADA).get("/api/v1/viewer").json()["grants"]
    assert grants == [{"site_id": None, "role": "ADMIN"}]


def test_there_is_one_first_administrator_who_may_be_invited_again(installation: Installation) -> None:
    first = invitation(bootstrap(installation.url, ADA))
    refused = bootstrap(installation.url, "eve@example.org")
    assert refused.exit_code == 1
    assert "nobody has the address eve@example.org" in refused.output
    assert invitation(bootstrap(installation.url, ADA)) != first
    assert installation.sql("SELECT email FROM users") == [(ADA,)]
