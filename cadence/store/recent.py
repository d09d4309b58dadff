"""The recent touches of a circle packed into one value beside its row, so that a tick reads a row a circle, not a row
a touch.

A copy: the rows of `touch` stay the truth. Whoever writes touches of a circle, or takes some back, writes a new copy in
the same transaction or lets the old one go; without one the rows are read. Everything here works on many circles at once.

A packed value, little-endian: the version (uint8), a zero, and how many touches, names and tags there are (uint16 each);
the names (int64 keys, contact ids among them); the touches, oldest first for each contact; the tags of all of them, as
places among the names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from cadence.facts import Ints, Ragged, Touches

MOST: int = 512
"""A circle with more recent touches than this isn't packed."""

_VERSION = 1
_HEAD = np.dtype([("version", "u1"), ("zero", "u1"), ("touches", "<u2"), ("names", "<u2"), ("tags", "<u2")])
_NAMED = ("contact", "channel", "category", "campaign", "thread", "topic", "content", "mailbox")
_TOUCH = np.dtype(
    [("at", "<i8"), ("id", "<i8"), *((name, "<u2") for name in _NAMED), ("triggered", "u1"), ("tags", "u1")]
)
_MOST_TAGS = 255


@dataclass(frozen=True, slots=True)
class Unpacked:
    """Touches out of packed values, value after value: `touches.contact` holds contact ids, not places."""

    touches: Touches
    start: Ints
    """Where those of each value begin, int64[values + 1]."""


def pack(touches: Touches, start: Ints) -> list[bytes | None]:
    """The touches start[i]..start[i + 1] of each circle as one value; None for a circle with too many of them.

    `touches.contact` holds contact ids; those of one circle are in the order in which they are to be found again."""
    counts, tags = np.diff(start), np.diff(touches.tags.start)
    circle = np.repeat(np.arange(len(counts), dtype=np.int64), counts)
    of_tags = np.repeat(circle, tags)
    columns = [getattr(touches, name) for name in _NAMED]
    owners = np.concatenate([*(circle for _ in columns), of_tags])
    codes, names, named = _coded(owners, np.concatenate([*columns, touches.tags.values]), len(counts))
    records = np.zeros(len(touches), _TOUCH)
    records["at"], records["id"], records["triggered"] = touches.at, touches.id, touches.triggered
    records["tags"] = np.minimum(tags, _MOST_TAGS)
    for i, name in enumerate(_NAMED):
        records[name] = codes[i * len(circle) : (i + 1) * len(circle)]
    tagged = np.bincount(of_tags, minlength=len(counts)).astype(np.int64)
    head = np.zeros(len(counts), _HEAD)
    head["version"], head["touches"], head["names"], head["tags"] = _VERSION, counts, named, tagged
    values = _laid_out(
        (head, np.ones(len(counts), np.int64)),
        (names, named),
        (records, counts),
        (codes[len(_NAMED) * len(circle) :].astype("<u2"), tagged),
    )
    too_many = (counts > MOST) | (tagged > MOST) | (named > 2**16 - 1)
    np.logical_or.at(too_many, circle, tags > _MOST_TAGS)
    return [None if left else value for value, left in zip(values, too_many.tolist(), strict=True)]


def unpack(values: Sequence[bytes]) -> Unpacked:
    """The touches of packed values. Raises ValueError for one that this release didn't write."""
    none = np.zeros(len(values), np.int64)
    head = _items(values, none, none + 1, _HEAD)
    if (head["version"] != _VERSION).any():
        raise ValueError("recent touches are packed in a way that this release doesn't know")
    counts, named, tagged = (head[name].astype(np.int64) for name in ("touches", "names", "tags"))
    at = none + _HEAD.itemsize
    names = _items(values, at, named, np.dtype("<i8")).astype(np.int64)
    at = at + 8 * named
    records = _items(values, at, counts, _TOUCH)
    tags = _items(values, at + _TOUCH.itemsize * counts, tagged, np.dtype("<u2")).astype(np.int64)
    first = np.concatenate([[0], np.cumsum(named)]).astype(np.int64)[:-1]
    of_touch = np.repeat(first, counts)
    start = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    of_tags = np.concatenate([[0], np.cumsum(records["tags"], dtype=np.int64)]).astype(np.int64)
    touches = Touches(
        id=records["id"].astype(np.int64),
        at=records["at"].astype(np.int64),
        triggered=records["triggered"].astype(bool),
        tags=Ragged(of_tags, names[np.repeat(first, tagged) + tags]),
        **{name: names[of_touch + records[name]] for name in _NAMED},
    )
    return Unpacked(touches, start)


def _coded(owners: Ints, values: Ints, n: int) -> tuple[Ints, Ints, Ints]:
    """Each value as its place among the different ones of its owner; all of these, owner after owner; how many each of
    n owners has."""
    order = np.lexsort((values, owners))
    owner, value = owners[order], values[order]
    new = np.ones(len(order), bool)
    new[1:] = (owner[1:] != owner[:-1]) | (value[1:] != value[:-1])
    named = np.bincount(owner[new], minlength=n).astype(np.int64)
    first = np.concatenate([[0], np.cumsum(named)]).astype(np.int64)
    codes = np.empty(len(order), np.int64)
    codes[order] = np.cumsum(new) - 1 - first[owner]
    return codes, value[new], named


def _laid_out(*parts: tuple[npt.NDArray[Any], Ints]) -> list[bytes]:
    """Parts (items of all circles, and how many each has) joined circle by circle."""
    cut = [_pieces(items.tobytes(), n * items.itemsize) for items, n in parts]
    return [b"".join(pieces) for pieces in zip(*cut, strict=True)]


def _pieces(whole: bytes, lengths: Ints) -> list[bytes]:
    """A text of bytes cut into pieces of these lengths."""
    ends = np.concatenate([[0], np.cumsum(lengths)]).tolist()
    return [whole[a:b] for a, b in pairwise(ends)]


def _items(values: Sequence[bytes], at: Ints, n: Ints, what: np.dtype[Any]) -> npt.NDArray[Any]:
    """Of each value the n[i] items that begin at its byte at[i], one after another."""
    bounds = zip(values, at.tolist(), (at + n * what.itemsize).tolist(), strict=True)
    return np.frombuffer(b"".join([value[a:b] for value, a, b in bounds]), what)
