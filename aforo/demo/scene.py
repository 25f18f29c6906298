"""What the demo shows: two cameras over the same footage, each with zones that make sense in it."""

from typing import Any


def _zone(
    zone_id: str, name: str, kind: str, corners: list[tuple[float, float]], capacity: int | None
) -> dict[str, Any]:
    polygon = [{"x": x, "y": y} for x, y in corners]
    return {"zoneId": zone_id, "name": name, "kind": kind, "polygon": polygon, "capacity": capacity}


YARD = _zone("yard", "Yard", "WORK", [(0.44, 0.40), (0.74, 0.33), (0.88, 0.52), (0.78, 0.72), (0.50, 0.58)], 6)
WALKWAY = _zone("walkway", "Walkway", "TRANSIT", [(0.0, 0.31), (0.44, 0.37), (0.46, 0.54), (0.0, 0.43)], None)
LAWN = _zone("lawn", "Lawn", "REST", [(0.0, 0.45), (0.40, 0.57), (0.62, 0.73), (0.62, 1.0), (0.0, 1.0)], 10)
COUNTER = _zone("counter", "Counter", "WORK", [(0.30, 0.34), (0.58, 0.34), (0.58, 0.56), (0.30, 0.50)], 3)
QUEUE = _zone("queue", "Queue", "QUEUE", [(0.58, 0.34), (0.95, 0.30), (0.95, 0.78), (0.58, 0.60)], 8)
ROAD = {"lineId": "road", "name": "Road", "points": [{"x": 0.68, "y": 0.30}, {"x": 0.93, "y": 0.47}]}

SCENES: dict[str, dict[str, Any]] = {
    "plaza": {"zones": [YARD, WALKWAY, LAWN], "lines": [ROAD]},
    "gate": {"zones": [COUNTER, QUEUE], "lines": []},
}
