"""Which instants can be shown as a date and time on somebody's wall, and which lie beyond every calendar.

How they are shown is the matter of sentences and screens.
"""

from __future__ import annotations

from datetime import UTC, datetime

from cadence.facts import instant, micros

FIRST_SHOWN: int = micros(datetime(1, 1, 3, tzinfo=UTC))
LAST_SHOWN: int = micros(datetime(9999, 12, 30, tzinfo=UTC))
"""Beyond these no calendar has it in some zone. An end out there, as others write it for one that never comes, is none."""


def on_calendar(at: int | None) -> datetime | None:
    """An instant as an aware datetime; None for what can't be shown in every zone: never, held, none, the year 10000."""
    return instant(at) if at is not None and FIRST_SHOWN <= at <= LAST_SHOWN else None
