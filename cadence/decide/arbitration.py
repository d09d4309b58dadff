"""Several messages for one person: in which order they go, and when a lesser one lets a greater one pass (lookahead).

language.md section 6. The order is by columns; nothing here asks a rule itself, it is given a way to ask.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cadence.facts import HELD, Bools, Candidates, Ints
from cadence.policy.policy import Arbitration


def ranks(candidates: Candidates, rows: Ints, circle: Ints, order: Arbitration) -> Ints:
    """For each of these candidates its turn within its circle, 0 first: int64[len(rows)]. circle: that of each.

    By the policy's `order` (highest priority, greatest value, nearest expiry, oldest), then id."""
    if np.bincount(circle, minlength=1).max() <= 1:
        return np.zeros(len(rows), np.int64)
    by = {
        "priority": -candidates.priority,
        "value": -candidates.value,
        "expiry": candidates.expires_at,
        "age": candidates.created_at,
    }
    keys = [candidates.id[rows], *(by[word][rows] for word in reversed(order.order)), circle]
    sequence = np.lexsort(keys)
    firsts = np.flatnonzero(np.diff(circle[sequence], prepend=-1))
    turn = np.arange(len(sequence)) - np.repeat(firsts, np.diff(np.append(firsts, len(sequence))))
    out = np.empty(len(sequence), np.int64)
    out[sequence] = turn
    return out


@dataclass(frozen=True, slots=True)
class Yielding:
    """Messages that let a more important one pass: their rows, until when, and for whom."""

    rows: Ints
    until: Ints
    favoured: Ints
    """Row of the message each waits for."""


def lookahead(
    candidates: Candidates,
    sending: Ints,
    waiting: Ints,
    marketing: Bools,
    now: int,
    reach: int,
    welcome_of: Callable[[Ints, Ints], Ints],
) -> Yielding:
    """Which of the messages about to be sent (rows, one a circle) must wait for a more important one of the same
    contact.

    waiting: rows that could be favoured. welcome_of(rows, sent): the welcome instants of rows with `sent` rows sent
    now.
    A message that expires by then isn't held; a released one isn't either."""
    nobody = np.zeros(0, np.int64)
    sender = sending[marketing[sending] & ~candidates.released[sending]]
    favoured = waiting[marketing[waiting]]
    if reach <= 0 or not len(sender) or not len(favoured):
        return Yielding(nobody, nobody, nobody)
    pair_sender, pair_favoured = _pairs(candidates, sender, favoured)
    if not len(pair_sender):
        return Yielding(nobody, nobody, nobody)
    asked, place = np.unique(pair_favoured, return_inverse=True)
    without = welcome_of(asked, nobody)[place]
    soon = (without <= now + reach) & (without < candidates.expires_at[pair_favoured]) & (without < HELD)
    pair_sender, pair_favoured, without = pair_sender[soon], pair_favoured[soon], without[soon]
    if not len(pair_sender):
        return Yielding(nobody, nobody, nobody)
    asked, place = np.unique(pair_favoured, return_inverse=True)
    after = welcome_of(asked, np.unique(pair_sender))[place]
    worse = (after > without) & (candidates.expires_at[pair_sender] > without)
    pair_sender, pair_favoured, without = pair_sender[worse], pair_favoured[worse], without[worse]
    order = np.lexsort((pair_favoured, without, pair_sender))
    rows, first = np.unique(pair_sender[order], return_index=True)
    return Yielding(rows, without[order][first], pair_favoured[order][first])


def _pairs(candidates: Candidates, sender: Ints, favoured: Ints) -> tuple[Ints, Ints]:
    """Each sender with each more important waiting message of the same contact."""
    order = np.argsort(candidates.contact[favoured], kind="stable")
    favoured = favoured[order]
    contact = candidates.contact[favoured]
    low = np.searchsorted(contact, candidates.contact[sender], side="left")
    high = np.searchsorted(contact, candidates.contact[sender], side="right")
    many = high - low
    left = np.repeat(sender, many)
    offset = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
    right = favoured[np.repeat(low, many) + offset]
    more = candidates.priority[right] > candidates.priority[left]
    return left[more], right[more]
