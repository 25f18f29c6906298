"""The documents that are generated from the code are the ones in the tree, and leave nothing out."""

import re
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from aforo.settings import documented
from producers.settings import CameraSettings
from schemas.events import RECORDS
from schemas.topics import topics
from tools.document import DOCUMENTS, HOUSE

HEADING = re.compile(r"^#{2,3} (?:Topic )?\[?`(.+?)`", re.MULTILINE)
FIRST_CELL = re.compile(r"^\| `(\w+)` \|", re.MULTILINE)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_generated_document_is_up_to_date(name: str) -> None:
    assert (HOUSE / name).read_text() == DOCUMENTS[name](), "run `python -m tools.document`"


def text(name: str) -> str:
    return (HOUSE / "docs" / name).read_text()


def test_every_topic_has_its_section() -> None:
    assert HEADING.findall(text("topics.md")) == list(topics())


def test_every_record_has_its_section_once() -> None:
    headings = HEADING.findall(text("events.md"))
    assert set(RECORDS) <= set(headings)
    assert len(headings) == len(set(headings))


def test_every_setting_and_every_setting_of_a_camera_has_its_line() -> None:
    expected = [name for name, _ in documented()] + list(CameraSettings.model_fields)
    assert sorted(FIRST_CELL.findall(text("settings.md"))) == sorted(expected)


def test_every_metric_of_the_house_has_its_line() -> None:
    """As the registry knows them, so that a metric made in another module is missed here."""
    ending = {"counter": "_total"}
    kept = {each.name + ending.get(each.type, "") for each in REGISTRY.collect() if each.name.startswith("aforo_")}
    assert set(FIRST_CELL.findall(text("metrics.md"))) == kept


def anchors(page: Path) -> set[str]:
    """Link targets of a page, as GitHub makes them from headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    plain = [re.sub(r"\]\([^)]*\)", "", heading).lower() for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain}


PAGES = [HOUSE / "README.md", *sorted((HOUSE / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(HOUSE)) for page in PAGES])
def test_every_link_within_the_house_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]+))?\)", page.read_text())
    targets = [((page.parent / file).resolve() if file else page, anchor) for file, anchor in links]
    missing = [str(file) for file, _ in targets if not file.exists()]
    dangling = [f"{file}#{anchor}" for file, anchor in targets if anchor and anchor not in anchors(file)]
    assert missing + dangling == []
