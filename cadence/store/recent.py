"""The recent touches of a circle packed into one value beside its row, so that a tick reads a row a circle, not a row
a touch.

A copy: the rows of `touch` stay the truth. Whoever writes touches of a circle, or takes some back, writes a new copy in
the same transaction or lets the old one go; without one the rows are read. Everything here works on many circles at once.

A packed value is int64 words, little-endian. The first tells, from its lowest bits on, the version (8 bits), how many
touches there are (16), in which columns they differ (16), and how many tags they have in all (16). The columns follow one
after another, oldest touch first for each contact: a column in which all touches of the circle agree is a single word.
The tags come last."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from cadence.facts import Bools, Ints, Ragged, Touches, expand

MOST: int = 512
"""A circle with more recent touches than this isn't packed."""

_VERSION = 2
_FULL = ("at", "id")  # columns in which touches always differ
_KEYS = ("contact", "channel", "category", "campaign", "thread", "topic", "content", "mailbox")
_BITS = {"version": (0, 8), "touches": (8, 16), "differ": (24, 16), "tags": (40, 16)}


def known(value: bytes | None) -> bool:
    """Whether there is a copy, and this release can read it."""
    return value is not None and value[0] == _VERSION


def pack(touches: Touches, start: Ints) -> list[bytes | None]:
    """The touches start[i]..start[i + 1] of each circle as one value; None for a circle with too many of them.

    `touches.contact` holds contact ids; those of one circle are in the order in which they are to be found again."""
    first, counts = start[:-1], np.diff(start)
    tagged = np.diff(touches.tags.start[start])
    columns = [touches.triggered.astype(np.int64), np.diff(touches.tags.start)]
    columns += [getattr(touches, name) for name in _KEYS]
    differ = [_differ(column, start) for column in columns]
    widths = [np.where(each, counts, np.minimum(counts, 1)) for each in differ]
    begin = np.concatenate([[0], np.cumsum(1 + len(_FULL) * counts + sum(widths) + tagged)]).astype(np.int64)
    words, at = np.empty(begin[-1], "<i8"), begin[:-1].copy()
    flags = sum((each.astype(np.int64) << i for i, each in enumerate(differ)), np.zeros(len(counts), np.int64))
    heads = {"version": np.full(len(counts), _VERSION, np.int64), "touches": counts, "differ": flags, "tags": tagged}
    words[at] = sum(heads[name] << shift for name, (shift, _) in _BITS.items())
    at += 1
    whole = [(getattr(touches, name), first, counts) for name in _FULL]
    parts = [(column, first, width) for column, width in zip(columns, widths, strict=True)]
    for values, source, width in (*whole, *parts, (touches.tags.values, touches.tags.start[first], tagged)):
        words[expand(at, at + width)[0]] = values[expand(source, source + width)[0]]
        at += width
    cut, raw = (8 * begin).tolist(), words.tobytes()
    left = ((counts > MOST) | (tagged > MOST)).tolist()
    return [None if left[i] else raw[cut[i] : cut[i + 1]] for i in range(len(counts))]


def unpack(values: Sequence[bytes]) -> Touches:
    """The touches of packed values, value after value: `contact` holds contact ids, not places. Raises ValueError for a
    value that this release didn't write (`known`)."""
    words = np.frombuffer(b"".join(values), "<i8").astype(np.int64, copy=False)
    length = np.fromiter(map(len, values), np.int64, len(values)) // 8
    heads = words[np.cumsum(length) - length]
    version, counts, flags, tagged = (heads >> shift & (1 << bits) - 1 for shift, bits in _BITS.values())
    if (version != _VERSION).any():
        raise ValueError("recent touches are packed in a way that this release doesn't know")
    place = expand(np.zeros(len(counts), np.int64), counts)[0]
    at, circle = np.cumsum(length) - length + 1, np.repeat(np.arange(len(counts), dtype=np.int64), counts)
    found: dict[str, Ints] = {}
    for name in _FULL:
        found[name] = words[at[circle] + place]
        at = at + counts
    for i, name in enumerate(("triggered", "tags", *_KEYS)):
        differ = flags >> i & 1
        found[name] = words[at[circle] + place * differ[circle]]
        at = at + np.where(differ, counts, np.minimum(counts, 1))
    of_tags = np.concatenate([[0], np.cumsum(found.pop("tags"))]).astype(np.int64)
    tags = Ragged(of_tags, words[expand(at, at + tagged)[0]])
    return Touches(triggered=found.pop("triggered").astype(bool), tags=tags, **found)


def _differ(column: Ints, start: Ints) -> Bools:
    """Whether the values start[i]..start[i + 1] differ from each other, bool[n]."""
    steps: npt.NDArray[np.int64] = np.zeros(len(column) + 1, np.int64)
    if len(column):
        np.cumsum(column[1:] != column[:-1], out=steps[1:-1])
        steps[-1] = steps[-2]
    several = np.diff(start) > 1
    out = np.zeros(len(start) - 1, bool)
    out[several] = steps[start[1:][several] - 1] > steps[start[:-1][several]]
    return out
