"""How a whole run stands, in counts: what was sent, what waits and what was stopped, by rule and by campaign."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.engine import Connection

from cadence.facts import Verdict
from cadence.store.bulk import fetch


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts over everything that is kept."""

    sent: int
    waiting: int
    suppressed: int
    deferring: dict[str, int]
    """By rule, how often it made a message wait."""
    suppressing: dict[str, int]
    """By rule, how many messages it stopped for good."""
    next_due: int | None


def of(conn: Connection) -> Summary:
    """How everything stands now. Reads all messages and decisions: for a demonstration, not for every tick."""
    states = dict(fetch(conn, "SELECT state, count(*) FROM message GROUP BY state"))
    ruled = fetch(conn, "SELECT verdict, coalesce(rule, '-'), count(*) FROM decision GROUP BY verdict, rule")
    next_due = fetch(conn, "SELECT min(due_at) FROM message WHERE state = 'waiting'")[0][0]
    return Summary(
        sent=states.get("sent", 0),
        waiting=states.get("waiting", 0) + states.get("decided", 0),
        suppressed=states.get("suppressed", 0),
        deferring={rule: n for verdict, rule, n in ruled if verdict == Verdict.DEFER},
        suppressing={rule: n for verdict, rule, n in ruled if verdict == Verdict.SUPPRESS},
        next_due=next_due,
    )


def by_campaign(conn: Connection) -> dict[str, dict[str, int]]:
    """For each campaign how many messages are in each state."""
    found: dict[str, dict[str, int]] = {}
    rows = fetch(
        conn, "SELECT coalesce(campaign, '(none)'), state, count(*) FROM message GROUP BY campaign, state ORDER BY 1, 2"
    )
    for campaign, state, n in rows:
        found.setdefault(campaign, {})[state] = n
    return found


def most_touched(conn: Connection, window: int) -> int:
    """The most touches of ours that one contact got within any window of this length (microseconds)."""
    rows = fetch(
        conn,
        "SELECT coalesce(max(n), 0) FROM (SELECT (SELECT count(*) FROM touch o "
        "WHERE o.shard = t.shard AND o.circle = t.circle AND o.contact = t.contact AND o.message IS NOT NULL "
        "AND o.withdrawn_at IS NULL AND o.at > t.at - :window AND o.at <= t.at) AS n FROM touch t "
        "WHERE t.message IS NOT NULL AND t.withdrawn_at IS NULL) AS windows",
        window=window,
    )
    return int(rows[0][0])
