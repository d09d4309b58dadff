"""From what YAML says to a condition: every word checked, and all that is wrong told at once, each at its place.

Nothing is answered here. Which comparisons there are and how their operands are written stands in `comparisons.py`.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from cadence.calendar import zones_of_country
from cadence.policy.comparisons import COMPARISONS, MEANT, Literal, texts
from cadence.policy.condition import All, AnyOf, Asks, Condition, ConditionError, Not, Path
from cadence.policy.contact_facts import PLACE_NAMES, computed
from cadence.policy.moments import Moment

SPECIAL_NAMES: tuple[str, ...] = ("segment", "consent")
"""Names that are asked of the policy, not of the contact's attributes."""
RESERVED_CONSENTS: tuple[str, ...] = ("profiling",)
"""Consents to something that is no category (language.md section 3)."""
RESERVED: Mapping[str, str] = {"all": "it means every category", "profiling": "it is a consent of its own"}
"""What no category may be called, now or before, each with why."""
_DEEPEST = 20
_MEANT_GROUPS = {
    "and": "all",
    "or": "any",
    "none": "not",
    "one_of": "any",
    "any_of": "any",
    "all_of": "all",
    "none_of": "not",
}
_UNBUILT = ("trust",)


def parse(
    mapping: Any,
    *,
    path: Path = (),
    in_segment: bool = False,
    segments: Collection[str] | None = None,
    categories: Collection[str] | None = None,
) -> Condition:
    """A condition out of what YAML says.

    path: where it stands, put before the places of errors. in_segment: it decides who is in a segment, so it can't
    ask for one. segments, categories: the names that `segment` and `consent` may take; None: any. An empty mapping
    holds for everyone. Raises ConditionError; its `errors` are all there are, each with its path, a sentence and
    perhaps the nearest right word."""
    reader = _Reader(in_segment, segments, categories)
    condition = reader.mapping(mapping, path, may_be_empty=True)
    if reader.errors:
        first = reader.errors[0]
        first.errors = tuple(reader.errors)
        raise first
    return condition


class _Reader:
    """Reads one condition and collects what is wrong in it."""

    def __init__(self, in_segment: bool, segments: Collection[str] | None, categories: Collection[str] | None) -> None:
        self.errors: list[ConditionError] = []
        self._in_segment = in_segment
        consents = None if categories is None else (*categories, *RESERVED_CONSENTS)
        self._names = {"segment": segments, "consent": consents}

    def mapping(self, found: Any, path: Path, *, may_be_empty: bool = False) -> Condition:
        """A mapping of names and groups: all of it must hold."""
        if not isinstance(found, Mapping):
            return self._wrong(
                path, f"a condition is a mapping such as {{orders: {{at_least: 1}}}}, found {_shape(found)}"
            )
        if not found and not may_be_empty:
            return self._wrong(
                path, "the condition is empty, which would hold for everyone; say what is asked, or leave it out"
            )
        if len(path) > 3 * _DEEPEST:
            return self._wrong(path, f"conditions may be nested {_DEEPEST} deep at most")
        parts = [self._entry(name, value, (*path, name)) for name, value in found.items()]
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _entry(self, name: Any, value: Any, path: Path) -> Condition:
        if not isinstance(name, str):
            return self._wrong(path, f"the name of an attribute is a text, found {_shape(name)}; write it in quotes")
        if name in ("all", "any"):
            return self._group(name, value, path)
        if name == "not":
            if isinstance(value, Sequence) and not isinstance(value, str):
                return self._wrong(
                    path, "'not' takes one mapping; for several write not: {any: [...]} or not: {all: [...]}"
                )
            return Not(self.mapping(value, path))
        if name in _MEANT_GROUPS and isinstance(value, list | tuple | Mapping):
            return self._wrong(path, f"{name!r} is no word of conditions", _MEANT_GROUPS[name])
        if name in _UNBUILT:
            return self._wrong(path, f"asking for {name!r} isn't built yet; leave it out")
        return self._attribute(name, value, path)

    def _group(self, name: str, value: Any, path: Path) -> Condition:
        if not isinstance(value, list | tuple) or not value:
            return self._wrong(
                path,
                f"{name!r} takes a list of conditions such as [{{orders: 1}}, {{country: SE}}], found {_shape(value)}",
            )
        parts = tuple(self.mapping(part, (*path, i)) for i, part in enumerate(value))
        return All(parts) if name == "all" else AnyOf(parts)

    def _attribute(self, name: str, value: Any, path: Path) -> Condition:
        """One name: a bare value, a bare list, or comparisons, which must all hold."""
        if isinstance(value, list | tuple):
            return self._comparison(name, "in", value, path)
        if not isinstance(value, Mapping):
            return self._comparison(name, "is", value, path)
        if not value:
            return self._wrong(path, f"nothing is asked of {name!r}; write one of {', '.join(COMPARISONS)}")
        parts = [self._comparison(name, word, operand, (*path, word)) for word, operand in value.items()]
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _comparison(self, name: str, word: Any, operand: Any, path: Path) -> Condition:
        if word not in COMPARISONS:
            near = MEANT.get(str(word).lower()) or next(
                iter(difflib.get_close_matches(str(word), COMPARISONS, n=1)), None
            )
            return self._wrong(path, f"{word!r} is no comparison; allowed are {', '.join(COMPARISONS)}", near)
        try:
            asked = Asks(name, word, COMPARISONS[word].read(operand))
            self._fits(asked)
        except ValueError as wrong:
            return self._wrong(path, str(wrong))
        for text in texts(asked.operand) if name in SPECIAL_NAMES else ():
            self._known(name, text, path)
        for text in texts(asked.operand) if name == "country" and word in ("is", "in") else ():
            if not zones_of_country(text):
                self._wrong(
                    path, f"{text!r} is no country of ISO 3166; write for example SE, or DE-BY with a subdivision"
                )
        return asked

    def _fits(self, asked: Asks) -> None:
        """Raises ValueError where a comparison can't be meant of what a name is."""
        if asked.name == "segment" and self._in_segment:
            raise ValueError("a segment can't ask for a segment; say what its contacts have in common instead")
        if asked.name in (*SPECIAL_NAMES, *PLACE_NAMES) and asked.word not in ("is", "in", "missing", "matches"):
            raise ValueError(
                f"{asked.name!r} is a name; it can't be asked {asked.word!r}, but a bare name or list of names"
            )
        if asked.name in SPECIAL_NAMES and asked.word not in ("is", "in"):
            raise ValueError(f"{asked.name!r} can't be asked {asked.word!r}; write a name or a list of names")
        meaning = computed(asked.name)
        if meaning is None or asked.word == "missing":
            return
        bounded = asked.word in ("at_least", "at_most", "above", "below")
        is_instant = COMPARISONS[asked.word].of_time or (bounded and isinstance(asked.operand, Moment))
        is_number = bounded and isinstance(asked.operand, float)
        if meaning.kind == "number" and (is_instant or asked.word in ("has", "matches")):
            raise ValueError(
                f"{asked.name!r} is a number; it can't be asked {asked.word!r} like that: write for example at_least: 1"
            )
        if meaning.kind == "instant" and (is_number or asked.word in ("has", "matches")):
            raise ValueError(
                f"{asked.name!r} is an instant; write in_the_last: 30d, longer_ago_than: 30d or below: 2026-03-01"
            )
        if asked.word in ("is", "in"):
            self._fits_value(asked, meaning.kind)

    def _fits_value(self, asked: Asks, kind: str) -> None:
        wanted: tuple[Literal, ...] = asked.operand if isinstance(asked.operand, tuple) else (asked.operand,)
        for one in wanted:
            if kind == "number" and not (isinstance(one.value, float) and not isinstance(one.value, bool)):
                raise ValueError(f"{asked.name!r} is a number, found {one.value!r}")
            if kind == "instant" and one.moment is None:
                raise ValueError(f"{asked.name!r} is an instant, found {one.value!r}; write a date such as 2026-03-01")

    def _known(self, name: str, text: str, path: Path) -> None:
        known = self._names[name]
        if known is not None and text not in known:
            word = "segment" if name == "segment" else "category"
            near = next(iter(difflib.get_close_matches(text, list(known), n=1)), None)
            self._wrong(path, f"{text!r} is no {word} of this policy; known are {', '.join(known) or 'none'}", near)

    def _wrong(self, path: Path, message: str, suggestion: str | None = None) -> Condition:
        self.errors.append(ConditionError(path, message, suggestion))
        return All(())


def _shape(found: Any) -> str:
    if found is None:
        return "nothing"
    if isinstance(found, Mapping):
        return "a mapping" if found else "an empty mapping"
    if isinstance(found, list | tuple):
        return "a list" if found else "an empty list"
    return repr(found)
