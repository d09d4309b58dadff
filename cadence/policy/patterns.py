"""Regular expressions in conditions, kept from running away: what may be written, and how long a text may be.

Python's `re` tries alternatives one by one, and a pattern such as `(a+)+$` takes time exponential in the text. So a
pattern is read before it is used, and one whose worst case is too long is refused with a sentence. This is no matcher
of its own.
"""

from __future__ import annotations

import re
import warnings
from re import _constants as names  # type: ignore[attr-defined]
from re import _parser as reader  # type: ignore[attr-defined]
from typing import Any

LONGEST_PATTERN = 200
"""Characters a pattern may have."""
LONGEST_TEXT = 256
"""Characters a text may have to match anything: what is longer matches no pattern."""
MOST_STEPS = 20_000_000
"""The worst case of one text, counted in positions tried, which a pattern may reach."""

_STARTS = frozenset({names.AT_BEGINNING, names.AT_BEGINNING_STRING})
_REPEATS = frozenset({names.MAX_REPEAT, names.MIN_REPEAT, names.POSSESSIVE_REPEAT})
_REFUSED = {
    names.GROUPREF: "a reference back to a group",
    names.GROUPREF_EXISTS: "a condition on a group",
    names.ASSERT: "a look ahead or behind",
    names.ASSERT_NOT: "a look ahead or behind",
}


def compile_pattern(text: str) -> re.Pattern[str]:
    """The pattern, made ready. Raises ValueError with a plain sentence for one that is broken, too long, or could run
    away."""
    if len(text) > LONGEST_PATTERN:
        raise ValueError(f"the pattern has {len(text)} characters; at most {LONGEST_PATTERN} are allowed")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # what a later Python would read otherwise is refused now
            tree = reader.parse(text)
            compiled = re.compile(text)
    except (re.error, RecursionError, OverflowError, Warning) as broken:
        raise ValueError(f"{text!r} is no regular expression: {broken}") from None
    anchored = len(tree) > 0 and tree[0][0] is names.AT and tree[0][1] in _STARTS
    steps = _ways(tree) * (1 if anchored else LONGEST_TEXT)
    if steps > MOST_STEPS:
        raise ValueError(
            f"{text!r} repeats too many things without limit, which can take very long; use at most two of * and +"
        )
    return compiled


def matches(pattern: re.Pattern[str], text: str) -> bool:
    """Whether the pattern is found anywhere in the text. A text longer than LONGEST_TEXT matches nothing."""
    return len(text) <= LONGEST_TEXT and pattern.search(text) is not None


def _ways(tree: Any) -> int:
    """An upper bound for how many ways `re` can try this sequence from one place. Raises ValueError for what can't be
    bounded."""
    ways = 1
    for kind, detail in tree:
        if kind in _REFUSED:
            raise ValueError(f"{_REFUSED[kind]} is not allowed in a pattern here, since it can take very long")
        if kind in _REPEATS:
            ways *= _ways_of_repeat(*detail)
        elif kind is names.BRANCH:
            ways *= sum(_ways(branch) for branch in detail[1])
        elif kind is names.SUBPATTERN:
            ways *= _ways(detail[-1])
        elif kind is names.ATOMIC_GROUP:
            ways *= _ways(detail)
    return ways


def _ways_of_repeat(least: int, most: int, inner: Any) -> int:
    """The same for a repeat: one that repeats what itself can match in several ways has no useful bound."""
    within = _ways(inner)
    if most <= 1:
        return within + 1
    if within > 1:
        raise ValueError(
            "a repeat within a repeat, such as (a+)+ or (ab|c)*, is not allowed, since it can take very long"
        )
    return min(int(most) - int(least), LONGEST_TEXT) + 1
