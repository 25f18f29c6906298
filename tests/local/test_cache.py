"""Downloads: whole or not at all, once, and equal to the committed hashes."""

import subprocess
from pathlib import Path

import pytest

from infra.local.cache import build_once, key, verify
from infra.local.errors import HashMismatchError


def fill(folder: Path) -> None:
    (folder / "a b.jar").write_text("one")
    (folder / "c.jar").write_text("two")


def listing(folder: Path) -> str:
    """The same list from coreutils."""
    names = sorted(path.name for path in folder.iterdir())
    return subprocess.run(["sha256sum", *names], cwd=folder, check=True, capture_output=True, text=True).stdout


def test_a_folder_is_built_once(tmp_path: Path) -> None:
    built: list[Path] = []
    for _ in range(2):
        folder = build_once(tmp_path / "deep" / "x", built.append)
    assert folder.is_dir()
    assert len(built) == 1


def test_a_failed_build_leaves_no_folder_and_is_tried_again_from_nothing(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        build_once(tmp_path / "x", fail)
    assert not (tmp_path / "x").exists()
    built = build_once(tmp_path / "x", fill)
    assert sorted(path.name for path in built.iterdir()) == ["a b.jar", "c.jar"]


def test_files_that_coreutils_hashed_are_accepted(tmp_path: Path) -> None:
    fill(tmp_path)
    verify(tmp_path, listing(tmp_path))


@pytest.mark.parametrize(
    ("name", "content", "named"),
    [("c.jar", "other", "c.jar"), ("c.jar", None, "c.jar"), ("extra.jar", "new", "extra.jar")],
    ids=["changed", "missing", "unexpected"],
)
def test_a_file_that_differs_from_the_list_is_named(tmp_path: Path, name: str, content: str | None, named: str) -> None:
    fill(tmp_path)
    expected = listing(tmp_path)
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_text(content)
    with pytest.raises(HashMismatchError, match=rf"list: {named}\."):
        verify(tmp_path, expected)


def test_a_new_list_of_hashes_gives_a_new_folder() -> None:
    assert key("a  x.jar\n") != key("b  x.jar\n")
