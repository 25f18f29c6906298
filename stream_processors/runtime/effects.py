"""Where in a derived topic that begins which follows from a record of the log. It must not know what topics hold.

An effect is appended after its cause, but not always at a later time: clocks of brokers differ, and are set back.
"""

from collections.abc import Callable


def first_effect(guess: int, begin: int, follows: Callable[[int], bool]) -> int:
    """An offset from which on every effect stands.

    Args:
        guess: where append times say that they begin.
        begin: the first offset there is.
        follows: whether what stands at an offset was caused by the record or by one after it.
    """
    step = 1
    while guess > begin and follows(guess - 1):
        guess = max(begin, guess - step)
        step *= 2
    return guess
