"""A replay from a file to a folder, without a broker or a database: reads, folds, writes what lies in the range, counts."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from stream_processors.domain.camera import FOLD_VERSION
from stream_processors.replay.errors import InputError, NoDataError
from stream_processors.replay.folding import Folded, Refold
from stream_processors.replay.lines import Logged, NotARecord, NotARecordError
from stream_processors.replay.reading import read
from stream_processors.replay.shapes import OtherZones
from stream_processors.replay.span import Span, event_time, told
from stream_processors.replay.summary import CameraSummary, Summary, Tally, versions
from stream_processors.replay.writing import Outputs


@dataclass(frozen=True, slots=True)
class Plan:
    """How to replay: under which zones, which range to report, and whether to go on after a line that is no record."""

    zones: OtherZones = field(default_factory=OtherZones)
    span: Span = field(default_factory=Span)
    skip_errors: bool = False


def replay(file: IO[bytes], folder: Path, plan: Plan) -> Summary:
    """Fold a log file, open at its beginning, from its first record to its last, and write the range into `folder`.

    Raises:
        InputError: a line is no record (unless such lines are skipped), or the file cannot be read on.
        NoDataError: there is nothing to report of the range; nothing is written then.
    """
    tally = Tally()
    with Outputs(folder) as outputs:
        for folded in _folds(read(file), plan, tally):
            _report(folded, plan.span, outputs, tally)
        if not tally.outputs:
            raise NoDataError(_nothing(plan.span, tally))
        summary = _summary(plan, outputs, tally)
        outputs.publish(summary)
    return summary


def _folds(items: Iterable[Logged | NotARecord], plan: Plan, tally: Tally) -> Iterator[Folded]:
    refold = Refold(plan.zones)
    for item in items:
        try:
            logged, folded = _fold(refold, item)
        except NotARecordError as error:
            if not plan.skip_errors:
                raise InputError(f"{item.place} is no record of a camera's log: {error}") from error
            tally.not_records += 1
            continue
        tally.add(logged, folded)
        yield folded


def _fold(refold: Refold, item: Logged | NotARecord) -> tuple[Logged, Folded]:
    if isinstance(item, NotARecord):
        raise NotARecordError(item.reason)
    return item, refold.fold(item)


def _report(folded: Folded, span: Span, outputs: Outputs, tally: Tally) -> None:
    for said in folded.said:
        if event_time(said.output, folded.watermark) in span:
            outputs.write(said)
            tally.report(said.output)


def _nothing(span: Span, tally: Tally) -> str:
    if tally.first_observed_at is None:
        return "no frame in the log was taken, and nothing was defined: there is nothing to report"
    return (
        f"no data in {span}: the log's frames go from {told(tally.first_observed_at)} to {told(tally.last_observed_at)}"
    )


def _summary(plan: Plan, outputs: Outputs, tally: Tally) -> Summary:
    cameras = {
        camera_id: CameraSummary(
            first_observed_at=each.first_observed_at,
            last_observed_at=each.last_observed_at,
            open_visits=each.open_visits,
            approximate=plan.span.begins_before(each.first_observed_at),
            digests=outputs.digests(camera_id),
        )
        for camera_id, each in sorted(tally.cameras.items())
    }
    return Summary(
        fold_version=FOLD_VERSION,
        versions=versions(),
        from_=plan.span.start,
        to=plan.span.stop,
        approximate=any(each.approximate for each in cameras.values()),
        read=dict(sorted(tally.read.items())),
        not_records=tally.not_records,
        replaced_definitions=tally.replaced,
        cameras_without_records=sorted(plan.zones.cameras.keys() - cameras.keys()),
        refused=dict(sorted(tally.refused.items())),
        first_observed_at=tally.first_observed_at,
        last_observed_at=tally.last_observed_at,
        open_visits=sum(each.open_visits for each in cameras.values()),
        outputs=dict(sorted(tally.outputs.items())),
        digests=outputs.whole_digests(),
        cameras=cameras,
    )
