"""A replay from a file to a folder, without a broker or a database: reads, folds, writes what lies in the range, counts."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from stream_processors.replay.digests import Digests
from stream_processors.replay.errors import InputError, NoDataError
from stream_processors.replay.folding import Folded, Refold
from stream_processors.replay.lines import Logged, NotARecord, NotARecordError
from stream_processors.replay.plan import Plan
from stream_processors.replay.reading import read
from stream_processors.replay.span import Span, told
from stream_processors.replay.summary import Summary, Tally, summarise
from stream_processors.replay.writing import Outputs


def replay(file: IO[bytes], folder: Path, plan: Plan, *, skip_errors: bool = False) -> Summary:
    """Fold a log file, open at its beginning, from its first record to its last, and write the range into `folder`.

    Raises:
        InputError: a line is no record (unless `skip_errors`), or the file cannot be read on.
        NoDataError: there is nothing to report of the range; nothing is written then.
    """
    tally, digests, refold = Tally(), Digests(), Refold(plan)
    with Outputs(folder) as outputs:
        for folded in _folds(read(file), refold, plan, tally, skip_errors=skip_errors):
            tally.add(folded)
            for said in folded.said:
                if plan.reports(said.output, folded.watermark):
                    outputs.write(said)
                    digests.add(said)
                    tally.report(said.output)
        if not tally.outputs:
            raise NoDataError(_nothing(plan.span, tally))
        for camera_id, camera in tally.cameras.items():
            camera.settled = refold.is_settled(camera_id)
        summary = summarise(plan, tally, {each: digests.of(each) for each in tally.cameras}, _approximate(plan, tally))
        outputs.publish(summary)
    return summary


def _folds(
    items: Iterable[Logged | NotARecord], refold: Refold, plan: Plan, tally: Tally, *, skip_errors: bool
) -> Iterator[Folded]:
    for item in items:
        try:
            if isinstance(item, NotARecord):
                raise NotARecordError(item.reason)  # noqa: TRY301 - found while reading or while folding, it is told once
            if plan.wants(item.record.camera_id):
                yield refold.fold(item)
        except NotARecordError as error:
            if not skip_errors:
                raise InputError(f"{item.place} is no record of a camera's log: {error}") from error
            tally.not_records += 1


def _approximate(plan: Plan, tally: Tally) -> frozenset[str]:
    """Cameras whose first frame lies within the range: who was there before is not known."""
    return frozenset(
        camera_id for camera_id, each in tally.cameras.items() if plan.span.begins_before(each.first_observed_at)
    )


def _nothing(span: Span, tally: Tally) -> str:
    if tally.first_observed_at is None:
        return "no frame in the log was taken, and nothing was defined: there is nothing to report"
    return (
        f"no data in {span}: the log's frames go from {told(tally.first_observed_at)} to {told(tally.last_observed_at)}"
    )
