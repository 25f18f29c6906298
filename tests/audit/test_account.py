"""The figures of an audit: which of them are faults."""

from collections import Counter

from aforo.audit import Account


def in_order() -> Account:
    return Account(read=12, frames=10, folded=7, refused_frames=3, refused=Counter(LATE=3, UNSIGNED=1), outputs=20)


def test_a_log_in_order_has_no_fault() -> None:
    assert in_order().faults == []


def test_repeated_and_restated_records_and_dead_letters_are_no_faults() -> None:
    account = in_order()
    account.duplicates, account.restated, account.dead_letters = 5, 6, 1
    assert account.faults == []


def test_a_frame_that_nobody_folded_or_refused_is_a_fault() -> None:
    account = in_order()
    account.folded -= 1
    assert account.faults == ["1 frames neither folded nor refused"]


def test_every_other_fault_is_named() -> None:
    account = in_order()
    account.contradictory, account.lost, account.wrong_letters, account.wrong_rows = 1, 2, 3, 4
    assert account.faults == [
        "1 contradictory outputs",
        "2 lost outputs",
        "3 wrong dead letters",
        "4 wrong database rows",
    ]
