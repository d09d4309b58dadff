"""Conditions in the verifier's own plain code: whether a `where` held for one contact, by what was known at an instant.

It shares nothing with the policy's evaluator. It reads conditions that were accepted once, so it finds no fault with
them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from cadence.audit.verify.localtime import NEVER_ENDS, earlier, instant_of, later, local, micros, moment
from cadence.audit.verify.sight import Sight
from cadence.facts import CHANNELS, DAY, ENGAGEMENT, EventKind

_INSTANTS = ("first_purchase", "last_purchase", "last_engaged", "last_touch")
_PLACES = ("country", "region", "locale")
_WINDOWED = re.compile(r"(orders|spend|touches|engagements)_(\d+)d", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:?\d\d)?)?", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_LARGEST = 1e300
LONGEST_TEXT = 256
"""A longer text matches no pattern."""


def holds(where: Mapping[str, Any] | None, sight: Sight) -> bool:
    """Whether all that a condition says holds."""
    return all(_entry(name, said, sight) for name, said in (where or {}).items())


def segment_of(sight: Sight) -> str | None:
    """The first segment whose condition holds; None where none does."""
    for name, where in sight.terms.segments:
        if where is None or holds(where, sight):
            return str(name)
    return None


def _entry(name: str, said: Any, sight: Sight) -> bool:
    if name == "not":
        return not holds(said, sight)
    if name == "all":
        return all(holds(part, sight) for part in said)
    if name == "any":
        return any(holds(part, sight) for part in said)
    if isinstance(said, Mapping):
        return all(_asked(name, word, operand, sight) for word, operand in said.items())
    return _asked(name, "in" if isinstance(said, Sequence) and not isinstance(said, str) else "is", said, sight)


def _asked(name: str, word: str, operand: Any, sight: Sight) -> bool:
    wanted = list(operand) if word == "in" else [operand]
    if name == "segment":
        return sight.segment in wanted
    if name == "consent":
        return any(consents(str(w), sight) for w in wanted)
    value = value_of(name, sight)
    if word == "missing":
        return (value is None) == bool(operand)
    if value is None:
        return word == "longer_ago_than" or (name in _INSTANTS and word in ("at_most", "below"))
    if name in _PLACES and word in ("is", "in"):
        return any(_lies_in(str(value), str(w)) for w in wanted)
    return _compared(value, word, operand, sight)


def _compared(value: Any, word: str, operand: Any, sight: Sight) -> bool:
    if word in ("is", "in"):
        wanted = list(operand) if word == "in" else [operand]
        return any(_same(value, w) or _then(value, w, sight) for w in wanted)
    if word == "has":
        return any(_same(v, operand) for v in (value if isinstance(value, list) else [value]))
    if word == "matches":
        return _matches(operand, value)
    if word in ("in_the_last", "in_the_next", "longer_ago_than"):
        at = _instant(value, sight)
        if at is None:
            return False
        if word == "in_the_next":
            return sight.now < at <= later(sight.now, operand, sight.zone)
        since = earlier(sight.now, operand, sight.zone)
        return since < at <= sight.now if word == "in_the_last" else at <= since
    return _ordered(value, word, operand, sight)


def _ordered(value: Any, word: str, operand: Any, sight: Sight) -> bool:
    one: float | None
    other: float | None
    if isinstance(operand, str | date) and (bound := _instant(operand, sight)) is not None:
        one, other = _instant(value, sight), bound
    else:
        one, other = _number(value), _number(operand)
    if one is None or other is None:
        return False
    return {"at_least": one >= other, "at_most": one <= other, "above": one > other, "below": one < other}[word]


def _then(value: Any, wanted: Any, sight: Sight) -> bool:
    """Whether a value is the instant that is named; a date is all of that day on the contact's calendar."""
    if not isinstance(wanted, str) or (named := _instant(wanted, sight)) is None:
        return False
    at = _instant(value, sight)
    if at is None or len(wanted) > len("2026-03-01"):
        return at == named
    return abs(at - named) < 3 * DAY and str(local(at, sight.zone).date()) == wanted


def _same(value: Any, wanted: Any) -> bool:
    """Whether a value is the text, number or truth that is named."""
    if isinstance(value, bool) or isinstance(wanted, bool):
        return _truth(value) is not None and _truth(value) == _truth(wanted)
    if isinstance(value, str) and isinstance(wanted, str):
        return value == wanted
    return _number(value) is not None and _number(value) == _number(wanted)


def _truth(value: Any) -> bool | None:
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    return bool(value) if value in (0, 1) else None


def _matches(pattern: str, value: Any) -> bool:
    if isinstance(value, list):
        return any(_matches(pattern, v) for v in value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value)
    return len(text) <= LONGEST_TEXT and re.search(pattern, text) is not None


def _lies_in(place: str, wanted: str) -> bool:
    """DE-BY lies in DE, sv-SE in sv."""
    have, want = (text.casefold().replace("_", "-") for text in (place, wanted))
    return have == want or have.startswith(want + "-")


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        return float(value) if _NUMBER.fullmatch(value) else None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) if abs(value) < _LARGEST else None
    return None


def _instant(value: Any, sight: Sight) -> int | None:
    """A value as an instant; a date and a time without an offset are local. Whole numbers are microseconds."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value if abs(value) < NEVER_ENDS else None
    if isinstance(value, str) and _MOMENT.fullmatch(value):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    try:
        return micros(value) if value.tzinfo else instant_of(value, sight.zone)
    except OverflowError:  # the first and the last date of the calendar are before and after all others in any zone
        return micros(value.replace(tzinfo=UTC))


def value_of(name: str, sight: Sight) -> Any:
    """What a name means for the contact: what was given, else what is computed; None is missing. A computed instant is
    a datetime: it is no number, and no text."""
    if name in _PLACES:
        return _place(name, sight)
    given = sight.person.attributes.get(name)
    if given is not None:
        return given
    if name in _INSTANTS:
        return _latest(name, sight)
    if name in ("orders", "spend"):
        return _total(name, None, sight)
    found = _WINDOWED.fullmatch(name)
    return None if found is None else _total(found[1], sight.now - int(found[2]) * DAY, sight)


def _place(name: str, sight: Sight) -> str | None:
    person = sight.person
    if name == "region":
        return person.region
    if name == "locale":
        return person.locale or str(sight.terms.defaults.get("locale", "en"))
    country, region = sight.country, person.region
    if not country or not region or "-" in country:
        return country
    return region if region.upper().startswith(country.upper() + "-") else f"{country}-{region}"


def _latest(name: str, sight: Sight) -> datetime | None:
    if name == "last_touch":
        at = [t.at for t in _counted(sight)]
    else:
        at = [e.at for e in sight.events(*(ENGAGEMENT if name == "last_engaged" else (EventKind.PURCHASE,)))]
    return moment(min(at) if name == "first_purchase" else max(at)) if at else None


def _total(name: str, since: int | None, sight: Sight) -> float:
    if name == "touches":
        return float(sum(since is None or t.at > since for t in _counted(sight)))
    kinds = ENGAGEMENT if name == "engagements" else (EventKind.PURCHASE,)
    events = [e for e in sight.events(*kinds) if since is None or e.at > since]
    return round(sum(e.amount for e in events), 6) if name == "spend" else float(len(events))


def _counted(sight: Sight) -> list[Any]:
    return [t for t in sight.touches() if sight.terms.counted(t.category)]


def consents(category: str, sight: Sight) -> bool:
    """Whether the consent to a category stands on some channel."""
    return any(stands(sight, category, channel) is None for channel in CHANNELS)


def stands(sight: Sight, category: str | None, channel: str) -> str | None:
    """Why the contact's consent to a category on a channel doesn't stand; None where it does."""
    need = sight.terms.need(category, channel)
    said = sight.decisive(sight.person.id, category, channel)
    if said is not None and said.kind != EventKind.OPT_IN:
        return "the contact had said stop"
    if need["kind"] == "none" or (need["kind"] == "relationship" and not need.get("grounds")):
        return None
    if need["kind"] == "relationship":
        for ground in need["grounds"]:
            since = [e.at for e in sight.events(EventKind[ground["since"].upper()])]
            lasts = ground.get("lasts")
            if since and (lasts is None or sight.now < later(since[-1], lasts, sight.zone)):
                return None
        return "no ground of the relationship stood"
    if said is None:
        return "the contact had not agreed"
    if need.get("lasts") and said.at is not None and sight.now >= later(said.at, need["lasts"], sight.zone):
        return "what the contact had agreed to had lapsed"
    return None
