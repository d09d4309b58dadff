"""What every provider is held to, whatever its own code does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pytest

from cadence.providers.letter import Letter, Mailbox
from cadence.providers.provider import MAX_DETAIL, CannotSend, Outcome, Receipt, hand_over, shown

Make = Callable[..., Letter]


def accept(letters: Sequence[Letter]) -> Iterator[Receipt]:
    for letter in letters:
        yield Receipt(letter.message_id, Outcome.ACCEPTED)


def test_receipts_come_in_the_letters_order(letter: Make) -> None:
    receipts = hand_over([letter(2), letter(1)], 10, lambda letters: accept(letters[::-1]))
    assert [receipt.message_id for receipt in receipts] == [2, 1]


def test_what_was_taken_before_the_code_failed_is_not_forgotten_and_the_rest_is_doubt(letter: Make) -> None:
    def fails(letters: Sequence[Letter]) -> Iterator[Receipt]:
        yield from accept(letters[:1])
        raise RuntimeError("secret words")

    first, second = hand_over([letter(1), letter(2)], 10, fails)
    assert (first.outcome, second.outcome) == (Outcome.ACCEPTED, Outcome.IN_DOUBT)
    assert "RuntimeError" in second.detail
    assert "secret" not in second.detail


def test_a_forgotten_letter_is_in_doubt(letter: Make) -> None:
    receipts = hand_over([letter(1), letter(2)], 10, lambda letters: accept(letters[1:]))
    assert [receipt.outcome for receipt in receipts] == [Outcome.IN_DOUBT, Outcome.ACCEPTED]


def test_a_letter_that_was_not_composed_is_a_wrong_call() -> None:
    bare = Letter(1, 1, Mailbox("a@b.example"), Mailbox("a@b.example"), "s", "<a@b>", "service", 0, False)
    with pytest.raises(CannotSend, match="compose"):
        hand_over([bare], 10, accept)


def test_a_provider_is_not_called_when_no_letter_may_go(letter: Make) -> None:
    def never(letters: Sequence[Letter]) -> Iterator[Receipt]:
        raise AssertionError

    (receipt,) = hand_over([letter(1, marketing=True)], 10, never)
    assert (receipt.outcome, receipt.asked) == (Outcome.REFUSED, False)


def test_a_detail_is_one_short_line_without_secrets() -> None:
    detail = shown("a\r\nkey\0" + "x" * 1000, "key")
    assert detail.startswith("a *** xxx")
    assert len(detail) == MAX_DETAIL
