"""Where fetched rows belong: names as keys, and contacts as their places among those that were loaded."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cadence.facts import Ints, key


class Places:
    """Where each id stands among these: each contact in People, mostly."""

    def __init__(self, ids: Ints) -> None:
        self._order = np.argsort(ids, kind="stable")
        self._sorted = ids[self._order]

    def of(self, contacts: Sequence[int] | Ints) -> Ints:
        """The places of these ids, all of which are there: rows in People."""
        if not len(contacts):
            return np.zeros(0, np.int64)
        found: Ints = self._order[np.searchsorted(self._sorted, np.array(contacts, np.int64))].astype(np.int64)
        return found

    def find(self, ids: Ints) -> Ints:
        """The places of these ids, -1 where there is none."""
        if not len(self._sorted):
            return np.full(len(ids), -1, np.int64)
        place = np.minimum(np.searchsorted(self._sorted, ids), len(self._sorted) - 1)
        return np.where(self._sorted[place] == ids, self._order[place], -1).astype(np.int64)


def passing_key(text: str | None) -> int:
    """The same for a text that is only compared with others in this process, as an address is: it costs a tenth of `key`, and
    the next process has another."""
    return hash(text) | 1 if text else 0


def passing_keys(texts: Sequence[str | None]) -> Ints:
    """Texts as passing keys, int64[n]; 0 for None."""
    return np.fromiter(map(passing_key, texts), np.int64, len(texts))


def keys(names: Sequence[str | None]) -> Ints:
    """Names as keys, int64[n]; 0 for None."""
    found = {name: key(name) for name in set(names)}  # mostly few different ones, or one
    if len(found) == 1:
        return np.full(len(names), found[names[0]], np.int64)
    return np.fromiter(map(found.__getitem__, names), np.int64, len(names))
