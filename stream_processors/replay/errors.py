"""What ends a replay or an export; every message says what to do next."""


class ReplayError(Exception):
    """A replay cannot be done as asked.

    - InputError: a line that is no record, or a file that cannot be read on.
    - ZonesError: the other zones cannot be used.
    - NoDataError: the log says nothing of the range.
    """


class InputError(ReplayError):
    """A line or record of the input cannot be folded."""


class ZonesError(ReplayError):
    """The zones to replay with cannot be used."""


class NoDataError(ReplayError):
    """There is nothing to report; absence means unknown, never zero people."""


class ExportError(Exception):
    """A live log cannot be written to a file."""
