"""What a rule sees of one round: the candidates, the history of their circles, and the touches it counts for each of
them.

Choosing the touches is the same for every kind (language.md section 4: filters, `except`, `counts`, `each`,
`across`), so it is
done here, once a round and rule, and remembered. Nothing here decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar, cast

import numpy as np

from cadence.calendar import with_regions
from cadence.facts import (
    NONE,
    Bools,
    Candidates,
    Coded,
    Consents,
    EventKind,
    Floats,
    History,
    Ints,
    Touches,
    among,
    expand,
    key,
    starts,
)
from cadence.rules.rule import Across, Category, Each, Filters, Rule
from cadence.rules.runs import Runs

T = TypeVar("T")
_NO_KEY = -1
"""Equal to the key of no name, and to "has none" neither."""


class View:
    """One round as rules see it. Columns only; pure; made anew for each round.

    now: the instant of the round. categories: by key, old names included. renamed: old key to new key, for
    categories whose names changed; those of campaigns are known of the history."""

    def __init__(
        self,
        now: int,
        history: History,
        candidates: Candidates,
        categories: Mapping[int, Category],
        renamed: Mapping[int, int] | None = None,
    ) -> None:
        self.now = now
        self.history = history
        self.people = history.people
        self.touches: Touches = history.touches
        self.events = history.events
        self.candidates = candidates
        self.categories = categories
        self._renamed: Mapping[str, Mapping[int, int]] = {"category": renamed or {}, "campaign": history.campaigns}
        self._selected: dict[object, tuple[Ints, Ints]] = {}
        self._runs: dict[object, Runs] = {}
        self._columns: dict[object, object] = {}

    @property
    def zone(self) -> Ints:
        """The zone (index) that local days and calendar periods of each candidate's contact go by."""
        return self.remember(
            "zone", lambda: self.people.zones.values[self.people.zones.start[:-1]][self.candidates.contact]
        )

    @property
    def country(self) -> Coded:
        """Where each contact lives: the country, with the region where one is known."""
        return self.remember("country", lambda: with_regions(self.people.country, self.people.region))

    def marketing(self) -> Bools:
        """Which candidates are marketing. A category the policy doesn't know is."""
        return ~self.of_category(lambda c: c is not None and c.transactional).astype(bool)

    def of_category(self, what: Callable[[Category | None], float]) -> Floats:
        """A number per candidate that depends on its category alone: what(Category or None)."""
        values = {k: float(what(c)) for k, c in self.categories.items()}
        return self.lookup(self.candidates.category, values, float(what(None)))

    def lookup(self, column: Ints, values: Mapping[int, float], default: float) -> Floats:
        """Each key of a column as the number a mapping has for it."""
        others = {name: value for name, value in values.items() if value != default}
        if not others:
            return np.full(len(column), default, np.float64)
        which = np.zeros(len(column), np.int16)
        for place, name in enumerate(others, start=1):
            which |= (column == name) * np.int16(place)
        return np.array([default, *others.values()], np.float64)[which]

    def latest(self, kinds: Sequence[EventKind]) -> Ints:
        """For each contact the latest event of any of these kinds up to now; NONE where there is none. Not to be changed."""
        return self.remember(("latest", tuple(kinds)), lambda: self._latest(kinds))

    def _latest(self, kinds: Sequence[EventKind]) -> Ints:
        out = np.full(len(self.people), NONE, np.int64)
        for kind in kinds:
            if (column := self.people.latest.get(kind)) is not None:
                np.maximum(out, column, out=out)
        return out

    def answered_at(self, words: Sequence[str], rows: Ints) -> Ints:
        """The latest engagement of these kinds of each candidate's contact up to now; NONE without one."""
        return self.latest(tuple(EventKind[word.upper()] for word in words))[self.candidates.contact[rows]]

    def unanswered(self, runs: Runs, words: Sequence[str], rows: Ints, t: Ints) -> Ints:
        """How many touches of these candidates' runs no engagement of these kinds has answered, as seen from t.

        An answer at a touch's own instant answers it; a touch later than t lies at t."""
        answer = self.answered_at(words, rows)
        found = np.where(answer < t, runs.count(rows), 0)
        some = np.flatnonzero((answer != NONE) & (answer < t))  # without an answer none is answered
        found[some] = runs.after(rows[some], answer[some])
        return found

    def matching(self, filters: Filters, of: Touches | Candidates) -> Bools:
        """Which touches or messages match: any value of a filter, of all filters that are set."""
        mask = np.ones(len(of), bool)
        for name, keys in (
            ("channel", filters.channels),
            ("category", filters.categories),
            ("campaign", filters.campaigns),
        ):
            if keys:
                mask &= among(self.current(of, name), [self.now_called(k, name) for k in keys])
        if filters.tags:
            hit = np.isin(of.tags.values, list(filters.tags))
            mask &= np.bincount(of.tags.owner()[hit], minlength=len(of)) > 0
        return mask

    def in_scope(self, rule: Rule, of: Touches | Candidates) -> Bools:
        """Which touches or messages match the rule's own filters and are not excepted."""
        mask = self.matching(rule.filters, of)
        for excluded in rule.excluded:
            mask &= ~self.matching(excluded, of)
        return mask

    def counted(self, rule: Rule) -> Runs:
        """The touches this rule counts, for every candidate (language.md section 4: `counts`, `each`, `across`).

        Caps and gap with `across: contact` also count what was sent to the message's own mailbox under another
        contact."""
        return self._chosen(rule)

    def triggered(self, rule: Rule) -> Runs:
        """The triggered touches among those that this rule counts, as far back as it looks."""
        return self._chosen(rule, triggered=True)

    def sharing(self, rule: Rule, same: Each) -> Runs:
        """The touches that have the message's own value of `same`, as far back as this rule looks, among those it counts
        and those of uncounted categories, for candidates that it governs.

        A message without such a value shares it with none."""
        return self._chosen(rule, same)

    def _chosen(self, rule: Rule, same: Each | None = None, *, triggered: bool = False) -> Runs:
        since = self._since(rule) if same is not None or triggered else NONE
        kept = (rule.filters, rule.excluded, rule.counts, same, triggered, since)
        known = (kept, rule.each, rule.tag, rule.across, _beyond_contact(rule))
        if known not in self._runs:
            if kept not in self._selected:
                self._selected[kept] = self._keep(rule, same, triggered, since)
            self._runs[known] = self._run(rule, same, *self._selected[kept])
        return self._runs[known]

    def _since(self, rule: Rule) -> int:
        """A touch that doesn't lie after this instant doesn't matter to the rule."""
        reach = rule.keys.touch_reach()
        return NONE if reach is None else self.now - int(reach)

    def _every(self) -> tuple[Ints, Ints]:
        """All touches, and where each contact's begin: int64[contacts + 1]."""
        return self.remember(
            "every",
            lambda: (np.arange(len(self.touches), dtype=np.int64), starts(self.touches.contact, len(self.people))),
        )

    def _keep(self, rule: Rule, same: Each | None, triggered: bool, since: int) -> tuple[Ints, Ints]:
        """The touches the rule counts whoever asks, and where each contact's begin."""
        if rule.counts is not None:
            mask = self.matching(rule.counts.filters, self.touches)
        else:
            mask = self.in_scope(rule, self.touches)
        if rule.counts is None and same is None:
            mask &= self._counted_categories()
        if triggered:
            mask &= self.touches.triggered
        if since != NONE:
            mask &= self.touches.at > since
        if same is not None:
            mask &= self._may_share(rule, same)
        if mask.all():
            return self._every()
        kept = np.flatnonzero(mask)
        return kept, starts(self.touches.contact[kept], len(self.people))

    def _may_share(self, rule: Rule, same: Each) -> Bools:
        """Which touches may have the value of a message that the rule governs: few enough to be laid beside each of them.

        For a contact with one such message, or several alike, just those that have it; for the others, all of theirs."""
        values, n = self.current(self.candidates, same.value), len(self.people)
        asked = np.flatnonzero(self.in_scope(rule, self.candidates) & (values != 0))
        contact = self.candidates.contact[asked]
        wanted, several = np.full(n, _NO_KEY, np.int64), np.zeros(n, np.bool_)
        wanted[contact] = values[asked]
        several[contact[wanted[contact] != values[asked]]] = True
        touches_of_each = np.diff(self._every()[1])
        shared = self.current(self.touches, same.value) == np.repeat(wanted, touches_of_each)
        if several.any():
            shared |= np.repeat(several, touches_of_each)
        return np.asarray(shared, np.bool_)

    def _counted_categories(self) -> Bools:
        """Touches whose category counts; one the policy doesn't know counts."""
        return ~among(self.touches.category, [k for k, c in self.categories.items() if not c.counted])

    def _run(self, rule: Rule, same: Each | None, kept: Ints, offsets: Ints) -> Runs:
        contact = self.candidates.contact
        wider = self._needs_pairs(rule, same)
        rows = np.flatnonzero(wider)
        if len(rows):
            touch, start = self._pairs(rule, same, rows, kept, offsets)
            if len(rows) == len(contact):
                return Runs(self.touches.at[touch], touch, start[:-1], start[1:])
        at = self.touches.at[kept] if len(kept) != len(self.touches) else self.touches.at
        begin, end = offsets[contact], offsets[contact + 1]
        if not len(rows):
            return Runs(at, kept, begin, end)
        begin[rows], end[rows] = start[:-1] + len(at), start[1:] + len(at)
        return Runs(np.concatenate([at, self.touches.at[touch]]), np.concatenate([kept, touch]), begin, end)

    def _needs_pairs(self, rule: Rule, same: Each | None) -> Bools:
        """Candidates whose run isn't simply their contact's touches."""
        if rule.each is not None or same is not None:
            return np.ones(len(self.candidates), bool)
        if not _beyond_contact(rule):
            return np.zeros(len(self.candidates), bool)
        circle = self.people.circle
        alone = np.bincount(circle) == 1
        return np.asarray(~alone[circle[self.candidates.contact]], np.bool_)

    def _pairs(self, rule: Rule, same: Each | None, rows: Ints, kept: Ints, offsets: Ints) -> tuple[Ints, Ints]:
        """For these candidates the touches that the rule counts together, in order of time: their contact's, or out of
        their circle's."""
        contact = self.candidates.contact[rows]
        first, last = contact, contact + 1
        if _beyond_contact(rule):
            circle = self.people.circle
            first = np.searchsorted(circle, circle[contact], side="left")
            last = np.searchsorted(circle, circle[contact], side="right")
        index, start = expand(offsets[first], offsets[last])
        touch = kept[index]
        slot = np.repeat(np.arange(len(rows), dtype=np.int64), np.diff(start))
        keep = np.ones(len(touch), bool)
        if _beyond_contact(rule):
            keep = self._together(rule, rows[slot], contact[slot], touch)
        if rule.each is not None:
            keep &= self._same(rule.each, rule.tag, rows[slot], touch)
        if same is not None:
            keep &= self._same(same, 0, rows[slot], touch)
        kept_ = np.flatnonzero(keep)
        slot, touch = slot[kept_], touch[kept_]
        if _beyond_contact(rule):  # several contacts' touches, each one's in order
            touch = touch[np.lexsort((touch, self.touches.at[touch], slot))]
        return touch, starts(slot, len(rows))

    def _together(self, rule: Rule, row: Ints, contact: Ints, touch: Ints) -> Bools:
        """Which of the circle's touches are counted together with the candidate's own."""
        other = self.touches.contact[touch]
        mine: Bools = other == contact
        if rule.across is Across.HOUSEHOLD or rule.across is Across.ACCOUNT:
            shared = self.people.household if rule.across is Across.HOUSEHOLD else self.people.account
            return np.asarray(mine | ((shared[other] == shared[contact]) & (shared[contact] != 0)), np.bool_)
        mailbox = self.candidates.mailbox[row]
        if rule.across is Across.ADDRESS:
            return mine | self._has(other, mailbox)
        if rule.kind in ("caps", "gap"):
            return np.asarray(mine | ((self.touches.mailbox[touch] == mailbox) & (mailbox != 0)), np.bool_)
        return mine

    def _has(self, contact: Ints, mailbox: Ints) -> Bools:
        """Whether each of these contacts has that mailbox among its addresses."""
        addresses = self.history.addresses
        pairs = np.stack([addresses.contact, addresses.mailbox], axis=1)
        owned = {(int(c), int(m)) for c, m in pairs}
        return np.fromiter(
            ((int(c), int(m)) in owned for c, m in zip(contact, mailbox, strict=True)), bool, len(contact)
        )

    def _same(self, each: Each, tag: int, row: Ints, touch: Ints) -> Bools:
        """Whether touch and message have the same value of what is counted apart. What a message hasn't equals
        nothing."""
        if each is Each.TAG:
            wanted = self.tag(tag)[row]
            index, start = expand(self.touches.tags.start[touch], self.touches.tags.start[touch + 1])
            slot = np.repeat(np.arange(len(touch), dtype=np.int64), np.diff(start))
            hit = self.touches.tags.values[index] == wanted[slot]
            return np.bincount(slot[hit], minlength=len(touch)) > 0
        theirs = self.current(self.touches, each.value)[touch]
        wanted = self.current(self.candidates, each.value)[row]
        return np.asarray((theirs == wanted) & (wanted != 0), np.bool_)

    def tag(self, place: int) -> Ints:
        """The message's tag at this place, 0 where it has fewer."""
        tags = self.candidates.tags
        there = np.diff(tags.start) > place
        out = np.zeros(len(self.candidates), np.int64)
        out[there] = tags.values[tags.start[:-1][there] + place]
        return out

    def value_of(self, each: Each, tag: int) -> Ints:
        """Each candidate's value of what is counted apart, 0 where it has none."""
        return self.tag(tag) if each is Each.TAG else self.current(self.candidates, each.value)

    def current(self, of: Touches | Candidates | Consents, name: str) -> Ints:
        """A column of keys with old names replaced by what they are called now."""
        column: Ints = getattr(of, name)
        if not self._renamed.get(name):
            return column
        return self.remember((id(of), name), lambda: self._rename(column, name))

    def _rename(self, column: Ints, name: str) -> Ints:
        renamed = column.copy()
        for old, new in self._renamed[name].items():
            renamed[column == old] = new
        return renamed

    def now_called(self, key: int, name: str = "category") -> int:
        """What a key of a category, or of another column, is now."""
        return self._renamed.get(name, {}).get(key, key)

    def by_category(self, given: Mapping[str, float]) -> dict[int, float]:
        """What a rule gives by category, by keys as they are called now. Where it has a category and an old name of it, the
        larger goes: a policy means the same in whatever order its keys stand."""
        found: dict[int, float] = {}
        for name, number in given.items():
            category = self.now_called(key(name))
            found[category] = max(number, found.get(category, number))
        return found

    def remember(self, known: object, make: Callable[[], T]) -> T:
        """What `make` gives, worked out once a round for each `known` (which names its maker, so that no two clash)."""
        if known not in self._columns:
            self._columns[known] = make()
        return cast("T", self._columns[known])


def _beyond_contact(rule: Rule) -> bool:
    """Whether the rule may count touches of others than the message's own contact."""
    return rule.across is not Across.CONTACT or rule.kind in ("caps", "gap")
