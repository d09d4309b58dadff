"""Whether one condition holds for everyone for whom another does, as far as their words tell.

For telling segments that nobody can reach. Told from the words alone, on the safe side: a yes is certain, a no may only
mean that it can't be seen. Nothing is answered for any contact here.
"""

from __future__ import annotations

from typing import Any

from cadence.calendar import Duration
from cadence.policy.comparisons import Literal
from cadence.policy.condition import All, AnyOf, Asks, Condition, Not

_AT_LEAST = {"at_least": False, "above": True}
_AT_MOST = {"at_most": False, "below": True}
"""Bounds of numbers, and whether the bound itself is left out."""


def implies(one: Condition, other: Condition) -> bool:
    """Whoever `one` holds for, `other` holds for too."""
    if one == other:
        return True
    if isinstance(other, All):
        return all(implies(one, part) for part in other.parts)
    if isinstance(one, AnyOf):
        return all(implies(part, other) for part in one.parts)
    if isinstance(one, All) and any(implies(part, other) for part in one.parts):
        return True
    if isinstance(other, AnyOf):
        return any(implies(one, part) for part in other.parts)
    if isinstance(one, Not) and isinstance(other, Not):
        return implies(other.part, one.part)
    return isinstance(one, Asks) and isinstance(other, Asks) and one.name == other.name and _within(one, other)


def _within(one: Asks, other: Asks) -> bool:
    """The same of two comparisons of one name. A missing value makes both alike false, or both alike true."""
    if other.word == "in" and one.word in ("is", "in"):
        return set(_values(one.operand)) <= set(_values(other.operand))
    if one.word in _AT_LEAST and other.word in _AT_LEAST:
        return _reaches(one.operand, other.operand, _AT_LEAST[one.word], _AT_LEAST[other.word], 1)
    if one.word in _AT_MOST and other.word in _AT_MOST:
        return _reaches(one.operand, other.operand, _AT_MOST[one.word], _AT_MOST[other.word], -1)
    if one.word == other.word and one.word in ("in_the_last", "in_the_next"):
        return _no_longer(one.operand, other.operand)
    return one.word == other.word == "longer_ago_than" and _no_longer(other.operand, one.operand)


def _values(operand: Any) -> tuple[Literal, ...]:
    return operand if isinstance(operand, tuple) else (operand,)


def _reaches(one: Any, other: Any, one_open: bool, other_open: bool, sign: int) -> bool:
    """Whether the bound `one` lies at `other` or beyond it; at it only if it leaves out no less."""
    if not isinstance(one, float) or not isinstance(other, float):
        return False
    return sign * one > sign * other or (one == other and (one_open or not other_open))


def _no_longer(one: Duration, other: Duration) -> bool:
    if one.exact != other.exact:
        return False
    return one.micros <= other.micros and one.months <= other.months
