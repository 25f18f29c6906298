"""Freezes `schemas/avro` as the next release under `schemas/released`, if it agrees with every release before it.

Run as `python -m tools.release_schemas`. It knows files and compatibility; registering schemas is schemas/provision.py's affair.
"""

import hashlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import avro.schema
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType

from schemas.topics import topic_of, topics

SCHEMAS = Path(__file__).parents[1] / "schemas"
RELEASED = SCHEMAS / "released"
HASHES = RELEASED / "SHA256SUMS"

Records = dict[str, str]


def shipped() -> Records:
    """The schemas as they stand now, by record."""
    return _read(SCHEMAS / "avro")


def releases() -> dict[int, Records]:
    """Every frozen release by number, oldest first."""
    numbers = sorted(int(folder.name) for folder in RELEASED.iterdir() if folder.is_dir())
    return {number: _read(RELEASED / str(number)) for number in numbers}


def faults(records: Mapping[str, str], earlier: Mapping[int, Records]) -> Iterator[str]:
    """What `records` would break for readers or writers of an earlier release, in sentences."""
    for number, released in earlier.items():
        yield from (f"{record} of release {number} is gone" for record in released.keys() - records.keys())
        for record in sorted(released.keys() & records.keys()):
            for reader, writer, who in _directions(record, records[record], released[record]):
                yield from (f"{who} ({record}, release {number}): {why}" for why in _unreadable(reader, writer))


def hashes() -> str:
    """A line for each released file, as `sha256sum` writes them."""
    files = sorted(RELEASED.glob("*/*.avsc"))
    return "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(RELEASED)}\n" for path in files)


def release() -> int:
    """Freeze the schemas as they stand; the number of the new release.

    Raises:
        ValueError: nothing is new, or an earlier release would no longer be understood.
    """
    records, earlier = shipped(), releases()
    if records in earlier.values():
        raise ValueError("nothing to release: the schemas are those of an earlier release")
    if found := list(faults(records, earlier)):
        raise ValueError("not compatible with what was released:\n" + "\n".join(found))
    number = max(earlier, default=0) + 1
    folder = RELEASED / str(number)
    folder.mkdir()
    for record, text in records.items():
        (folder / f"{record}.avsc").write_text(text, encoding="utf-8")
    HASHES.write_text(hashes(), encoding="utf-8")
    return number


def _read(folder: Path) -> Records:
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.avsc"))}


def _directions(record: str, new: str, old: str) -> Iterator[tuple[str, str, str]]:
    """Who must read whom, by the promise of the record's topic: (reader, writer, in words)."""
    yield new, old, "new code cannot read old records"
    if topics()[topic_of(record)].compatibility == "FULL_TRANSITIVE":
        yield old, new, "old code cannot read new records"


def _unreadable(reader: str, writer: str) -> list[str]:
    """Why a reader with one schema cannot read what another wrote; empty when it can."""
    found = ReaderWriterCompatibilityChecker().get_compatibility(avro.schema.parse(reader), avro.schema.parse(writer))
    if found.compatibility is SchemaCompatibilityType.compatible:
        return []
    return [f"{kind.value} {', '.join(sorted(found.messages))}" for kind in found.incompatibilities]


if __name__ == "__main__":
    try:
        print(f"released as schemas/released/{release()}")
    except ValueError as error:
        sys.exit(str(error))
