"""What a policy is held against when it is checked: which categories the facts name, which opt-ins have no date.

Whole tables are counted here, so that nobody who decides asks this; and no more than so many rows of each.
"""

from __future__ import annotations

from collections import Counter

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cadence.facts import EventKind
from cadence.store.tables import consent, touch

_MOST_ROWS = 2_000_000
"""Names that nobody used within so many rows are let be: a check is to end within seconds."""


def categories_told(conn: Connection) -> Counter[str]:
    """How many touches and things said name each category."""
    found: Counter[str] = Counter()
    for table in (touch, consent):
        some = sa.select(table.c.category).where(table.c.category.is_not(None)).limit(_MOST_ROWS).subquery()
        for category, count in conn.execute(sa.select(some.c.category, sa.func.count()).group_by(some.c.category)):
            found[category] += count
    return found


def undated_opt_ins(conn: Connection) -> list[tuple[str | None, str | None, int]]:
    """Category and channel (None: all) of opt-ins without a date, and how many there are of each."""
    given = (consent.c.at.is_(None), consent.c.kind == int(EventKind.OPT_IN))
    some = sa.select(consent.c.category, consent.c.channel).where(*given).limit(_MOST_ROWS).subquery()
    asked = sa.select(some.c.category, some.c.channel, sa.func.count()).group_by(some.c.category, some.c.channel)
    return [(row[0], row[1], row[2]) for row in conn.execute(asked)]
