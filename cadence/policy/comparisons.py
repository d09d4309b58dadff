"""What can be asked of one value in a condition: the table of comparisons, how each is written, answered, and changed
by time.

All answer in columns. That a missing value makes a comparison false, and what never happened lies before everything,
is decided in `conditions.py`; here a missing value is simply not accepted. Nothing here knows where values come from.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cadence.calendar import Duration, add, subtract
from cadence.facts import DAY, NEVER, Bools, Codes, Ints
from cadence.policy.moments import Moment, moment_of
from cadence.policy.patterns import compile_pattern
from cadence.policy.patterns import matches as text_matches
from cadence.policy.values import Values, number_of

_MISSES_BY = 5 * DAY
"""Going a duration by the calendar there and back misses by less than this: the ends of months, skipped dates."""
_FURTHEST = 2**62
_Move = Callable[[Ints, Duration, Codes], Ints]


@dataclass(frozen=True, slots=True)
class Literal:
    """One value as the policy writes it: a text, a number or a truth; `moment` where the text is a date or an
    instant."""

    value: str | float | bool
    moment: Moment | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    """From where a comparison is answered: now, and each contact's zone."""

    now: int
    zone: Codes


@dataclass(frozen=True, slots=True)
class Comparison:
    """One word of the language: how its operand is read, and what it means."""

    word: str
    read: Callable[[Any], Any]
    """The operand from YAML. Raises ValueError with a plain sentence."""
    holds: Callable[[Any, Values, Setting], Bools]
    """operand, values -> which rows hold. False for missing values."""
    of_time: bool = False
    """The operand is a duration: the answer changes as time goes by."""
    begins: Callable[[Any, Ints, Setting], Ints] | None = None
    """With of_time: from which instant on each value's answer is another, int64[n]; NEVER if none. A lower bound."""


def literal(value: Any) -> Literal:
    """A value as the policy writes it, to compare others with. Raises ValueError for lists, mappings, null and NaN."""
    if isinstance(value, bool | str):
        return Literal(value, moment_of(value))
    if isinstance(value, int | float):
        if not math.isfinite(value):
            raise ValueError(f"{value!r} is no number to compare with")
        return Literal(float(value))
    if (moment := moment_of(value)) is not None:
        return Literal(value.isoformat(), moment)
    if value is None:
        raise ValueError("found nothing to compare with; to ask whether the value is missing write {missing: true}")
    raise ValueError(f"found {_named(value)}; allowed is one text, number, true or false")


def texts(operand: Any) -> list[str]:
    """What `is` or `in` names, as texts."""
    return [str(w.value) for w in (operand if isinstance(operand, tuple) else (operand,))]


def same(value: Any, wanted: Literal) -> bool:
    """Whether an attribute's value is what the policy names. Texts that are written like numbers or truths equal
    those."""
    want = wanted.value
    if isinstance(value, bool) or isinstance(want, bool):
        return _truth(value) is not None and _truth(value) == _truth(want)
    if isinstance(value, str) and isinstance(want, str):
        return value == want
    return not isinstance(value, list | tuple | set | dict) and number_of(value) == number_of(want)


def _truth(value: Any) -> bool | None:
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    return bool(value) if isinstance(value, bool) or value in (0, 1) else None


def _named(value: Any) -> str:
    kinds = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "a text",
        list: "a list",
        dict: "a mapping",
    }
    name = next(
        (n for t, n in kinds.items() if isinstance(value, t)), "nothing" if value is None else type(value).__name__
    )
    return f"{name} ({value!r})" if isinstance(value, str | int | float) else name


def _list(value: Any) -> tuple[Literal, ...]:
    if not isinstance(value, list | tuple) or not value:
        raise ValueError(f"'in' needs a list of values such as [SE, NO], found {_named(value)}")
    return tuple(literal(v) for v in value)


def _one(value: Any) -> Literal:
    if isinstance(value, list | tuple):
        raise ValueError("'has' takes one value; for several write any: [{tags: {has: a}}, {tags: {has: b}}], or all:")
    return literal(value)


def _bound(word: str) -> Callable[[Any], float | Moment]:
    def read(value: Any) -> float | Moment:
        wanted = None if isinstance(value, bool | list | dict) or value is None else literal(value)
        if wanted is not None and wanted.moment is not None:
            return wanted.moment
        if wanted is not None and isinstance(wanted.value, float):
            return wanted.value
        raise ValueError(f"'{word}' needs a number or a date such as 2026-03-01, found {_named(value)}")

    return read


def _duration(word: str) -> Callable[[Any], Duration]:
    def read(value: Any) -> Duration:
        if not isinstance(value, str):
            raise ValueError(f"'{word}' needs a duration such as 30d, found {_named(value)}")
        return Duration.parse(value)

    return read


def _pattern(value: Any) -> re.Pattern[str]:
    if not isinstance(value, str):
        raise ValueError(f"'matches' needs a regular expression, found {_named(value)}")
    return compile_pattern(value)


def _yes_or_no(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"'missing' needs true or false, found {_named(value)}")
    return value


def _is_any(wanted: tuple[Literal, ...], values: Values, setting: Setting) -> Bools:
    held = values.where(lambda v: any(same(v, w) for w in wanted))
    moments = [w.moment for w in wanted if w.moment is not None]
    if not moments:
        return held
    at, there = values.instants(setting.zone)
    for moment in moments:
        held = held | (there & moment.equals(at, setting.zone))
    return held


def _is(wanted: Literal, values: Values, setting: Setting) -> Bools:
    return _is_any((wanted,), values, setting)


def _has(wanted: Literal, values: Values, setting: Setting) -> Bools:
    def found(value: Any) -> bool:
        return any(same(v, wanted) for v in value) if isinstance(value, list | tuple | set) else same(value, wanted)

    return values.where(found)


def _matches(pattern: re.Pattern[str], values: Values, setting: Setting) -> Bools:
    def found(value: Any) -> bool:
        if isinstance(value, list | tuple | set):
            return any(found(v) for v in value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        return text_matches(pattern, value if isinstance(value, str) else str(value))

    return values.where(found)


def _ordered(compare: np.ufunc) -> Callable[[float | Moment, Values, Setting], Bools]:
    def holds(bound: float | Moment, values: Values, setting: Setting) -> Bools:
        if isinstance(bound, Moment):
            at, there = values.instants(setting.zone)
            return np.asarray(there & compare(at, bound.at(setting.zone)), bool)
        numbers = values.numbers()
        return np.asarray(compare(numbers, bound) & ~np.isnan(numbers), bool)

    return holds


def _ago(duration: Duration, setting: Setting) -> Ints | int:
    """now - duration for each contact; one number where it is the same for all."""
    return setting.now - duration.micros if duration.exact else _by_zone(subtract, duration, setting)


def _ahead(duration: Duration, setting: Setting) -> Ints | int:
    return setting.now + duration.micros if duration.exact else _by_zone(add, duration, setting)


def _by_zone(move: _Move, duration: Duration, setting: Setting) -> Ints:
    zones, inverse = np.unique(setting.zone, return_inverse=True)
    return move(np.full(len(zones), setting.now, np.int64), duration, zones)[inverse]


def _in_the_last(duration: Duration, values: Values, setting: Setting) -> Bools:
    at, there = values.instants(setting.zone)
    return there & (at > _ago(duration, setting)) & (at <= setting.now)


def _longer_ago_than(duration: Duration, values: Values, setting: Setting) -> Bools:
    at, there = values.instants(setting.zone)
    return there & (at <= _ago(duration, setting))


def _in_the_next(duration: Duration, values: Values, setting: Setting) -> Bools:
    at, there = values.instants(setting.zone)
    return there & (at > setting.now) & (at <= _ahead(duration, setting))


def _past_changes(duration: Duration, at: Ints, setting: Setting) -> Ints:
    """When an instant comes to lie in the past, and when it then comes to lie so long ago."""
    gone = _reaches(subtract, add, duration, at, setting)
    return np.where(at > setting.now, np.minimum(at, gone), gone)


def _coming_changes(duration: Duration, at: Ints, setting: Setting) -> Ints:
    """When an instant comes within reach, and when it has then come."""
    near = _reaches(add, subtract, duration, at, setting)
    return np.where(at > setting.now, np.minimum(near, at), NEVER)


def _reaches(move: _Move, back: _Move, duration: Duration, at: Ints, setting: Setting) -> Ints:
    """The first instant after now that, moved by the duration, reaches `at`; NEVER where now's has already. A lower
    bound.

    Exact durations turn round exactly. By the calendar the way back may miss by some days at the ends of months and
    where a zone's clock changes: far off that is allowed for, nearby the instant is looked for by halving."""
    guess = np.clip(back(at, duration, setting.zone), -_FURTHEST, _FURTHEST)
    if duration.exact:
        return np.where(guess > setting.now, guess, NEVER)
    waits = move(np.full(len(at), setting.now, np.int64), duration, setting.zone) < at
    out = np.where(waits, guess - _MISSES_BY, NEVER)
    near = np.flatnonzero(waits & (out <= setting.now))
    low, high = np.full(len(near), setting.now, np.int64), guess[near] + _MISSES_BY
    while len(near) and int((high - low).max()) > 1:
        middle = low + (high - low) // 2
        reached = move(middle, duration, setting.zone[near]) >= at[near]
        high, low = np.where(reached, middle, high), np.where(reached, low, middle)
    out[near] = high
    return out


def _never_asked(operand: Any, values: Values, setting: Setting) -> Bools:
    return ~values.there() if operand else values.there()


def _table(*comparisons: Comparison) -> Mapping[str, Comparison]:
    return {c.word: c for c in comparisons}


COMPARISONS: Mapping[str, Comparison] = _table(
    Comparison("is", literal, _is),
    Comparison("in", _list, _is_any),
    Comparison("has", _one, _has),
    Comparison("at_least", _bound("at_least"), _ordered(np.greater_equal)),
    Comparison("at_most", _bound("at_most"), _ordered(np.less_equal)),
    Comparison("above", _bound("above"), _ordered(np.greater)),
    Comparison("below", _bound("below"), _ordered(np.less)),
    Comparison("in_the_last", _duration("in_the_last"), _in_the_last, True, _past_changes),
    Comparison("in_the_next", _duration("in_the_next"), _in_the_next, True, _coming_changes),
    Comparison("longer_ago_than", _duration("longer_ago_than"), _longer_ago_than, True, _past_changes),
    Comparison("matches", _pattern, _matches),
    Comparison("missing", _yes_or_no, _never_asked),
)
"""The comparisons a condition may make, by the word a policy writes."""

MEANT: Mapping[str, str] = {
    ">=": "at_least", "gte": "at_least", "ge": "at_least", "min": "at_least",
    "<=": "at_most", "lte": "at_most", "le": "at_most", "max": "at_most",
    ">": "above", "gt": "above", "more_than": "above", "after": "above",
    "<": "below", "lt": "below", "less_than": "below", "before": "below",
    "=": "is", "==": "is", "eq": "is", "equals": "is",
    "contains": "has", "includes": "has", "one_of": "in", "any_of": "in",
    "within": "in_the_last", "last": "in_the_last", "within_last": "in_the_last", "newer_than": "in_the_last",
    "next": "in_the_next", "older_than": "longer_ago_than", "not_in_the_last": "longer_ago_than",
    "regex": "matches", "like": "matches", "exists": "missing", "empty": "missing", "null": "missing",
}  # fmt: skip
"""What other languages call them, for "did you mean"."""

__all__ = ["COMPARISONS", "MEANT", "Comparison", "Literal", "Setting", "literal", "same", "texts"]
