"""The account of a camera log: folds it again offline and compares with what was published and stored, byte for byte.

Every record must be folded or named as refused; every output must be there, the same, and in the database.
"""

from contextlib import closing

from aforo.audit.account import Account
from aforo.audit.published import Published, published
from aforo.audit.reading import records
from aforo.audit.refold import Letter, Refolded, letter_of, refold
from aforo.audit.tables import Compared, compare
from aforo.lag import PROJECTED, Readers
from schemas.events import TracksObserved
from schemas.settings import KafkaSettings
from schemas.signing import Verifier
from schemas.topics import CAMERA_LOG, CAMERA_SNAPSHOTS, DEAD_LETTERS
from schemas.wire import Wire
from stream_processors.agents.camera_fold import CameraFold
from stream_processors.runtime.partitioning import Partitioning

__all__ = ["Account", "audit"]

DERIVED = (*PROJECTED, CAMERA_SNAPSHOTS)
EXAMPLES, EXAMPLE_LENGTH = 10, 400


def audit(kafka: KafkaSettings, wire: Wire, verifier: Verifier, database_url: str) -> Account:
    """Fold the camera log again, as far as the live fold has acknowledged it, and compare.

    Everything must have caught up with the log and be at rest, and the log must never have grown: a camera that has moved
    to another partition would be folded from two beginnings.

    Raises:
        ConnectionError: a topic cannot be read to its end.
    """
    with closing(Readers(kafka, database_url)) as readers:
        folded = readers.folded()
        derived, letters = readers.ends(DERIVED), readers.ends([DEAD_LETTERS])
    by_partition = {partition: offset for (_, partition), offset in folded.items()}
    refolded = refold(records(kafka, folded), CameraFold(wire, verifier, Partitioning.of(kafka)), wire)
    seen = published(records(kafka, derived), wire, by_partition)
    found = [letter_of(each.partition, each) for each in records(kafka, letters)]
    of_the_log = {each for each in found if each.topic == CAMERA_LOG and each.offset < by_partition[each.partition]}
    said = ((topic, event) for (topic, _), event in refolded.outputs.items() if topic in PROJECTED)
    compared = compare(said, database_url)
    return _account(refolded, seen, of_the_log, compared)


def _account(refolded: Refolded, seen: Published, letters: set[Letter], compared: Compared) -> Account:
    contradictory = seen.events.keys() - refolded.outputs.keys()
    lost = refolded.outputs.keys() - seen.kept
    wrong_letters = letters ^ refolded.letters
    examples = [
        *(f"contradictory: {seen.events[each]}" for each in contradictory),
        *(f"lost: {refolded.outputs[each]}" for each in lost),
        *(f"dead letter missing or unasked for: {each}" for each in wrong_letters),
        *compared.wrong,
    ]
    return Account(
        read=refolded.read,
        frames=refolded.frames,
        folded=sum(isinstance(seen.events[each], TracksObserved) for each in seen.kept),
        refused_frames=refolded.refused_frames,
        refused=refolded.refused,
        outputs=len(seen.events),
        duplicates=seen.repeated,
        restated=seen.restated,
        contradictory=len(contradictory),
        lost=len(lost),
        dead_letters=len(letters),
        wrong_letters=len(wrong_letters),
        rows=compared.rows,
        wrong_rows=len(compared.wrong),
        examples=[each[:EXAMPLE_LENGTH] for each in examples[:EXAMPLES]],
    )
