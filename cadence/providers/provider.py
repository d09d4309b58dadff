"""The contract between the hand-over and a provider: letters in, exactly one receipt for each out.

What a receipt says decides about promise 2 (nothing lost, no marketing twice), so the four outcomes are defined here
once, and `hand_over` holds every provider to them. How a provider speaks to its service is its own folder's matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from cadence.providers.letter import Letter

MAX_DETAIL = 500


class Outcome(Enum):
    """What became of one letter, as far as the provider told."""

    ACCEPTED = "accepted"
    """The provider took it and answers for it now."""
    REFUSED = "refused"
    """It never took it and never will: the touch is withdrawn."""
    RETRY = "retry"
    """It never took it, but may later: the touch is withdrawn, the message may be decided anew."""
    IN_DOUBT = "in_doubt"
    """Nobody knows: it counts as a touch, and marketing is not handed over again."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a provider said to one letter.

    `provider_id` is the provider's own id for it; `detail` one sentence for people, free of secrets; `code` the
    provider's code ("550 5.1.1", "429"), if it gave one. `retry_after` is in seconds. `whole_provider` says that
    the trouble is not this letter's: whatever is handed to this provider now would fare the same. `suspect` says that
    it came while this letter was at hand, so that it may be this letter's all the same: it goes after the others from
    then on. One in doubt always is. `asked` is False where the letter was never begun for a reason that lies with us: it may
    not go as it is, or its turn didn't come in time. That is no try of the letter's, and says nothing of the provider.
    """

    message_id: int
    outcome: Outcome
    provider_id: str | None = None
    detail: str = ""
    code: str | None = None
    retry_after: float | None = None
    whole_provider: bool = False
    suspect: bool = False
    asked: bool = True


Awake = Callable[[], bool]
"""Whether this daemon has been awake ever since it looked whether its letters may go; nothing that costs."""


def always() -> bool:
    """For whoever needs no such care: what is handed over may go."""
    return True


@dataclass(frozen=True, slots=True)
class Shut:
    """Why a provider would take nothing now, in one sentence free of secrets, and in how many seconds to come back, if it said
    so."""

    detail: str
    retry_after: float | None = None


class Ability(Enum):
    """What some providers can do and others can't; each says which it lacks, and why."""

    PROBE = "can be asked whether it works without being handed a letter"
    SETTLE = "tells afterwards whether it has a message whose hand-over is in doubt"
    NON_ASCII_MAILBOX = "takes addresses whose mailbox name (before the @) is not ASCII"
    KEEP_MESSAGE_ID = "delivers with the Message-ID that we gave"
    REFUSE = "refuses single letters"
    HANG = "may hang, so that fate is unknown"
    RETRY = "asks to try again later"
    SECRETS = "is opened with a secret"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """`max_batch` is how many letters one call takes; `cannot` maps what it can't do to a sentence saying why."""

    max_batch: int
    cannot: Mapping[Ability, str] = field(default_factory=dict)


class CannotSend(Exception):
    """A call that was wrong in itself, found before anything went out; nothing was handed over."""


class Provider(Protocol):
    """One opened way out. Not to be shared by threads; close it when done."""

    @property
    def name(self) -> str:
        """The name in the registry."""

    @property
    def channel(self) -> str:
        """The channel it serves."""

    @property
    def capabilities(self) -> Capabilities:
        """What it takes and what it can't do."""

    def send(self, letters: Sequence[Letter], awake: Awake = always, /) -> list[Receipt]:
        """Hand the letters over; one receipt each, in their order.

        awake is asked right before each letter is begun, of several threads maybe: whether that may still go. Once it says no,
        none is begun, not even the first, and the rest is put off (`asleep`).

        Never raises for what the provider or the network does: that is in the receipts. Raises `CannotSend`, before
        anything went out, when the call is wrong (too many letters, one twice, one not composed).
        """

    def probe(self) -> Shut | None:
        """Whether it works, as far as that shows without a letter; None: it does. Asked before a letter is risked with one that
        was in trouble. Never raises for what the provider or the network does; raises `CannotSend` where it lacks PROBE."""

    def settle(self, message_ids: Sequence[int]) -> dict[int, bool]:
        """Say of messages in doubt whether the provider has them; one that can't be told just now is left out.

        Raises `CannotSend` where it lacks SETTLE.
        """

    def close(self) -> None:
        """Let go of connections. Sending after that raises `CannotSend`."""


def hand_over(
    letters: Sequence[Letter],
    limit: int,
    deliver: Callable[[Sequence[Letter]], Iterator[Receipt]],
) -> list[Receipt]:
    """Run `deliver` over the letters that may go, and hold it to the contract.

    Marketing without a way out is refused here, for all providers alike. A letter for which `deliver` gives no receipt
    (it threw, or forgot one) is in doubt: it may have gone.
    """
    _check_call(letters, limit)
    receipts = {letter.message_id: _no_way_out(letter) for letter in letters if _lacks_way_out(letter)}
    fit = [letter for letter in letters if letter.message_id not in receipts]
    trouble = "the provider gave no receipt for it"
    try:
        for receipt in deliver(fit) if fit else ():
            receipts[receipt.message_id] = receipt
    except Exception as error:  # noqa: BLE001 - whatever it is, what went out before must not be forgotten
        trouble = f"the provider's code failed with {type(error).__name__} while handing over"
    for letter in fit:
        receipts.setdefault(letter.message_id, Receipt(letter.message_id, Outcome.IN_DOUBT, detail=trouble))
    return [receipts[letter.message_id] for letter in letters]


def retry_rest(
    letters: Sequence[Letter], detail: str, *, code: str | None = None, retry_after: float | None = None
) -> Iterator[Receipt]:
    """Receipts for letters that were never begun, because the whole provider is in trouble."""
    for letter in letters:
        yield Receipt(letter.message_id, Outcome.RETRY, None, detail, code, retry_after, whole_provider=True)


def unfit(letter: Letter, detail: str, code: str | None = None) -> Receipt:
    """The receipt for a letter that can't go as it is, found before the provider was asked to take it."""
    return Receipt(letter.message_id, Outcome.REFUSED, None, detail, code, asked=False)


def out_of_time(letters: Iterable[Letter], seconds: float) -> Iterator[Receipt]:
    """Receipts for letters that were never begun, because those before them took all the seconds that a batch may. No provider
    gives them to the first letter that it would ask for: one that gets nothing through at all is in trouble."""
    yield from _put_off(letters, f"not begun within the {seconds:g} seconds that a batch may take")


def asleep(letters: Iterable[Letter]) -> Iterator[Receipt]:
    """Receipts for letters that were never begun, because this daemon was asleep in the middle of a batch: their contacts may
    have said stop meanwhile, and others may have taken its share over."""
    yield from _put_off(letters, "this daemon was asleep, and others may have taken its share over meanwhile")


def _put_off(letters: Iterable[Letter], detail: str) -> Iterator[Receipt]:
    for letter in letters:
        yield Receipt(letter.message_id, Outcome.RETRY, None, detail, asked=False)


def shown(text: str, *secrets: str) -> str:
    """A provider's words made fit for a detail: one line, printable, short, and without the secrets it might echo."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= MAX_DETAIL else line[: MAX_DETAIL - 1] + "…"


def _check_call(letters: Sequence[Letter], limit: int) -> None:
    if len(letters) > limit:
        raise CannotSend(f"{len(letters)} letters in one call; at most {limit} are taken: hand over smaller batches")
    if len({letter.message_id for letter in letters}) != len(letters):
        raise CannotSend("a message is in the batch twice; each message may be handed over once")
    for letter in letters:
        if not letter.mime:
            raise CannotSend(
                f"the letter for message {letter.message_id} has no MIME: "
                "make letters with cadence.send.letter.compose, which checks their headers too"
            )


def _lacks_way_out(letter: Letter) -> bool:
    return letter.marketing and not letter.list_unsubscribe


def _no_way_out(letter: Letter) -> Receipt:
    detail = (
        f"{letter.category} is marketing and this letter has no way out (List-Unsubscribe): "
        "set up an unsubscribe address with its inbox, or mark the category transactional"
    )
    return unfit(letter, detail, "no way out")
