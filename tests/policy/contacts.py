"""Contacts and what happened to them as conditions see them, and a slow reading of language.md's words about segments.

The reading takes one contact at a time, asks the tz database itself, and shares no code with the evaluator.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import cadence
from cadence.decide.telling import tell
from cadence.decide.told import ToldContact, ToldEvent, ToldMember, ToldMessage
from cadence.policy.conditions import ContactFacts
from cadence.policy.moments import moment_of
from cadence.policy.policy import Policy
from tests.decide.reference import ENGAGEMENT, day_start, exact, later, to_utc

POLICY: Mapping[str, Any] = {
    "version": 1,
    "defaults": {"timezone": "Europe/Stockholm"},
    "categories": {"news": {"consent": "opt_in"}, "offers": {"consent": "none"}, "service": {"transactional": True}},
    "segments": [{"name": "everyone"}],
}
Contact = tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]
"""A contact and its history, as a policy test holds them."""


def policy_of(**change: Any) -> Policy:
    return cadence.policy_of({**POLICY, **change}).policy


def facts_of(contacts: Sequence[Contact], now: datetime, policy: Policy | None = None) -> ContactFacts:
    """These contacts, in this order, as of now."""
    policy = policy or policy_of()
    told = [(ToldContact.model_validate(c), [ToldEvent.model_validate(plain(e)) for e in h]) for c, h in contacts]
    first, *others = told
    moment = moment_of(now)
    assert moment is not None
    members = [ToldMember(contact=c, history=h) for c, h in others]
    telling = tell(policy, first[0], first[1], [ToldMessage(category="news")], moment, members)
    return ContactFacts.of(policy, telling.history, telling.now)


def plain(event: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v.isoformat() if isinstance(v, datetime) else v for k, v in event.items()}


def expected(where: Mapping[str, Any], contact: Contact, now: datetime) -> bool:
    """Does the condition hold for this contact now? Keys in one `where` must all hold."""
    return all(_entry(name, asked, contact, now) for name, asked in where.items())


def _entry(name: str, asked: Any, contact: Contact, now: datetime) -> bool:
    if name == "all":
        return all(expected(part, contact, now) for part in asked)
    if name == "any":
        return any(expected(part, contact, now) for part in asked)
    if name == "not":
        return not expected(asked, contact, now)
    if not isinstance(asked, Mapping):
        asked = {"in" if isinstance(asked, list) else "is": asked}
    return all(_compare(word, operand, name, contact, now) for word, operand in asked.items())


def _compare(word: str, operand: Any, name: str, contact: Contact, now: datetime) -> bool:
    zone = ZoneInfo(contact[0].get("timezone", "Europe/Stockholm"))
    value = _value(name, contact, now)
    if word == "missing":
        return (value is None) == operand
    if value is None:
        happening = name in ("first_purchase", "last_purchase", "last_engaged", "last_touch")
        return word == "longer_ago_than" or (happening and word in ("at_most", "below"))
    if word in ("is", "in"):
        wanted = operand if word == "in" else [operand]
        return any(_same(value, w, zone) for w in wanted)
    if word == "has":
        return operand in value if isinstance(value, list) else _same(value, operand, zone)
    if word == "matches":
        texts = value if isinstance(value, list) else [value]
        return any(re.search(operand, _text(t)) for t in texts)
    if word in ("in_the_last", "in_the_next", "longer_ago_than"):
        at = _instant(value, zone)
        if at is None:
            return False
        if word == "in_the_last":
            return earlier(now, operand, zone) < at <= now
        if word == "in_the_next":
            return now < at <= later(now, operand, zone)
        return at <= earlier(now, operand, zone)
    bound: Any = _instant(operand, zone)
    number: Any = _instant(value, zone) if bound is not None else _number(value)
    bound = _number(operand) if bound is None else bound
    if number is None or bound is None:
        return False
    return {
        "at_least": number >= bound,
        "at_most": number <= bound,
        "above": number > bound,
        "below": number < bound,
    }[word]


def _value(name: str, contact: Contact, now: datetime) -> Any:
    """Given attributes beat computed ones; nothing counted is 0."""
    about, history = contact
    if (given := about.get("attributes", {}).get(name)) is not None:
        return given
    if name in ("country", "region", "locale"):
        return about.get(name)
    touches = sorted(min(e["at"], now) for e in history if e.get("touch") in ("news", "offers", "unknown"))
    engaged = [e["at"] for e in history if (e.get("engagement") or next(iter(e.keys() - {"at"}))) in ENGAGEMENT]
    engaged = [at for at in engaged if at <= now]
    purchases = [e for e in history if e.get("engagement") == "purchase" and e["at"] <= now]
    if name == "last_touch":
        return max(touches, default=None)
    if name == "last_engaged":
        return max(engaged, default=None)
    if name in ("first_purchase", "last_purchase"):
        return (min if name[0] == "f" else max)((e["at"] for e in purchases), default=None)
    found = re.fullmatch(r"(orders|spend|touches|engagements)(?:_(\d+)d)?", name)
    if found is None:
        return None
    since = now - timedelta(days=int(found[2])) if found[2] else datetime.min.replace(tzinfo=UTC)
    recent = [e for e in purchases if e["at"] > since]
    return {
        "orders": len(recent),
        "spend": sum(e.get("amount", 0) for e in recent),
        "touches": sum(t > since for t in touches),
        "engagements": sum(e > since for e in engaged),
    }[found[1]]


def _same(value: Any, wanted: Any, zone: ZoneInfo) -> bool:
    if isinstance(value, datetime):
        at = _instant(wanted, zone)
        if isinstance(wanted, str) and len(wanted) == 10 and at is not None:
            return value.astimezone(zone).date() == date.fromisoformat(wanted)
        return value == at
    if isinstance(value, list):
        return False
    if isinstance(value, str) == isinstance(wanted, str):
        return bool(value == wanted)
    return _number(value) is not None and _number(value) == _number(wanted)


def _text(value: Any) -> str:
    return "" if isinstance(value, datetime) else str(value)


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        return float(value) if re.fullmatch(r"-?\d+(\.\d+)?", value) else None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _instant(value: Any, zone: ZoneInfo) -> datetime | None:
    """A date is its beginning, a time without an offset is local."""
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not re.match(r"\d{4}-\d\d-\d\d", value):
        return None
    if len(value) == 10:
        return day_start(date.fromisoformat(value), zone)
    at = datetime.fromisoformat(value)
    return at if at.tzinfo else to_utc(at, zone)


def earlier(at: datetime, text: str, zone: ZoneInfo) -> datetime:
    """at - a duration; months by the calendar in the zone, clamped to the month's end."""
    if not re.fullmatch(r"\d+(mo|y)", text):
        return at - exact(text)
    months = int(text[:-2]) if text.endswith("mo") else 12 * int(text[:-1])
    local = at.astimezone(zone).replace(tzinfo=None)
    year, month = divmod(local.year * 12 + local.month - 1 - months, 12)
    for day in (local.day, 30, 29, 28):
        try:
            return to_utc(local.replace(year=year, month=month + 1, day=day), zone)
        except ValueError:
            continue
    raise AssertionError
