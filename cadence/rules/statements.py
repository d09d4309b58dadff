"""What contacts have said about being written to: which of their statements decides for a category on a channel.

The rules consent and evasion both stand on it. It says which statement is the decisive one, not what follows from it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cadence.facts import Codes, Ints
from cadence.rules.view import View


def decisive(view: View, category: int, channel: int) -> Ints:
    """For each contact the row in Consents of the latest statement that names this category and channel; -1 without
    one.

    At one instant the stop decides; an undated statement lies before every other (language.md section 3).
    int64[contacts]."""
    return view.remember(("statements.decisive", category, channel), lambda: _decisive(view, category, channel))


def _decisive(view: View, category: int, channel: int) -> Ints:
    said = view.history.consents
    named = view.current(said, "category")
    rows = np.flatnonzero(((named == category) | (named == 0)) & ((said.channel == channel) | (said.channel == 0)))
    latest = np.full(len(view.people), -1, np.int64)
    np.maximum.at(latest, said.contact[rows], rows)
    return latest


def groups(view: View, rows: Ints) -> Iterator[tuple[int, int, Ints]]:
    """Candidates `rows` by what they are: category and channel (keys), and which places of `rows` are that,
    int64[...]."""
    pairs, which = view.remember("statements.pairs", lambda: _pairs(view))
    mine = which[rows]
    for i, (name, channel) in enumerate(pairs):
        places = np.flatnonzero(mine == i)
        if len(places):
            yield name, channel, places


def _pairs(view: View) -> tuple[list[tuple[int, int]], Codes]:
    """The distinct pairs, and for each candidate which of them it is: int32[n]. Found by peeling, for there are few."""
    category, channel = view.current(view.candidates, "category"), view.candidates.channel
    which = np.full(len(category), -1, np.int32)
    left = np.arange(len(category), dtype=np.int64)
    pairs: list[tuple[int, int]] = []
    while len(left):
        pair = (int(category[left[0]]), int(channel[left[0]]))
        same = (category[left] == pair[0]) & (channel[left] == pair[1])
        which[left[same]] = len(pairs)
        pairs.append(pair)
        left = left[~same]
    return pairs, which
