"""What an audit found, in figures. It knows nothing of how they were found."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Account:
    """What became of a camera log; `faults` is empty when nothing was lost, doubled or changed.

    Attributes:
        read: records of the log, as far as it was folded.
        frames: those among them that are frames.
        folded: frames that the published tracks show, each once.
        refused: records that the fold did not take, by reason.
        outputs: different records in the derived topics.
        duplicates: repetitions of them byte for byte, as crashes leave them; readers drop them by their position.
        restated: records of adopted replay runs, which are not the live fold's and not looked at here.
        contradictory: published records that the fold does not say.
        lost: records of the fold that a reader of the topics does not get.
        dead_letters: refused records in the dead-letter topic, each once.
        wrong_letters: refused records that are not there, and others that nobody refused.
        rows: rows that the read model must have, by table.
        wrong_rows: rows that are missing, different, or should not be there.
        examples: the first things that were wrong, for people.
    """

    read: int = 0
    frames: int = 0
    folded: int = 0
    refused_frames: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    outputs: int = 0
    duplicates: int = 0
    restated: int = 0
    contradictory: int = 0
    lost: int = 0
    dead_letters: int = 0
    wrong_letters: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    wrong_rows: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def visits(self) -> int:
        """Zone visits in the read model."""
        return self.rows["zone_visits"]

    @property
    def minutes(self) -> int:
        """Zone minutes in the read model."""
        return self.rows["zone_minutes"]

    @property
    def unaccounted(self) -> int:
        """Frames that were neither folded nor refused."""
        return self.frames - self.folded - self.refused_frames

    @property
    def must_be_zero(self) -> dict[str, int]:
        """What must not be."""
        return {
            "frames neither folded nor refused": self.unaccounted,
            "contradictory outputs": self.contradictory,
            "lost outputs": self.lost,
            "wrong dead letters": self.wrong_letters,
            "wrong database rows": self.wrong_rows,
        }

    @property
    def faults(self) -> list[str]:
        """Those that are."""
        return [f"{count} {what}" for what, count in self.must_be_zero.items() if count]
