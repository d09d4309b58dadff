"""What a parsed condition is: a tree of comparisons, and the error that names each wrong place of one.

How one is read stands in `condition_reader.py`, how it is answered in `conditions.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Path = tuple[str | int, ...]
"""A place within a mapping: names and indices from its top."""


class Condition:
    """The base of a parsed condition: `All`, `AnyOf`, `Not` or `Asks`. Frozen; equal ones ask the same."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class All(Condition):
    """Every part holds. No parts: it holds for everyone."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf(Condition):
    """One part holds at least."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not(Condition):
    """The part doesn't hold."""

    part: Condition


@dataclass(frozen=True, slots=True)
class Asks(Condition):
    """One comparison of one name's value."""

    name: str
    word: str
    """A word of `COMPARISONS`."""
    operand: Any
    """As that comparison has read it."""


class ConditionError(ValueError):
    """What is wrong at one place of a condition. `errors` holds all that are wrong in it, this one first."""

    def __init__(self, path: Path, message: str, suggestion: str | None = None) -> None:
        super().__init__(message if suggestion is None else f"{message}; did you mean {suggestion!r}?")
        self.path = path
        self.message = message
        self.suggestion = suggestion
        self.errors: tuple[ConditionError, ...] = (self,)


def leaves(condition: Condition) -> Iterator[Asks]:
    """All comparisons a condition makes, in order."""
    match condition:
        case All(parts) | AnyOf(parts):
            for part in parts:
                yield from leaves(part)
        case Not(part):
            yield from leaves(part)
        case Asks():
            yield condition
