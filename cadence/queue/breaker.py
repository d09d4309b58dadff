"""Whether a provider is tried at all: a breaker of three states as pure functions over a row that all daemons share.

It opens when everything handed to the provider fares badly, lets one message try after a while, and closes when that
goes well. What a single message's failure means for that message is the hand-over's business.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from cadence.facts import HOUR, MINUTE

OPENS_AFTER: int = 5
"""Failures in a row, none of them a single message's own fault, after which a provider is left alone."""
FIRST_PAUSE: int = MINUTE
LONGEST_PAUSE: int = 15 * MINUTE
LONGEST_AFTER_DOUBT: int = HOUR
"""The same where messages were left in doubt: each try may cost one, and no asking beforehand shows that trouble."""
FRESH: int = MINUTE
"""So long after a provider was found to work, as far as that shows without a message, one may be tried."""
TRY: int = 2 * MINUTE
"""So long nobody else tries a provider that one message is trying; nothing is heard of it if its daemon dies."""


class Breaker(StrEnum):
    """closed: messages flow. open: none go until `reopen_at`. half_open: one goes, to try, of all daemons' together; until
    `reopen_at` one is trying. Where the provider can be asked whether it works, only once it was, at `reopen_at`."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class Health:
    """How a provider fares."""

    breaker: Breaker = Breaker.CLOSED
    failures: int = 0
    opened_at: int | None = None
    reopen_at: int | None = None
    because: str | None = None


def asked(health: Health, now: int) -> Health:
    """The health as of now: an open breaker whose pause is over is half open. So is one that has yet to open: the clock was
    ahead then, and when its pause would be over nobody knows."""
    pausing = (health.opened_at or 0) <= now < (health.reopen_at or 0)
    return replace(health, breaker=Breaker.HALF_OPEN) if health.breaker is Breaker.OPEN and not pausing else health


def moved(health: Health, by: int) -> Health:
    """The same as told by a clock that is ahead by so much."""
    opened_at, reopen_at = (None if at is None else at + by for at in (health.opened_at, health.reopen_at))
    return replace(health, opened_at=opened_at, reopen_at=reopen_at)


def room(health: Health, now: int) -> int | None:
    """How many may go now: none, one to try, or None for any number."""
    if opens_at(health, now) > now:
        return 0
    return 1 if asked(health, now).breaker is Breaker.HALF_OPEN else None


def opens_at(health: Health, now: int) -> int:
    """The earliest instant, not before now, at which one may go."""
    waits = asked(health, now).breaker is Breaker.OPEN or being_tried(health, now)
    return max(health.reopen_at or now, now) if waits else now


def being_tried(health: Health, now: int) -> bool:
    """Whether one message is trying it."""
    return health.breaker is Breaker.HALF_OPEN and 0 < (health.reopen_at or 0) - now <= TRY


def tried(health: Health, now: int) -> Health:
    """One that is half open is tried from now on."""
    half = asked(health, now)
    return replace(half, reopen_at=now + TRY) if half.breaker is Breaker.HALF_OPEN else health


def untried(health: Health, now: int) -> Health:
    """The message that was to try it doesn't."""
    return replace(health, reopen_at=now) if being_tried(health, now) else health


def to_be_probed(health: Health, now: int) -> bool:
    """Whether a provider that can be asked if it works is to be asked, before a message is tried."""
    found = health.breaker is Breaker.HALF_OPEN and 0 <= now - (health.reopen_at or 0) <= FRESH
    return room(health, now) == 1 and not found


def found_well(health: Health, now: int) -> Health:
    """It was asked, and works as far as that shows."""
    return replace(health, breaker=Breaker.HALF_OPEN, reopen_at=now)


def succeeded(health: Health) -> Health:
    """The provider took a message, or refused it for the message's own fault: it is there."""
    return health if health == Health() else Health()


def failed(
    health: Health, now: int, because: str, n: int = 1, retry_after: int | None = None, in_doubt: bool = False
) -> Health:
    """n more messages in a row fared badly for the provider's fault; retry_after: microseconds it asked us to wait. in_doubt:
    nobody knows what became of them."""
    before = asked(health, now)
    failures = before.failures + n
    if before.breaker is Breaker.CLOSED and failures < OPENS_AFTER and retry_after is None:
        return replace(before, failures=failures, because=because)
    doublings = min(max(failures - OPENS_AFTER, 0), 6) if before.breaker is Breaker.HALF_OPEN else 0
    pause = min(LONGEST_AFTER_DOUBT if in_doubt else LONGEST_PAUSE, FIRST_PAUSE << doublings)
    return Health(Breaker.OPEN, max(failures, OPENS_AFTER), now, now + max(pause, retry_after or 0), because)
