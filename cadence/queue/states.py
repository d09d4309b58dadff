"""The states of a message and every way from one to another: the table that the statements go by and that
docs/states.md draws.

It moves nothing itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where a message is in its life. The words are stored."""

    WAITING = "waiting"
    DECIDED = "decided"
    SENDING = "sending"
    IN_DOUBT = "in_doubt"
    SENT = "sent"
    SUPPRESSED = "suppressed"
    REFUSED = "refused"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"
    STOPPED = "stopped"


FINAL: frozenset[State] = frozenset(
    {State.SENT, State.SUPPRESSED, State.REFUSED, State.EXPIRED, State.SUPERSEDED, State.WITHDRAWN, State.STOPPED}
)
"""A message never leaves these: a suppressed one that is released is queued again under a new id."""


@dataclass(frozen=True, slots=True)
class Arrow:
    """One way from a state to another, and when it is taken."""

    source: State | None
    """None: the message is new."""
    target: State
    when: str


_S = State
ARROWS: tuple[Arrow, ...] = (
    Arrow(None, _S.WAITING, "accepted"),
    Arrow(_S.WAITING, _S.WAITING, "deferred or held"),
    Arrow(_S.WAITING, _S.DECIDED, "welcome now"),
    Arrow(_S.WAITING, _S.SUPPRESSED, "never welcome before it expires"),
    Arrow(_S.WAITING, _S.EXPIRED, "its expiry has passed"),
    Arrow(_S.WAITING, _S.SUPERSEDED, "another of the same collapse key stays"),
    Arrow(_S.WAITING, _S.STOPPED, "stop_on or still_if"),
    Arrow(_S.WAITING, _S.WITHDRAWN, "campaign ended, contact gone, or shadow"),
    Arrow(_S.WAITING, _S.REFUSED, "no address on its channel"),
    Arrow(_S.DECIDED, _S.WAITING, "lapsed, the last look found otherwise, or its template is missing"),
    Arrow(_S.DECIDED, _S.REFUSED, "cannot be written, or no provider"),
    Arrow(_S.DECIDED, _S.IN_DOUBT, "in doubt as transactional, and marketing by a new policy"),
    Arrow(_S.DECIDED, _S.SENDING, "recorded before the provider is called"),
    Arrow(_S.SENDING, _S.SENT, "the provider took it"),
    Arrow(_S.SENDING, _S.REFUSED, "the provider never took it and won't"),
    Arrow(_S.SENDING, _S.DECIDED, "the provider asks to try again, or transactional in doubt"),
    Arrow(_S.SENDING, _S.WAITING, "never taken, to be decided anew"),
    Arrow(_S.SENDING, _S.IN_DOUBT, "nobody knows"),
    Arrow(_S.IN_DOUBT, _S.SENT, "the provider reports it"),
    Arrow(_S.IN_DOUBT, _S.REFUSED, "the provider reports that it was never taken"),
    Arrow(_S.IN_DOUBT, _S.WAITING, "settled by looking: it never left"),
)
"""Every way there is."""


def sources_of(target: State) -> tuple[State, ...]:
    """The states from which a message may come into this one."""
    return tuple(a.source for a in ARROWS if a.target is target and a.source is not None)


def may(source: State, target: State) -> bool:
    """Whether there is such a way."""
    return source in sources_of(target)


def drawing() -> str:
    """The states as a Mermaid state diagram: what docs/states.md holds between its marks."""
    lines = ["stateDiagram-v2"]
    for arrow in ARROWS:
        lines.append(f"    {arrow.source.value if arrow.source else '[*]'} --> {arrow.target.value}: {arrow.when}")
    lines += [f"    {state.value} --> [*]" for state in State if state in FINAL]
    return "\n".join(lines)
