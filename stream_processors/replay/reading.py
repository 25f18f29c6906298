"""Reads a log file record by record: one JSON record a line, or an Avro object container, told apart by magic bytes.

It holds one line or one block at a time and must not know what becomes of the records.
"""

from collections.abc import Iterator
from typing import IO

from stream_processors.replay.containers import MAGIC, read_container
from stream_processors.replay.errors import InputError
from stream_processors.replay.lines import Logged, NotARecord, read_json

MAX_LINE_BYTES = 16 * 2**20  # a frame of 100,000 people


def read(file: IO[bytes]) -> Iterator[Logged | NotARecord]:
    """Every record of a log file that is open at its beginning, in order; empty lines are passed over.

    Raises:
        InputError: the file cannot be read on.
    """
    magic = file.read(len(MAGIC))
    file.seek(0)
    return read_container(file) if magic == MAGIC else _lines(file)


def _lines(file: IO[bytes]) -> Iterator[Logged | NotARecord]:
    number = 0
    while line := file.readline(MAX_LINE_BYTES):
        number += 1
        if len(line) == MAX_LINE_BYTES:
            raise InputError(f"line {number} is longer than {MAX_LINE_BYTES >> 20} MB; write one record a line")
        if not line.isspace():
            yield read_json(f"line {number}", line)
