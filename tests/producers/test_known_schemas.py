from pathlib import Path

import pytest

from producers.known_schemas import RememberingRegistry
from schemas.events import FrameObserved
from schemas.registry import MemoryRegistry, RegistryUnavailableError
from schemas.wire import Wire


class MoodyRegistry(MemoryRegistry):
    """A registry that can be away, and that counts who asks."""

    def __init__(self, *, away: bool = False) -> None:
        super().__init__()
        self.away = away
        self.asked = 0

    def register(self, subject: str, schema: str) -> int:
        self.asked += 1
        if self.away:
            raise RegistryUnavailableError("no answer")
        return super().register(subject, schema)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "edge" / "schemas.json"


def test_an_edge_that_knew_its_schemas_can_encode_while_the_registry_is_away(path: Path) -> None:
    frame = FrameObserved(camera_id="a", session="s", seq=0, observed_at=1, width=1, height=1, boxes=b"", scores=b"")
    before = Wire(RememberingRegistry(MoodyRegistry(), path))
    before.preload()
    again = Wire(RememberingRegistry(MoodyRegistry(away=True), path))
    again.preload()
    assert again.encode(frame) == before.encode(frame)
    assert again.decode(before.encode(frame)) == frame


def test_a_registry_that_was_away_once_is_not_waited_for_again(path: Path) -> None:
    Wire(RememberingRegistry(MoodyRegistry(), path)).preload()
    away = MoodyRegistry(away=True)
    Wire(RememberingRegistry(away, path)).preload()
    assert away.asked == 1


def test_what_the_registry_says_goes_before_what_is_remembered(path: Path) -> None:
    RememberingRegistry(MoodyRegistry(), path).register("subject", "schema")
    other = MoodyRegistry()
    other.register("another", "before ours")
    assert RememberingRegistry(other, path).register("subject", "schema") == 2
    assert RememberingRegistry(MoodyRegistry(away=True), path).register("subject", "schema") == 2


def test_a_schema_that_was_never_registered_has_to_wait_for_the_registry(path: Path) -> None:
    RememberingRegistry(MoodyRegistry(), path).register("subject", "schema")
    away = RememberingRegistry(MoodyRegistry(away=True), path)
    with pytest.raises(RegistryUnavailableError):
        away.register("subject", "another schema")


def test_a_file_that_cannot_be_read_or_written_is_done_without(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("broken")
    assert RememberingRegistry(MoodyRegistry(), path).register("subject", "schema") == 1
    blocked = path.parent / "file"
    blocked.touch()
    assert RememberingRegistry(MoodyRegistry(), blocked / "schemas.json").register("subject", "schema") == 1
