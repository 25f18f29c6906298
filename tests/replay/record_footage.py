"""Writes data/footage-20s.ndjson: the first 20 s of the footage as the packaged detector sees them, under two zones and a line.

Run by hand, `python -m tests.replay.record_footage`, and only to make another recording: detectors differ by a hair between
machines, so the recording is the input that the committed digests belong to.
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import av

from detectors.factory import load_detector
from infra.local.footage import vtest
from schemas.events import DefineZones, FrameObserved, Line, Zone
from stream_processors.replay.lines import Logged, packed, to_json
from tests.local_stack import shared_cache

RECORDING = Path(__file__).parent / "data" / "footage-20s.ndjson"
START = 1_700_000_030_000  # a minute ends 10 s on
FRAMES, INTERVAL_MS = 200, 100
CAMERA = "plaza"
YARD = ((0.44, 0.40), (0.74, 0.33), (0.88, 0.52), (0.78, 0.72), (0.50, 0.58))
WALKWAY = ((0.0, 0.31), (0.44, 0.37), (0.46, 0.54), (0.0, 0.43))
ZONES = (
    Zone(zone_id="yard", name="Yard", kind="WORK", polygon=YARD, capacity=6),
    Zone(zone_id="walkway", name="Walkway", kind="TRANSIT", polygon=WALKWAY),
)
LINES = (Line(line_id="road", name="Road", points=((0.68, 0.30), (0.93, 0.47))),)


def recorded() -> Iterator[DefineZones | FrameObserved]:
    yield DefineZones(camera_id=CAMERA, command_id="zones", zones=ZONES, lines=LINES)
    detector = load_detector()
    scores = detector.scores
    with av.open(str(vtest(shared_cache()))) as container:
        for seq, picture in enumerate(islice(container.decode(video=0), FRAMES)):
            (found,) = detector.detect([picture.to_ndarray(format="bgr24")])
            yield FrameObserved(
                camera_id=CAMERA,
                session="footage",
                seq=seq,
                observed_at=START + seq * INTERVAL_MS,
                time_source="FILE",
                width=picture.width,
                height=picture.height,
                score_floor=scores.floor,
                score_high=scores.high,
                score_birth=scores.birth,
                low_only_ms=scores.low_only_ms,
                boxes=packed(found.boxes),
                scores=packed(found.scores),
            )


if __name__ == "__main__":
    RECORDING.write_bytes(b"".join(to_json(Logged("", record)) for record in recorded()))
