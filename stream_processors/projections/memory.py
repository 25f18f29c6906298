"""The read model in memory: the twin that states in a page what TimescaleDB must do, for tests and for offline runs."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, TypeAlias

from stream_processors.projections.errors import FencedError
from stream_processors.projections.rows import rows_of
from stream_processors.projections.rules import RULES, Row, Rule
from stream_processors.projections.store import Appended

Record: TypeAlias = dict[str, Any]


class MemoryStore:
    """Tables as lists of dictionaries; a column nobody has written is absent."""

    def __init__(self) -> None:
        self.tables: defaultdict[str, list[Record]] = defaultdict(list)
        self._by_key: defaultdict[tuple[Any, ...], list[Record]] = defaultdict(list)
        self._offsets: defaultdict[tuple[str, int], int] = defaultdict(int)

    def next_offset(self, topic: str, partition: int) -> int:
        """The first offset that is not in the read model."""
        return self._offsets[topic, partition]

    def write(
        self, topic: str, partition: int, expected_offset: int, next_offset: int, events: Sequence[Appended]
    ) -> None:
        """Apply the rows one after the other; a bad event is found before the first of them."""
        if self._offsets[topic, partition] != expected_offset:
            raise FencedError(topic, partition, expected_offset)
        for rule, row in [change for appended in events for change in rows_of(*appended)]:
            self._apply(rule, row)
        self._offsets[topic, partition] = next_offset

    def close(self) -> None:
        """Nothing to let go of."""

    def _apply(self, rule: Rule, row: Row) -> None:
        new = dict(zip(rule.types, row, strict=True))
        there = self._by_key[_key(rule, new)]
        for old in there:
            if _replaces(rule, old, new):
                old.update(new)
        if rule.creates and not there:
            self.tables[rule.table].append(new)
            for other in RULES:
                if other.table == rule.table:
                    self._by_key[_key(other, new)].append(new)


def _key(rule: Rule, record: Record) -> tuple[Any, ...]:
    """Rules of one table may name its rows by fewer columns than the rule that made them."""
    return rule.name, *(record[column] for column in rule.key)


def _replaces(rule: Rule, old: Record, new: Record) -> bool:
    """Whether a row gives way: a guard must grow; without one only rows that never create do change others."""
    if not rule.guard:
        return not rule.creates
    return [old.get(column, -1) for column in rule.guard] < [new[column] for column in rule.guard]
