"""On which contacts the consent to a category stands, on some channel: what `consent:` asks in a condition.

Whether one message may go on one channel is the consent rule's question, not asked here; neither are bounced addresses.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cadence.calendar import Duration, add
from cadence.facts import CHANNEL_KEYS, NEVER, NONE, Bools, Codes, EventKind, History, Ints, key
from cadence.policy.policy import Policy
from cadence.rules.rule import Category, ConsentNeed

_FOR_EVER = NEVER


def consent_stands(policy: Policy, category: str, history: History, now: int, zone: Codes) -> Bools:
    """Whether the consent to a category stands on some channel, for each contact: bool[n] (language.md section 3)."""
    held = np.zeros(len(history.people), bool)
    for until in _stands_until(policy, category, history, zone):
        held |= until > now
    return held


def consent_changes(policy: Policy, category: str, history: History, now: int, zone: Codes) -> Ints:
    """The next instant at which one of them lapses: int64[n], NEVER if none does."""
    out = np.full(len(history.people), NEVER, np.int64)
    for until in _stands_until(policy, category, history, zone):
        out = np.where(until > now, np.minimum(out, until), out)
    return out


def _stands_until(policy: Policy, name: str, history: History, zone: Codes) -> Iterator[Ints]:
    """For each channel until when the consent stands; NONE where it doesn't."""
    category = policy.categories.get(name) or policy.by_key.get(key(name)) or Category(name)
    consents = history.consents
    names_it = np.isin(consents.category, [0, *category.keys])
    for channel in {*CHANNEL_KEYS, *category.consent, *np.unique(consents.channel).tolist()} - {0}:
        rows = np.flatnonzero(names_it & ((consents.channel == 0) | (consents.channel == channel)))
        latest = np.full(len(history.people), -1, np.int64)
        latest[consents.contact[rows]] = rows
        yield _until(category.need(channel), history, latest, zone)


def _until(need: ConsentNeed, history: History, latest: Ints, zone: Codes) -> Ints:
    """latest: the row of each contact's last word on category and channel, -1 without."""
    consents = history.consents
    said = latest >= 0
    if not len(consents.contact):
        given = stopped = said
        at = np.full(len(latest), NONE, np.int64)
    else:
        given = said & consents.given[latest]
        stopped = said & ~consents.given[latest]
        at = np.where(given, consents.at[latest], NONE)
    if need.kind == "opt_in":
        return np.where(given, _lapses(at, need.lasts, zone, undated=_FOR_EVER), NONE)
    carried = np.full(len(latest), _FOR_EVER if need.kind == "none" or not need.grounds else NONE, np.int64)
    for ground in need.grounds if need.kind == "relationship" else ():
        happened = history.people.latest.get(EventKind[ground.since.upper()])
        if happened is not None:
            np.maximum(carried, _lapses(happened, ground.lasts, zone, undated=NONE), out=carried)
    return np.where(stopped, NONE, carried)


def _lapses(at: Ints, lasts: Duration | None, zone: Codes, *, undated: int) -> Ints:
    """When what began at each instant ends; `undated` for NONE."""
    ends = np.full(len(at), _FOR_EVER, np.int64) if lasts is None else add(at, lasts, zone)
    return np.where(at == NONE, undated, ends)
