"""Writes to a spool until it is killed, and says after each commit what is kept: `spool_writer.py FILE`."""

import sys
from itertools import count
from pathlib import Path

from producers.spool import Spool
from tests.producers.messages import message


def main(path: Path) -> None:
    spool = Spool(path)
    for first in count(1, 20):
        spool.append([message(number, size=2_000) for number in range(first, first + 20)])
        sys.stdout.write(f"{first + 19}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
