"""A row of touches: one attempt that somebody made to reach a contact, by any system and in any channel."""

from __future__ import annotations

from cadence.doors.rows.cells import Row, source_id
from cadence.facts import CHANNELS, TouchOutcome
from cadence.store.rows import TouchRow

COLUMNS: tuple[str, ...] = (
    "contact",
    "at",
    "touch",
    "category",
    "channel",
    "campaign",
    "content",
    "thread",
    "topic",
    "tags",
    "triggered",
    "outcome",
    "id",
)
REQUIRED: tuple[str, ...] = ("contact", "at")
PREFIXES: tuple[str, ...] = ()
CALL_OUTCOMES: tuple[str, ...] = tuple(
    o.value for o in (TouchOutcome.ANSWERED, TouchOutcome.VOICEMAIL, TouchOutcome.NO_ANSWER, TouchOutcome.NOT_CONNECTED)
)


def read(row: Row, seen: dict[int, int]) -> TouchRow | None:
    """The touch that a row tells of, or None where the row has problems. `seen` counts the file's rows without an
    id."""
    contact, at = row.text("contact", required=True), row.at()
    category = row.text("touch") or row.text("category")
    if category is None:
        row.wrong("touch", "is empty; say what the touch was to the contact, by its category")
    outcome = row.word("outcome", CALL_OUTCOMES)
    channel = row.word("channel", CHANNELS) or ("email" if outcome is None else "phone")
    if outcome is not None and channel != "phone":
        row.wrong("outcome", "goes with channel phone only")
    values = {
        "category": category,
        "channel": channel,
        "campaign": row.text("campaign"),
        "content": row.text("content"),
        "thread": row.text("thread"),
        "topic": row.text("topic"),
        "tags": row.items("tags") or (),
        "triggered": row.flag("triggered") or False,
        "outcome": outcome,
    }
    given = row.key("id")
    if row.problems or contact is None or at is None:
        return None
    return TouchRow(
        outside_id=contact,
        at=at,
        source_id=given or source_id({**values, "contact": contact, "at": at}, seen),
        **values,  # type: ignore[arg-type]
    )
