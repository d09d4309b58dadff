"""What another policy would change for the messages that wait now: earlier, later, never, welcome, and by which rule.

Both policies are asked at the same instant with what is known then, as a daemon asks when a policy becomes the active one:
one that is the first to look at whole accounts has each of them in one circle.
Nothing is written, and nothing is asked again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np
from sqlalchemy.engine import Connection

from cadence.decide.round import decide_columns
from cadence.facts import HELD, NEVER, Ints, Verdict
from cadence.policy.policy import Policy
from cadence.queue.active import Active
from cadence.queue.endings import endings
from cadence.queue.load import Loaded, candidates, load
from cadence.store import Store
from cadence.store import round as rows_of
from cadence.store.accounts import to_be_joined
from cadence.store.circles import Circle
from cadence.store.shown import waiting_circles, waiting_count

Place = tuple[int, int]
"""(shard, circle)"""
PAGE: int = 2_000
"""Circles compared in one step."""
EXAMPLES: int = 20
"""So many messages of each kind of change are named."""


class Change(StrEnum):
    """What becomes of a waiting message."""

    NOW_WELCOME = "now welcome"
    EARLIER = "earlier"
    LATER = "later"
    NOT_YET_KNOWN = "not yet known"
    NOW_NEVER = "now never"
    OTHER_RULE = "same time, another rule"


@dataclass(frozen=True, slots=True)
class Answer:
    """What one policy says of one message."""

    verdict: Verdict
    at: int
    """The welcome instant, HELD or NEVER."""
    rule: str | None

    @property
    def order(self) -> int:
        """Where it lies in time: what is suppressed lies at NEVER."""
        return NEVER if self.verdict is Verdict.SUPPRESS else self.at


@dataclass(frozen=True, slots=True)
class Compared:
    """One message under both policies."""

    message: int
    contact: int
    campaign: str | None
    category: str
    before: Answer
    after: Answer


@dataclass(slots=True)
class Comparison:
    """What the whole queue came to."""

    waiting: int = 0
    """Messages that wait."""
    compared: int = 0
    """Those of them that would be asked again: not those of resting campaigns, nor those that end anyway, nor those queued
    for later and never asked yet."""
    by_rule: Counter[tuple[Change, str]] = field(default_factory=Counter)
    """How many messages change so, by the rule behind it: the new policy's that binds, or the old one's that no longer
    does."""
    examples: dict[Change, list[Compared]] = field(default_factory=dict)

    @property
    def by_change(self) -> Counter[Change]:
        """How many messages change so."""
        out: Counter[Change] = Counter()
        for (change, _), n in self.by_rule.items():
            out[change] += n
        return out

    def add(self, messages: Iterable[Compared]) -> None:
        """Take further messages in."""
        for one in messages:
            self.compared += 1
            change = change_of(one.before, one.after)
            if change is None:
                continue
            eased = change in (Change.NOW_WELCOME, Change.EARLIER)
            rule = (one.before.rule if eased else one.after.rule) or "-"
            self.by_rule[change, rule] += 1
            shown = self.examples.setdefault(change, [])
            if len(shown) < EXAMPLES:
                shown.append(one)


def change_of(before: Answer, after: Answer) -> Change | None:
    """What changes from one answer to the other; None where nothing does."""
    if after.order == before.order and after.verdict is before.verdict:
        return Change.OTHER_RULE if after.rule != before.rule else None
    if after.verdict is Verdict.SEND:
        return Change.NOW_WELCOME
    if after.verdict is Verdict.SUPPRESS:
        return Change.NOW_NEVER
    if after.at == HELD and before.order != NEVER:
        return Change.NOT_YET_KNOWN
    return Change.EARLIER if after.order < before.order else Change.LATER


def compare_queue(
    store: Store, before: Policy, after: Policy, now: int, progress: Callable[[int, int], None] = lambda done, of: None
) -> Comparison:
    """Ask both policies about everything that waits, page by page.

    progress: called with how many messages were looked at, and how many wait."""
    out = Comparison()
    policies = Active.of(before), Active.of(after)
    with store.read() as conn:
        out.waiting = waiting_count(conn)
        merging = _Merging(to_be_joined(conn) if after.over_accounts else [])
        for circles, seen in _pages(conn):
            out.add(_compared(conn, policies, merging, merging.whole(circles), now))
            progress(seen, out.waiting)
    return out


class _Merging:
    """Which circles would be one under the new policy."""

    def __init__(self, groups: Sequence[Sequence[Circle]]) -> None:
        self._groups = groups
        self._group = {(c.shard, c.id): i for i, group in enumerate(groups) for c in group}
        self._done: set[int] = set()

    def whole(self, circles: Sequence[Place]) -> list[Place]:
        """These circles with all that would be one with them, side by side; those of an earlier page are left out."""
        out: list[Place] = []
        for place in circles:
            group = self._group.get(place)
            if group is None:
                out.append(place)
            elif group not in self._done:
                self._done.add(group)
                out.extend((c.shard, c.id) for c in self._groups[group])
        return out

    def merged(self, loaded: Loaded, circles: Sequence[Place]) -> Loaded:
        """What was loaded of these circles, with those in one that would be one."""
        if not self._groups:
            return loaded
        group = np.array([self._group.get(place, -1) for place in circles], np.int64)
        new = np.ones(len(group), bool)
        new[1:] = (group[1:] != group[:-1]) | (group[1:] < 0)
        people = loaded.history.people
        circle = (np.cumsum(new) - 1).astype(np.int32)[people.circle]
        return replace(loaded, history=replace(loaded.history, people=replace(people, circle=circle)))


def _pages(conn: Connection) -> Iterator[tuple[list[Place], int]]:
    """Pages of circles with something waiting, and how many messages wait in those so far."""
    after, seen = (-1, -1), 0
    while circles := waiting_circles(conn, after, PAGE):
        after = circles[-1]
        seen += len(rows_of.waiting_in(conn, circles))
        yield circles, seen


def _compared(
    conn: Connection, policies: tuple[Active, Active], merging: _Merging, circles: Sequence[Place], now: int
) -> list[Compared]:
    messages = rows_of.waiting_in(conn, circles)
    answers = []
    for active in policies:
        loaded = load(conn, active, active.needs, messages, circles, now)
        if active is policies[1]:
            loaded = merging.merged(loaded, circles)
        gone = endings(loaded, now)
        stay = [r for r in range(len(messages)) if r not in gone.ended and r not in gone.resting]
        answers.append(_answers(active, loaded, np.array(stay, np.int64), now))
    old, new = answers
    return [
        Compared(
            messages["id"][row],
            messages["contact"][row],
            messages["campaign"][row],
            messages["category"][row],
            old[row],
            new[row],
        )
        for row in sorted(old.keys() & new.keys())
    ]


def _answers(active: Active, loaded: Loaded, rows: Ints, now: int) -> dict[int, Answer]:
    """By row of the messages what a policy answers. One that was never asked isn't asked before it is due."""
    m = loaded.messages
    due = [m["decision"][r] is not None or ((at := m["due_at"][r]) is not None and at <= now) for r in rows.tolist()]
    asked = candidates(active, loaded, rows, np.array(due, bool))
    told = decide_columns(active.policy, loaded.history, asked, now)
    return {
        int(rows[i]): Answer(Verdict(v), at, told.rule.text(place))
        for place, (i, v, at) in enumerate(
            zip(told.rows.tolist(), told.verdict.tolist(), told.welcome_at.tolist(), strict=True)
        )
    }
