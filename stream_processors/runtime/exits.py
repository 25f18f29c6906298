"""How a worker process ends, beside 0 for a stop in order and 1 for an error: what supervises it decides by the status."""

STOP_WITHIN_S = 9.0

UNFINISHED = 75  # could not stop in order in that time; what was not acknowledged is delivered again
STOOD_STILL = 76  # was frozen, and others may own its partitions
REFUSED_TO_START = 78  # starting again would not help
