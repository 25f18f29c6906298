"""What ends a replay or an export; every message says what to do next."""


class ReplayError(Exception):
    """A replay cannot be done as asked.

    - InputError: a line that is no record, or a file that cannot be read on.
    - ZonesError: the other zones cannot be used.
    - NoDataError: the log says nothing of the range.
    - BrokerError: Kafka or the registry are away, or do not hold any more what is needed.
    - BusyError: another replay is at work in the same place.
    - InterruptedReplayError: a process of it died; what was done is kept.
    """


class InputError(ReplayError):
    """A line or record of the input cannot be folded."""


class ZonesError(ReplayError):
    """The zones to replay with cannot be used."""


class NoDataError(ReplayError):
    """There is nothing to report; absence means unknown, never zero people."""


class BrokerError(ReplayError):
    """What is needed cannot be read from Kafka now."""


class BusyError(ReplayError):
    """Another process replays into the same place."""


class InterruptedReplayError(ReplayError):
    """A process of the replay ended before its time; the same replay goes on where it was."""


class ExportError(Exception):
    """A live log cannot be written to a file."""
