"""Policies that are valid and can't be meant: quiet hours that together never end, waits that nobody lives to see.

Found by laying rules side by side; each is a warning, for the policy does what it says. It changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cadence.calendar.quiet import QuietInterval
from cadence.facts import FIVE_YEARS, NEVER, Bools
from cadence.policy.finding import warning
from cadence.policy.ready import Built, Reading
from cadence.policy.week import interval_of
from cadence.rules.rule import Rule

_DAY = 24 * 60
_WEEK = 7 * _DAY


def check(reading: Reading) -> None:
    """Warn of rules that let nothing out, or only one message in five years."""
    if not _closed(reading, reading.rails, ()):
        for segment in reading.segments:
            own = [b for b in reading.segment_rules if b.rule.segment == segment.name]
            _closed(reading, reading.rails, own)
    for built in reading.rules:
        if governs_all(built.rule) and FIVE_YEARS < built.rule.keys.spacing < NEVER:
            message = (
                f"{built.written.path} ('{built.rule.name}') keeps more than five years between two messages to "
                "somebody who doesn't answer, further than is looked ahead: after the first, there is never another"
            )
            reading.findings.append(warning(built.written.node.place, message))


def governs_all(rule: Rule) -> bool:
    """Whether a rule governs and counts every marketing message, at all times."""
    narrowed = rule.excluded or rule.counts or rule.where or rule.each or rule.in_force or rule.only_watch
    return rule.filters.everything and not narrowed


def _closed(reading: Reading, rails: Sequence[Built], own: Sequence[Built]) -> bool:
    """Whether quiet hours leave no open time in a week between them; said at the last of them."""
    shutting = [(b, i) for b in (*rails, *own) if (i := interval_of(b.rule)) and not i.holidays and governs_all(b.rule)]
    if not shutting or not (np.logical_or.reduce([_quiet(i) for _, i in shutting])).all():
        return False
    names = " and ".join(f"'{b.rule.name}'" for b, _ in shutting)
    message = f"the quiet hours {names} leave no open time between them: nothing they govern would ever go out"
    reading.findings.append(warning(shutting[-1][0].written.node.place, message))
    return True


def _quiet(interval: QuietInterval) -> Bools:
    """bool[minutes of a week]: when it is quiet by the wall clock."""
    quiet = np.zeros(_WEEK, bool)
    for day in sorted(interval.days) or range(7):
        quiet[(day * _DAY + np.arange(*interval.minutes)) % _WEEK] = True
    return quiet
