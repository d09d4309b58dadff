"""The judge: recomputes promises 1 to 3 (design.md section 4) from the record alone, in plain code of its own.

It shares nothing with rules, policy, decide, queue or calendar, and asks the store none of its questions. It goes circle
by circle, so that what it holds at a time doesn't grow with the record. It writes nothing.

What the record doesn't keep it can't judge: a contact's zone, hours, household and attributes are those of today. Where
they have been written since a decision, what would be a breach by them is told apart as `unsure`. What campaigns were
called before is what their files say today.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy.engine import Connection

from cadence.audit.verify import record
from cadence.audit.verify.lives import WENT_ON, Mails, Run, judge_lives, unknown_mails
from cadence.audit.verify.report import Breach, Report
from cadence.audit.verify.stops import judge_stops
from cadence.audit.verify.terms import Terms
from cadence.audit.verify.welcome import judge_touches
from cadence.facts import DAY
from cadence.store import Store

KEPT: int = 400 * DAY
"""How long decisions and messages are kept by default."""

__all__ = ["KEPT", "Breach", "Report", "verify"]


def verify(
    store: Store,
    *,
    now: int,
    drained: bool = False,
    maildir: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    kept: int = KEPT,
    at: int | None = None,
) -> Report:
    """Judge the whole record as of `now` (microseconds since 1970 UTC), or as it stood at an earlier instant `at`: by what had
    been written down by then. Messages that have gone on since aren't judged then, for what they were isn't kept.

    drained: nothing due may be left at all; else what became due in the last quarter of an hour may. maildir: the
    folder that mails were delivered to, to be held against the record. progress: called with how many circles are
    judged, and how many there are. kept: for how long decisions and messages are kept, in microseconds; a touch without a
    decision is a breach only if it is younger.

    Raises FileNotFoundError where `maildir` is none, StoreUnavailable where the database is away."""
    report, began = Report(now if at is None else at), time.monotonic()
    mails = None if maildir is None else Mails.of(maildir)
    with store.read() as conn:
        campaigns = record.campaign_names(conn)
        versions = {hash_: Terms(content, campaigns) for hash_, content in record.policies(conn)}
        active = versions.get(record.active_policy(conn, at) or "") or (
            next(iter(versions.values())) if len(versions) == 1 else None
        )
        spread = max((v.spread for v in versions.values()), default=0)
        run = Run(report.now, drained, active, spread, record.campaign_states(conn, at), mails, now - kept, at)
        total = record.circle_count(conn)
        for done, circle in enumerate(record.circles(conn), 1):
            report.judged["circles"] += 1
            report.judged["contacts"] += len(circle.people)
            if at is not None:
                circle = circle.as_of(at)
            judge_touches(circle, versions.get, report, run.kept_since)
            judge_lives(circle, run, versions.get, report)
            judge_stops(circle, versions.get, report)
            if progress is not None:
                progress(done, total)
        _whole(conn, report, run)
    report.seconds = time.monotonic() - began
    return report


def _whole(conn: Connection, report: Report, run: Run) -> None:
    """What shows only beside the whole record: rows and mails that belong to nobody, messages taken twice."""
    went_on = {"messages": report.unjudged[WENT_ON]} if WENT_ON in report.unjudged else {}
    for name, there in record.counts(conn, run.at).items():
        missing = there - report.judged[name] - went_on.get(name, 0)
        if missing > 0:
            report.found(Breach(2, "lost", f"{missing:,} {name} belong to no contact of any circle"))
    for message, times in record.taken_twice(conn):
        category, handed_over_at = record.category_of(conn, message)
        if handed_over_at <= run.sees_until and (run.terms is None or not run.terms.transactional(category)):
            because = f"providers know it by {times} ids: it was handed over {times} times"
            report.found(Breach(2, "sent twice", because, message=message))
    for message, put_at in sorted(unknown_mails(run)):
        if put_at < run.kept_since:
            report.unjudged["mails older than messages are kept"] += 1
        else:
            because = "a mail lies in the maildir, and no such message is on record"
            report.found(Breach(2, "lost", because, message=message, at=put_at))
