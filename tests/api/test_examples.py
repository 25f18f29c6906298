"""The programs on the page for authors of clients do what the page says, against a real server and database."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from graphql_api.app import assemble
from graphql_api.context import Services
from graphql_api.database import Database
from tests.api.doubles import services
from tests.api.running import serving
from tests.api.tables import MINUTE, START, camera, insert, visit, zone

pytestmark = pytest.mark.integration

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8080"
VISITS = 150  # more than a page of the example


def examples(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def address(read_model: Database, rows: Connection) -> Iterator[str]:
    """A server over a camera with visits."""
    insert(rows, "cameras", [camera()])
    insert(rows, "zones", [zone()])
    insert(rows, "zone_visits", [visit(n, START + n * MINUTE / 2) for n in range(VISITS)])
    made, _, _ = services()
    with serving(assemble(Services(made.settings, read_model, made.live, made.commands), lambda _: None)) as server:
        yield f"http://{server.address}"


def run(command: list[str], folder: Path) -> str:
    outcome = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True, timeout=60)
    assert outcome.returncode == 0, outcome.stderr
    return outcome.stdout


def test_the_python_program_reads_every_visit_page_by_page(address: str, tmp_path: Path) -> None:
    (program,) = examples("python")
    lines = run([sys.executable, "-c", program.replace(ADDRESS, address)], tmp_path).splitlines()
    assert lines == [f"desk {n} 60000.0" for n in reversed(range(VISITS))]


def test_the_shell_lines_answer_and_save(address: str, tmp_path: Path) -> None:
    shell = shutil.which("sh")
    assert shell
    asked, saved = (run([shell, "-c", lines.replace(ADDRESS, address)], tmp_path) for lines in examples("sh"))
    assert '"zoneId":"desk"' in asked.replace(" ", "")
    assert saved == ""
    assert len((tmp_path / "visits.csv").read_text(encoding="utf-8").splitlines()) == 1 + VISITS
