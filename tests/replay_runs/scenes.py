"""What the tests of replay runs film: somebody at a desk, who then stands beside it and leaves."""

from typing import Any

from tests.domain.walks import BORN, DESK, MINUTE, START, define, every, film, square, walking

STOP = START + 3 * MINUTE
STEP = 500
LEFT = BORN + 60_000 + 8_000 * 2 // 3  # the desk's border lies at two thirds of the way
GONE = BORN + 100_000
WIDER = square("desk", 0.25, 0.25, 1.0, 0.75)
SOFA = square("sofa", 0.75, 0.25, 1.0, 0.75, kind="REST")
_PATH = walking((BORN, 0.5, 0.5), (BORN + 60_000, 0.5, 0.5), (BORN + 68_000, 0.875, 0.5), (GONE, 0.875, 0.5))


def a_walk() -> list[Any]:
    """A minute at the desk, then beside it, within the wider one and the sofa."""
    return [define(DESK), *film(every(STEP, START, STOP + 5_000), _PATH)]
