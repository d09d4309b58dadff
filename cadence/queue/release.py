"""What admins do by hand: release one message, stop a contact, hold and unhold them. Each with a reason, on the
record.

A release passes only the rules that a release may pass; everything is decided anew by the tick, nothing is decided
here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from cadence.facts import EventKind, HoldKind
from cadence.policy.policy import Policy
from cadence.queue.accept import NewMessage, accept
from cadence.queue.states import FINAL, State
from cadence.store import Store, arrivals, changes
from cadence.store import round as rows_of
from cadence.store.bulk import Values
from cadence.store.consents import record_consents
from cadence.store.engine import lock_shards
from cadence.store.events import record_events
from cadence.store.find import queued_again_for
from cadence.store.ids import new_id
from cadence.store.round import Messages
from cadence.store.rows import LONGEST_KEY, ConsentRow, EventRow
from cadence.store.status import every_shard

SOURCE = "by hand"
_CAME_TO_NOTHING = FINAL - {State.SENT, State.SUPPRESSED}


class ByHandError(ValueError):
    """What was asked for can't be done: a sentence that says why, and what can."""


@dataclass(frozen=True, slots=True)
class Released:
    """A message that an admin let pass."""

    message: int
    """The one that is asked now: the same that waited, or a new one for a suppressed one."""
    revives: int | None
    """The suppressed message that it was queued again for."""


def release(store: Store, policy: Policy, message: int, reason: str, by: str, now: int) -> Released:
    """Let one waiting or suppressed message pass what a release may pass, once. A suppressed one is queued again
    under a new id. One that was released before and came back is asked at once; it stays released since the first time, by
    which what was decided in between is judged.

    Raises ByHandError for a message that isn't there, is neither, or was queued again before and may still go, or went."""
    _needs_reason(reason)
    with store.write() as conn:
        found = _find(conn, message)
        state, place = found["state"][0], (found["shard"][0], found["contact"][0])
        if state == State.WAITING:
            changed: dict[str, Values] = {"due_at": [now], "ask_because": ["released"]}
            if found["released_at"][0] is None:
                changed |= {"released_at": [now], "released_by": [by], "released_reason": [reason]}
            rows_of.move(conn, found.keys([0]), State.WAITING, changed)
            done = Released(message, None)
        elif state == State.SUPPRESSED:
            _only_once(conn, message, place[1])
            done = Released(_queue_again(conn, policy, place, message, reason, by, now), message)
        else:
            raise ByHandError(f"message {message} is {state}; only what is waiting or suppressed can be released")
        detail = {} if done.revives is None else {"queued_again_as": done.message}
        changes.note(conn, "release", by, now, reason, place, message, **detail)
    return done


def stop(
    store: Store,
    contact: tuple[int, int],
    reason: str,
    by: str,
    now: int,
    category: str | None = None,
    channel: str | None = None,
) -> None:
    """Stop a contact, given as (shard, id), for a category, on a channel, or altogether (do-not-contact). Only their
    own new consent ends it. Raises ByHandError where there is no such contact."""
    _needs_reason(reason)
    kind = EventKind.DO_NOT_CONTACT if category is None and channel is None else EventKind.OPT_OUT
    row = ConsentRow("", now, kind, category, channel, source_id=str(new_id()), by=by)
    with store.write() as conn:
        _known(contact, record_consents(conn, [row], now, SOURCE, [contact]).new)
        changes.note(conn, "stop", by, now, reason, contact, category=category, channel=channel)


def hold(
    store: Store,
    contact: tuple[int, int],
    reason: str,
    by: str,
    now: int,
    kind: str = HoldKind.MANUAL.value,
    until: int | None = None,
) -> None:
    """Hold marketing to a contact, given as (shard, id), until an instant or until `end_hold`. Raises ByHandError
    where there is no such contact, the hold has no kind, or would end before it begins."""
    _needs_reason(reason)
    if not kind.strip() or len(kind) > LONGEST_KEY:
        raise ByHandError(f"a hold needs a kind: a word or a few, of at most {LONGEST_KEY} characters")
    if until is not None and until <= now:
        raise ByHandError("a hold has to end after now; give a later instant, or none")
    detail = {"reason": reason, "by": by}
    row = EventRow("", now, EventKind.HOLD, str(new_id()), subject=kind, until=until, detail=detail)
    with store.write() as conn:
        _known(contact, record_events(conn, [row], now, SOURCE, [contact]).new)
        changes.note(conn, "hold", by, now, reason, contact, kind=kind, until=until)


def end_hold(
    store: Store, contact: tuple[int, int], reason: str, by: str, now: int, kind: str = HoldKind.MANUAL.value
) -> None:
    """End a contact's holds of a kind; what waits is asked again. Raises ByHandError where there is no such contact."""
    _needs_reason(reason)
    row = EventRow("", now, EventKind.RELEASE, str(new_id()), subject=kind, detail={"reason": reason, "by": by})
    with store.write() as conn:
        _known(contact, record_events(conn, [row], now, SOURCE, [contact]).new)
        changes.note(conn, "release_hold", by, now, reason, contact, kind=kind)


def _needs_reason(reason: str) -> None:
    if not reason.strip():
        raise ByHandError("a reason is needed: it stands on the record beside who did it")


def _known(contact: tuple[int, int], written: int) -> None:
    if not written:
        raise ByHandError(f"contact {contact[1]} isn't known")


def _find(conn: Connection, message: int) -> Messages:
    """A message as it stands, with its shard locked."""
    every = every_shard(conn)
    found = rows_of.messages_by_id(conn, [(shard, message) for shard in every])
    if not len(found):
        raise ByHandError(f"there is no message {message}; `cadence queue` and `cadence suppressed` list what there is")
    lock_shards(conn, [found["shard"][0]])
    again = rows_of.messages_by_id(conn, [(found["shard"][0], message)])
    if not len(again):
        raise ByHandError(f"message {message} moved just now, because its contact's circle merged; try again")
    return again


def _only_once(conn: Connection, message: int, contact: int) -> None:
    """A suppressed message is queued again once: whoever clicks twice means one letter. Where that one came to nothing, once
    more."""
    for again, state in queued_again_for(conn, message, contact):
        if state == State.SUPPRESSED:
            raise ByHandError(
                f"message {message} was queued again as {again}, and that was suppressed too; release {again}"
            )
        if state not in _CAME_TO_NOTHING:
            raise ByHandError(f"message {message} was released before: it is queued again as {again}, which is {state}")


def _queue_again(
    conn: Connection, policy: Policy, contact: tuple[int, int], message: int, reason: str, by: str, now: int
) -> int:
    """A suppressed message anew: the same, but for its id, its age, and an expiry that has passed."""
    old = arrivals.message_row(conn, contact[0], message)
    expires = old["expires_at"] if old["expires_at"] is not None and old["expires_at"] > now else None
    same = (
        "category", "channel", "campaign", "run", "content", "thread", "topic", "trigger_kind", "trigger_at", "priority",
        "value", "about", "collapse",
    )  # fmt: skip
    new = NewMessage(
        **{name: old[name] for name in same},
        source=SOURCE,
        contact=contact,
        expires_at=expires,
        tags=tuple(json.loads(old["tags"] or "[]")),
        stop_on=tuple(json.loads(old["stop_on"] or "[]")),
        variables=json.loads(old["variables"] or "{}"),
        revives=message,
        released=(now, by, reason),
    )
    accepted = accept(conn, policy, [new], now)
    if accepted.errors:
        raise ByHandError(f"message {message} can't be queued again: {accepted.errors[0]}")
    return accepted.ids[0] or 0
