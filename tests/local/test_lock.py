"""Locks: one holder, and heirs of the descriptor hold on."""

import subprocess
from pathlib import Path

import pytest

from infra.local.errors import FolderInUseError
from infra.local.lock import exclusive


def test_a_second_holder_is_refused_with_the_name_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "x.lock"
    with exclusive(file, 0), pytest.raises(FolderInUseError, match=r"x\.lock"), exclusive(file, 0):
        pytest.fail("two holders")


def test_a_released_lock_is_free_again(tmp_path: Path) -> None:
    for _ in range(2):
        with exclusive(tmp_path / "x.lock", 0) as descriptor:
            assert descriptor >= 0


def test_a_child_that_inherited_the_descriptor_holds_the_lock_until_it_ends(tmp_path: Path) -> None:
    with exclusive(tmp_path / "x.lock", 0) as descriptor:
        child = subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, pass_fds=[descriptor])
    with pytest.raises(FolderInUseError), exclusive(tmp_path / "x.lock", 0):
        pytest.fail("the child's lock was ignored")
    child.communicate()
    with exclusive(tmp_path / "x.lock", 0):
        assert child.returncode == 0
