"""How long to wait before the next attempt to reach a camera. Pure: the random number is an argument."""

from collections.abc import Mapping

from producers.sources.source import LossReason

_BASE_S = 0.25
_CAP_S = 5.0
_QUICK_CAP_S: Mapping[LossReason, float] = {
    # Somebody answers at once: an attempt costs a few packets, and who restarts is back in seconds.
    "REFUSED": 0.5,
    "NOT_FOUND": 0.5,
    "END_OF_STREAM": 0.5,
}
_REJECTED_S = 60.0
_JITTER = 0.2


def delay_s(reason: LossReason, failures: int, random: float) -> float:
    """Seconds to wait after `failures` (1 or more) failures in a row, of which the last had this reason.

    The delay doubles up to a cap, and varies so that cameras behind one switch do not return in step. A camera that
    rejects our password is asked once a minute: many lock out whoever insists.

    Args:
        reason: why the last attempt failed.
        failures: how many failed in a row.
        random: uniform in 0..1.
    """
    # 2.0 to a large power overflows; long before that the cap holds.
    grown = min(_QUICK_CAP_S.get(reason, _CAP_S), _BASE_S * 2.0 ** min(failures - 1, 32))
    plain = _REJECTED_S if reason == "AUTHENTICATION" else grown
    return plain * (1 + _JITTER * (2 * random - 1))
