import re
import tomllib
from importlib.metadata import distribution

from tests.containers.dependencies import dependencies
from tests.containers.files import ROOT


def notice_rows() -> dict[str, str]:
    """Each runtime dependency that NOTICE lists, with its licence."""
    section = (ROOT / "NOTICE").read_text().split("the licences that their metadata name:")[1].split("\nCompiled")[0]
    return dict(re.findall(r"^  ([a-z0-9-]+): (.+)$", section, re.MULTILINE))


def test_notice_lists_every_runtime_dependency_and_no_other() -> None:
    assert set(notice_rows()) == dependencies()


def test_notice_says_what_the_metadata_of_the_dependencies_say() -> None:
    named = {name: distribution(name).metadata.json.get("license_expression") for name in notice_rows()}
    stated = {name: licence for name, licence in named.items() if licence}
    assert stated
    assert {name: notice_rows()[name] for name in stated} == stated


def test_no_dependency_is_under_the_gpl_itself() -> None:
    strong = {name for name, licence in notice_rows().items() if re.search(r"\bA?GPL", licence)}
    assert strong == set()


def test_the_packaged_model_is_named_where_it_lies_and_at_the_top() -> None:
    for notice in (ROOT / "NOTICE", ROOT / "detectors" / "models" / "NOTICE"):
        text = notice.read_text()
        assert "nanodet-g-416-person-int8.onnx" in text
        assert "RangiLyu" in text
        assert "Vladimir Mandic" in text


def test_the_licence_is_the_one_that_the_package_names() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["license"] == "Apache-2.0"
    assert (ROOT / "LICENSE").read_text().split()[:5] == ["Apache", "License", "Version", "2.0,", "January"]
