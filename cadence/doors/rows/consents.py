"""A row of consents: what a contact said yes or no to, as policy tests write it (`opt_in`, `opt_out`,
`do_not_contact`...)."""

from __future__ import annotations

from cadence.doors.rows.cells import Row, source_id
from cadence.doors.rows.contacts import known_category
from cadence.facts import CHANNELS, EventKind
from cadence.store.rows import ConsentRow

COLUMNS: tuple[str, ...] = ("contact", "at", "opt_in", "opt_out", "do_not_contact", "complaint", "channel", "id", "by")
REQUIRED: tuple[str, ...] = ("contact",)
PREFIXES: tuple[str, ...] = ()
_SAID: dict[str, EventKind] = {
    kind.word: kind for kind in (EventKind.OPT_IN, EventKind.OPT_OUT, EventKind.DO_NOT_CONTACT, EventKind.COMPLAINT)
}


def read(row: Row, seen: dict[int, int]) -> ConsentRow | None:
    """What a row says, or None where the row has problems. `seen` counts the file's rows without an id."""
    contact, at = row.text("contact", required=True), row.at(required=False)
    kind = _kind(row)
    category, channel = None, row.word("channel", CHANNELS)
    if kind in (EventKind.OPT_IN, EventKind.OPT_OUT):
        named = row.text(kind.word)
        if named in CHANNELS:
            if channel not in (None, named):
                row.wrong("channel", f"is another channel than {kind.word} names")
            channel = named
        elif named not in (None, "all") and known_category(row, kind.word, str(named)):
            category = named
    elif kind is not None and row.flag(kind.word) is False:
        row.wrong(kind.word, "is false, which says nothing; write true, or leave it empty")
    if kind is not None and kind is not EventKind.OPT_IN and not row.has("at"):
        row.wrong("at", "is empty; a stop needs the instant at which it was said")
    given, by = row.key("id"), row.text("by")
    if row.problems or contact is None or kind is None:
        return None
    if kind in (EventKind.DO_NOT_CONTACT, EventKind.COMPLAINT):
        channel = None
    values = {"contact": contact, "at": at, "kind": kind.word, "category": category, "channel": channel}
    if at is not None and kind is not EventKind.OPT_IN:
        # Nobody knows what was said before a stop of that date and what after it: the stop was last.
        at = row.latest(at)
    return ConsentRow(contact, at, kind, category, channel, given or source_id(values, seen), by)


def _kind(row: Row) -> EventKind | None:
    filled = [word for word in _SAID if row.has(word)]
    if len(filled) == 1:
        return _SAID[filled[0]]
    if filled:
        row.wrong(filled[1], f"is filled beside {filled[0]}; a row says one thing")
    else:
        row.wrong("opt_in", f"is empty, and so are the others; one of {', '.join(_SAID)} must be filled")
    return None
