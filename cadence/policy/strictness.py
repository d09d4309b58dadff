"""Which of two rules of one kind is as strict as the other, told from their keys alone; and which of two categories asks
for less consent.

A kind says by metadata on its keys which way each one is stricter (`rule.Stricter`); keys that say nothing must be
equal. Where only all of them together tell, the kind says it itself (`Keys.covers`). It is a comparison for warnings, on
the safe side: what can't be compared is not as strict. Decisions never ask.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cadence.calendar import Duration, Window, WindowKind
from cadence.facts import NEVER
from cadence.rules.rule import Category, Rule, Stricter

_STRENGTH = {"none": 0, "relationship": 1, "opt_in": 2}


def same_scope(one: Rule, other: Rule) -> bool:
    """Both govern and count the same, but for the segment they stand in, their keys and their names."""
    return replace(one, name="", keys=None, segment=None) == replace(other, name="", keys=None, segment=None)


def as_strict(one: Rule, other: Rule) -> bool:
    """`one` lets nothing pass that `other` stops, as far as their keys tell; both of one kind and scope."""
    if one.kind != other.kind or not same_scope(one, other):
        return False
    if (told := one.keys.covers(other.keys)) is not None:
        return bool(told)
    fields = type(one.keys).model_fields
    return all(
        _as_strict(
            getattr(one.keys, name),
            getattr(other.keys, name),
            next((m for m in field.metadata if isinstance(m, Stricter)), None),
        )
        for name, field in fields.items()
    )


def _as_strict(one: Any, other: Any, way: Stricter | None) -> bool:
    if one == other:
        return True
    if way is None:
        return False
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        # A weight that isn't given is 1, a slot that isn't kept free is less: what `one` alone says is at least that.
        return other.keys() <= one.keys() and all(_as_strict(said, other.get(k, 1), way) for k, said in one.items())
    if isinstance(one, tuple | frozenset) and isinstance(other, tuple | frozenset):
        return set(other) <= set(one) if way is Stricter.MORE else set(one) <= set(other)
    if other is None:
        return way is Stricter.LESS
    size, other_size = _size(one), _size(other)
    if size is None or other_size is None or size[0] != other_size[0]:
        return False
    return size[1] <= other_size[1] if way is Stricter.LESS else size[1] >= other_size[1]


def _size(value: Any) -> tuple[str, float] | None:
    """What can be compared, and with what: windows of one kind, durations of one sort, numbers."""
    if isinstance(value, Duration):
        return ("exact", value.micros) if value.exact else ("calendar", value.months)
    if isinstance(value, Window):
        if value.kind is WindowKind.CALENDAR:
            return f"calendar {value.unit}", 0
        return value.kind.value, value.micros or value.days
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "number", float(value)
    return None


def needs_less(now: Category, before: Category, channel: int) -> bool:
    """Whether consent that wouldn't have done for one category on this channel will do for the other."""
    need, needed = now.need(channel), before.need(channel)
    if need.kind != needed.kind:
        return _STRENGTH[need.kind] < _STRENGTH[needed.kind]
    if need.kind == "opt_in":
        return _lasting(need.lasts) > _lasting(needed.lasts)
    lasted = {g.since: _lasting(g.lasts) for g in needed.grounds}
    if not need.grounds or not lasted:
        return bool(lasted)
    return any(_lasting(g.lasts) > lasted.get(g.since, 0) for g in need.grounds)


def _lasting(lasts: Duration | None) -> int:
    return NEVER if lasts is None else lasts.at_most_micros()
