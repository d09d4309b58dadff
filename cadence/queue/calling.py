"""Calling a provider with letters that are recorded as `sending`, and holding it to one receipt for each that can be
written down.

Whatever it throws, forgets or babbles is doubt, for a letter may have gone. What receipts do is `receipts`' matter.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from cadence.log import logger
from cadence.providers.letter import Letter
from cadence.providers.provider import Awake, CannotSend, Outcome, Provider, Receipt, Shut, always, asleep, shown

_log = logger("queue")

LONGEST_WAIT: float = 86_400.0
"""Seconds; a provider that names a later time to come back is asked again after this."""
LONGEST_ID: int = 500
"""Characters of a provider's id for a message; a longer one is none."""


def deliver(provider: Provider, letters: Sequence[Letter], awake: Awake = always) -> list[Receipt]:
    """Call the provider, as many letters at a time as it takes: one receipt for each letter, RETRY for those that it is in
    too much trouble to be asked for. awake: asked before each letter; when it says no, nothing more is begun."""
    return _in_parts(provider, letters, max(1, provider.capabilities.max_batch), awake)


def _in_parts(provider: Provider, letters: Sequence[Letter], size: int, awake: Awake) -> list[Receipt]:
    receipts: list[Receipt] = []
    for start in range(0, len(letters), size):
        chunk = letters[start : start + size]
        if receipts and receipts[-1].whole_provider and receipts[-1].outcome is Outcome.RETRY:
            last = replace(receipts[-1], provider_id=None, suspect=False)
            receipts += [replace(last, message_id=letter.message_id) for letter in chunk]
        else:
            receipts += _called(provider, chunk, awake) if awake() else asleep(chunk)
    return receipts


def _called(provider: Provider, letters: Sequence[Letter], awake: Awake) -> list[Receipt]:
    """One call. Where the provider says that it was wrong, nothing went out, and one letter may be to blame: they are handed
    over one by one. The first that it takes alone no better has a try spent, and the others wait as for any trouble of the
    provider's."""
    try:
        said = whole(letters, provider.send(letters, awake))
    except CannotSend as refused:
        if len(letters) > 1:
            return _in_parts(provider, letters, 1, awake)
        _log.error("the provider was asked for what it can't do; nothing went out", why=str(refused))
        detail = shown(str(refused))
        said = [Receipt(m.message_id, Outcome.RETRY, None, detail, whole_provider=True, suspect=True) for m in letters]
    except Exception as error:  # noqa: BLE001 - a provider that throws has broken its contract: nobody knows what went out
        why = f"the provider's code failed with {type(error).__name__}"
        _log.error(why, provider=provider.name)
        said = [Receipt(letter.message_id, Outcome.IN_DOUBT, detail=why) for letter in letters]
    return said


def ask(provider: Provider) -> Shut | None:
    """Why a provider would take nothing now, fit to be written down; None: it works, as far as that shows without a letter."""
    try:
        shut = provider.probe()
    except Exception as error:  # noqa: BLE001 - whatever it is, a letter would fare no better
        return Shut(f"the provider's code failed with {type(error).__name__}")
    return None if shut is None else Shut(shown(shut.detail), _fit_wait(shut.retry_after))


def whole(letters: Sequence[Letter], receipts: Iterable[Receipt]) -> list[Receipt]:
    """One receipt for each letter, in their order and fit to be written down: of several the first, and doubt where there
    is none."""
    by_id: dict[int, Receipt] = {}
    for receipt in receipts:
        by_id.setdefault(receipt.message_id, fit(receipt))
    return [
        by_id.get(i) or Receipt(i, Outcome.IN_DOUBT, detail="the provider gave no receipt for it")
        for i in (letter.message_id for letter in letters)
    ]


def fit(receipt: Receipt) -> Receipt:
    """A receipt with words, an id and a wait that can be written down, whatever the provider said."""
    known = receipt.provider_id
    return replace(
        receipt,
        provider_id=known if known and known.isprintable() and len(known) <= LONGEST_ID else None,
        detail=shown(receipt.detail),
        code=None if receipt.code is None else shown(receipt.code),
        retry_after=_fit_wait(receipt.retry_after),
    )


def _fit_wait(wait: float | None) -> float | None:
    return None if wait is None or math.isnan(wait) else min(max(wait, 0.0), LONGEST_WAIT)
