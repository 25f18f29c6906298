"""What a run came to, as a table for people and as JSON for machines."""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
from rich.table import Table

from aforo.audit import Account
from tests.chaos.sent import Kept


@dataclass(frozen=True, slots=True)
class Struck:
    """A blow of a fault: since when Aforo could recover, and until all that was in the log was folded and stored."""

    number: int
    fault: str
    what: str
    at_s: float
    recovered_s: float


@dataclass(frozen=True, slots=True)
class Report:
    """A run. `endings`: how often workers ended by themselves, by name and exit status."""

    seed: int
    brokers: int
    mutation: str
    seconds: float
    records: Kept
    account: Account
    struck: list[Struck]
    endings: dict[str, dict[int, int]] = field(default_factory=dict)

    @property
    def faults(self) -> Counter[str]:
        """How many of each kind there were; one may have had several blows."""
        return Counter(fault for _, fault in {(each.number, each.fault) for each in self.struck})

    @property
    def must_be_zero(self) -> dict[str, int]:
        """What must not be."""
        return {
            "acknowledged records that are not in the log": self.records.missing,
            "records in the log that nobody sent": self.records.unasked,
            "acknowledged records that were not folded yet": max(self.records.acknowledged - self.account.read, 0),
            **self.account.must_be_zero,
        }

    @property
    def wrong(self) -> list[str]:
        """Those that are."""
        return [f"{count} {what}" for what, count in self.must_be_zero.items() if count]

    def save(self, file: Path) -> None:
        """Write it as JSON."""
        file.write_text(json.dumps(self._plain(), indent=2) + "\n")

    def table(self) -> Table:
        """For people."""
        table = Table(
            "", "", title=f"seed {self.seed}, {self.brokers} broker(s), {self.seconds:.0f} s", show_header=False
        )
        for name, value in self._lines():
            table.add_row(name, value)
        return table

    def _lines(self) -> list[tuple[str, str]]:
        account, took = self.account, [each.recovered_s for each in self.struck]
        rows = ", ".join(f"{count} {table}" for table, count in sorted(account.rows.items()))
        return [
            ("faults", str(self.faults.total())),
            *((f"  {name}", str(count)) for name, count in sorted(self.faults.items())),
            ("seconds to recover", f"p50 {median(took):.1f}, max {max(took):.1f}" if took else ""),
            ("records acknowledged", str(self.records.acknowledged)),
            ("records of the watchdog", str(self.records.silences)),
            ("records of the log", str(account.read)),
            ("  frames", str(account.frames)),
            ("  frames folded", str(account.folded)),
            ("  refused", str(account.refused.total())),
            *((f"    {reason}", str(count)) for reason, count in sorted(account.refused.items())),
            ("outputs", str(account.outputs)),
            ("  repeated byte for byte", str(account.duplicates)),
            ("  of adopted runs, left out", str(account.restated)),
            ("dead letters", str(account.dead_letters)),
            ("rows of the database", rows),
            *((f"must be 0: {what}", str(count)) for what, count in self.must_be_zero.items()),
        ]

    def _plain(self) -> dict[str, Any]:
        took = [each.recovered_s for each in self.struck]
        recovery = {"p50_s": round(median(took), 2), "max_s": round(max(took), 2)} if took else {}
        return {
            **msgspec.to_builtins(self),
            "faults": self.faults,
            "recovery": recovery,
            "must_be_zero": self.must_be_zero,
        }
