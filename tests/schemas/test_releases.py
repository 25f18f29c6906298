"""What was released stays as it was and stays readable; the check that says so catches what would break it."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.topics import topic_of, topics
from schemas.wire import from_avro, parse
from tests.schemas.strategies import fields
from tools import release_schemas
from tools.release_schemas import HASHES, faults, hashes, releases, shipped

RELEASED = [(number, record) for number, records in releases().items() for record in records]
PUBLIC = [each for each in RELEASED if topics()[topic_of(each[1])].compatibility == "FULL_TRANSITIVE"]


def test_released_files_are_never_changed() -> None:
    assert HASHES.read_text() == hashes()


def test_the_shipped_schemas_agree_with_every_release() -> None:
    assert list(faults(shipped(), releases())) == []


def written(text: str, said: Any) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, parse(text), said)
    return out.getvalue()


@pytest.mark.parametrize(("number", "record"), RELEASED)
@given(data=st.data())
@settings(max_examples=10)
def test_current_code_reads_released_records(number: int, record: str, data: st.DataObject) -> None:
    old = releases()[number][record]
    body = written(old, data.draw(fields(old)))
    assert type(from_avro(record, body, parse(old))).__name__ == record


@pytest.mark.parametrize(("number", "record"), PUBLIC)
@given(data=st.data())
@settings(max_examples=10)
def test_released_readers_of_public_topics_read_current_records(number: int, record: str, data: st.DataObject) -> None:
    old, new = releases()[number][record], shipped()[record]
    said = data.draw(fields(new))
    read = fastavro.schemaless_reader(io.BytesIO(written(new, said)), parse(new), parse(old))
    assert read["camera_id"] == said["camera_id"]


# --- the check itself ---

FIELD: dict[str, Any] = {"name": "lens", "type": "string", "doc": "Of the camera."}


def edited(record: str, edit: Callable[[dict[str, Any]], None]) -> dict[str, str]:
    """The first release with one schema edited."""
    records = dict(releases()[1])
    schema = json.loads(records[record])
    edit(schema)
    return records | {record: json.dumps(schema)}


def field(schema: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = [each for each in schema["fields"] if each["name"] == name]
    return dict(found)


def without(schema: dict[str, Any], name: str) -> None:
    schema["fields"].remove(field(schema, name))


def retyped(schema: dict[str, Any], name: str, kind: str) -> None:
    schema["fields"] = [each | {"type": kind} if each["name"] == name else each for each in schema["fields"]]


@pytest.mark.parametrize(
    ("record", "edit"),
    [
        pytest.param(
            "ZoneExited", lambda it: it["fields"].append(FIELD | {"default": ""}), id="a field with a default"
        ),
        pytest.param("ZoneExited", lambda it: without(it, "restatement"), id="no field that had a default"),
        pytest.param("ZoneExited", lambda it: field(it, "exit_reason")["type"]["symbols"].append("X"), id="a symbol"),
        pytest.param("FrameObserved", lambda it: without(it, "seq"), id="the log alone may lose a field"),
    ],
)
def test_a_release_may_gain_or_lose(record: str, edit: Callable[[dict[str, Any]], None]) -> None:
    assert list(faults(edited(record, edit), {1: releases()[1]})) == []


@pytest.mark.parametrize(
    ("record", "edit", "fault"),
    [
        pytest.param("ZoneExited", lambda it: it["fields"].append(FIELD), "new code cannot read old", id="no default"),
        pytest.param("FrameObserved", lambda it: it["fields"].append(FIELD), "new code cannot read old", id="log too"),
        pytest.param("ZoneExited", lambda it: without(it, "dwell_ms"), "old code cannot read new", id="a lost field"),
        pytest.param("ZoneExited", lambda it: retyped(it, "dwell_ms", "string"), "type_mismatch", id="another type"),
        pytest.param("ZoneExited", lambda it: it.update(name="ZoneLeft"), "name_mismatch", id="another name"),
    ],
)
def test_a_release_may_not_break_readers(record: str, edit: Callable[[dict[str, Any]], None], fault: str) -> None:
    assert fault in " ".join(faults(edited(record, edit), {1: releases()[1]}))


def test_a_released_record_may_not_disappear() -> None:
    records = dict(releases()[1])
    del records["LineCrossed"]
    assert list(faults(records, {1: releases()[1]})) == ["LineCrossed of release 1 is gone"]


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty house with one schema that was never released."""
    (tmp_path / "avro").mkdir()
    (tmp_path / "released").mkdir()
    monkeypatch.setattr(release_schemas, "SCHEMAS", tmp_path)
    monkeypatch.setattr(release_schemas, "RELEASED", tmp_path / "released")
    monkeypatch.setattr(release_schemas, "HASHES", tmp_path / "released" / "SHA256SUMS")
    write(tmp_path, [])
    return tmp_path


def write(house: Path, more: list[dict[str, Any]]) -> None:
    schema = {"type": "record", "name": "ZoneExited", "namespace": "aforo", "fields": more}
    (house / "avro" / "ZoneExited.avsc").write_text(json.dumps(schema))


def test_a_release_freezes_what_is_shipped_with_its_hash(house: Path) -> None:
    assert release_schemas.release() == 1
    write(house, [FIELD | {"default": ""}])
    assert release_schemas.release() == 2
    assert releases()[2] == shipped() != releases()[1]
    assert (house / "released" / "SHA256SUMS").read_text().count(".avsc\n") == 2


def test_nothing_new_is_not_released_twice(house: Path) -> None:
    release_schemas.release()
    with pytest.raises(ValueError, match="nothing to release"):
        release_schemas.release()
    assert list(house.glob("released/*/")) == [house / "released" / "1"]


def test_what_breaks_readers_is_not_released(house: Path) -> None:
    release_schemas.release()
    write(house, [FIELD])
    with pytest.raises(ValueError, match="new code cannot read old records"):
        release_schemas.release()
    assert list(releases()) == [1]
