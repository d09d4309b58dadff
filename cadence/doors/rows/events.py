"""A row of events: what happened to a contact besides touches and consents, in the words of policy tests' histories.

One column of `KINDS` is filled per row and says what happened; the others say more of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from cadence.calendar import Window
from cadence.doors.rows.cells import Row, source_id
from cadence.facts import CHANNELS, EventKind
from cadence.store.rows import EventRow

K = EventKind

_WORDS: Mapping[str, Mapping[str, EventKind]] = {
    "engagement": {
        k.word: k for k in (K.REPLY, K.CLICK, K.VISIT, K.PURCHASE, K.CALL_ANSWERED, K.CONVERSATION, K.INQUIRY)
    },
    "bounce": {"hard": K.BOUNCE_HARD, "soft": K.BOUNCE_SOFT},
    "ticket": {"opened": K.TICKET_OPENED, "answered": K.TICKET_ANSWERED, "solved": K.TICKET_SOLVED},
    "promise": {"made": K.PROMISE_MADE, "kept": K.PROMISE_KEPT, "broken": K.PROMISE_BROKEN},
}
"""Columns whose cell is one of a few words."""
_FLAGS: Mapping[str, EventKind] = {
    "open": K.OPEN,
    "conversation": K.CONVERSATION,
    "inquiry": K.INQUIRY,
    "refusal": K.REFUSAL,
}
"""Columns whose cell is true."""
_NAMED: Mapping[str, EventKind] = {
    "hold": K.HOLD,
    "release": K.RELEASE,
    "incident": K.INCIDENT,
    "incident_resolved": K.INCIDENT_RESOLVED,
    "snooze": K.SNOOZE,
    "less_often": K.LESS_OFTEN,
    "register": K.SCREENED,
}
"""Columns whose cell names something."""

KINDS: tuple[str, ...] = (*_WORDS, *_FLAGS, *_NAMED)
COLUMNS: tuple[str, ...] = (
    "contact",
    "at",
    *KINDS,
    "listed",
    "channel",
    "id",
    "amount",
    "currency",
    "until",
    "due",
    "reason",
)
REQUIRED: tuple[str, ...] = ("contact", "at")
PREFIXES: tuple[str, ...] = ("screened",)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_LESS_OFTEN = re.compile(r"([1-9]\d{0,3}) per (.+)", re.ASCII)
_BY_ID = (K.TICKET_OPENED, K.TICKET_ANSWERED, K.TICKET_SOLVED, K.PROMISE_MADE, K.PROMISE_KEPT, K.PROMISE_BROKEN)


def read(row: Row, seen: dict[int, int]) -> EventRow | None:
    """The event that a row tells of, or None where the row has problems. `seen` counts the file's rows without an
    id."""
    contact, at = row.text("contact", required=True), row.at()
    column = _column(row)
    channel, given = row.word("channel", CHANNELS), row.key("id")
    if column is None or contact is None or at is None:
        return None
    kind = _kind(row, column)
    more = _more(row, column, kind, at, given)
    for other, goes_with in (
        ("due", "promise"),
        ("amount", "engagement"),
        ("currency", "engagement"),
        ("listed", "register"),
    ):
        if row.has(other) and column != goes_with:
            row.wrong(other, f"goes with column {goes_with} only")
    if row.problems or kind is None:
        return None
    if kind in (K.BOUNCE_HARD, K.BOUNCE_SOFT) and channel is None:
        channel = "email"
    values = {"contact": contact, "at": at, "kind": kind.word, "channel": channel, **more}
    own_id = given if given is not None and kind not in _BY_ID else source_id(values, seen)
    return EventRow(contact, at, kind, own_id, channel, **more)


def _column(row: Row) -> str | None:
    """The one column of `KINDS` that is filled."""
    if row.has("screened.register"):
        row.cells = {
            **row.cells,
            "register": row.cells["screened.register"],
            "listed": row.cells.get("screened.listed"),
        }
    filled = [column for column in KINDS if row.has(column)]
    if len(filled) == 1:
        return filled[0]
    if filled:
        row.wrong(filled[1], f"is filled beside {filled[0]}; a row tells of one thing")
    else:
        row.wrong("engagement", f"is empty, and so are the others; one of {', '.join(KINDS)} must be filled")
    return None


def _kind(row: Row, column: str) -> EventKind | None:
    if column in _WORDS:
        word = row.word(column, tuple(_WORDS[column]))
        return None if word is None else _WORDS[column][word]
    if column in _FLAGS:
        said = row.flag(column)
        if said is False:
            row.wrong(column, "is false, which says nothing; write true, or leave it empty")
        return _FLAGS[column] if said else None
    return _NAMED[column] if row.text(column) is not None else None


_More = Callable[[Row, str, EventKind | None, int, str | None], dict[str, Any]]


def _more(row: Row, column: str, kind: EventKind | None, at: int, given: str | None) -> dict[str, Any]:
    """What else a row says, by the column that is filled."""
    more: dict[str, Any] = {"detail": {"reason": row.text("reason")} if row.has("reason") else {}}
    reader = _READERS.get(column)
    if reader is not None:
        more |= reader(row, column, kind, at, given)
    return more


def _engagement(row: Row, column: str, kind: EventKind | None, at: int, given: str | None) -> dict[str, Any]:
    amount = row.number("amount")
    currency = row.text("currency")
    if currency is not None and not _CURRENCY.fullmatch(currency):
        row.wrong("currency", "is no currency; write its three letters like EUR")
    if kind is not K.PURCHASE and (row.has("amount") or row.has("currency")):
        row.wrong("amount", "goes with a purchase only")
    return {"amount": amount, "currency": currency}


def _by_id(row: Row, column: str, kind: EventKind | None, at: int, given: str | None) -> dict[str, Any]:
    if not row.has("id"):
        row.wrong("id", f"is empty; a {column} is known by its id")
    due = row.end("due", at)
    if kind is K.PROMISE_MADE and due is None and not row.has("due"):
        row.wrong("due", "is empty; a promise is made for a time")
    return {"subject": given, "until": due}


def _hold(row: Row, column: str, kind: EventKind | None, at: int, given: str | None) -> dict[str, Any]:
    return {"subject": row.key(column), "until": row.end("until", at) if column == "hold" else None}


def _snooze(row: Row, column: str, kind: EventKind | None, at: int, given: str | None) -> dict[str, Any]:
    return {"until": row.end("snooze", at)}


def _less_often(row: Row, column: str, kind: EventKind | None, at: int, given: str | None) -> dict[str, Any]:
    return {"subject": row.parsed("less_often", less_often)}


def less_often(text: str) -> str:
    """A cap that a contact chose, like `1 per 30d`, or `none`. Raises ValueError for anything else."""
    if text == "none":
        return text
    found = _LESS_OFTEN.fullmatch(text)
    if found is None:
        raise ValueError("must be a number and a window like 1 per 30d, or none")
    return f"{found[1]} per {Window.parse(found[2]).text}"


def _register(row: Row, column: str, kind: EventKind | None, at: int, given: str | None) -> dict[str, Any]:
    listed = row.flag("listed")
    if listed is None and not row.has("listed"):
        row.wrong("listed", "is empty; say whether the contact is on the register")
    return {"subject": row.text("register"), "detail": {"listed": listed}}


_READERS: Mapping[str, _More] = {
    "engagement": _engagement,
    "ticket": _by_id,
    "promise": _by_id,
    "hold": _hold,
    "release": _hold,
    "incident": _hold,
    "incident_resolved": _hold,
    "snooze": _snooze,
    "less_often": _less_often,
    "register": _register,
}
