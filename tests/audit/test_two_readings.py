"""The verifier's clauses and local time against other readings of the language: the slow one that the core is held to,
and the calendar in columns."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cadence.audit.verify import localtime
from cadence.audit.verify.report import Report
from cadence.audit.verify.rows import Address, Circle, Event, Person, Said, Touch
from cadence.audit.verify.sight import Known, Sight, Thing
from cadence.audit.verify.terms import Terms
from cadence.audit.verify.welcome import refusals
from cadence.calendar import Duration, QuietInterval, Window, add, quiet_until, window_frees_at, zone_index
from cadence.facts import MINUTE, EventKind, micros
from cadence.policy.load import from_mapping
from tests.decide.reference import World, exact, later, refusing
from tests.decide.worlds import worlds

ZONES = (
    "Europe/Stockholm",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "Africa/Cairo",
    "Pacific/Apia",
    "America/Havana",
    "Atlantic/Azores",
    "America/St_Johns",
)
instants = st.integers(
    micros(datetime.fromisoformat("2009-01-01T00:00Z")), micros(datetime.fromisoformat("2030-01-01T00:00Z"))
)


def in_micros(span: timedelta) -> int:
    return span // timedelta(microseconds=1)


class Telling:
    """A circle out of what policy tests tell: facts numbered by their instants."""

    def __init__(self, world: World) -> None:
        self.circle = Circle(1, 1)
        self.zone = world.zones[0]
        everyone = [(world.contact, world.history), *world.others]
        for id_, (contact, history) in enumerate(everyone, 1):
            self._person(id_, contact)
            for fact in history:
                self._fact(id_, contact, fact)

    def _person(self, id_: int, contact: dict[str, Any]) -> None:
        zones = tuple(contact.get("timezones") or ())
        wishes = tuple(contact.get("hours", ())), tuple(contact.get("days", ()))
        shared = contact.get("household"), contact.get("account")
        self.circle.people[id_] = Person(id_, zones, None, None, None, *shared, {}, *wishes, 0)
        for channel, address in contact.get("addresses", {}).items():
            self.circle.addresses.append(Address(id_, channel, address, address, 0, 0))
        for channel, categories in contact.get("consents", {}).items():
            self.circle.said[id_] += [Said(id_, 1, None, 0, EventKind.OPT_IN, c, channel) for c in categories]

    def _fact(self, id_: int, contact: dict[str, Any], fact: dict[str, Any]) -> None:
        at = micros(fact["at"])
        if "touch" in fact:
            self._touch(id_, contact, fact, at)
        elif "opt_in" in fact or "opt_out" in fact:
            kind = EventKind.OPT_IN if "opt_in" in fact else EventKind.OPT_OUT
            what, channel = fact[kind.word], fact.get("channel")
            if what in ("email", "sms"):
                what, channel = None, what
            self.circle.said[id_].append(Said(id_, 1, at, 0, kind, None if what == "all" else what, channel))
        elif "screened" in fact:
            self._looked_up(id_, at, fact["screened"])
        else:
            self._event(id_, at, *self._kind(fact))

    def _looked_up(self, id_: int, at: int, looked_up: dict[str, Any]) -> None:
        number = 1 + sum(len(e) for e in self.circle.events.values())
        said = {"listed": looked_up["listed"]}
        event = Event(id_, number, at, 0, EventKind.SCREENED, None, looked_up["register"], None, 0.0, said)
        self.circle.events[id_].append(event)

    def _kind(self, fact: dict[str, Any]) -> tuple[EventKind, str | None, int | None]:
        if "engagement" in fact:
            return EventKind[fact["engagement"].upper()], None, None
        if "ticket" in fact:
            return EventKind[f"TICKET_{fact['ticket'].upper()}"], fact["id"], None
        if "hold" in fact:
            return EventKind.HOLD, fact["hold"], micros(fact["until"]) if "until" in fact else None
        if "snooze" in fact:
            return EventKind.SNOOZE, None, micros(later(fact["at"], fact["snooze"], self.zone))
        word = next(k for k in fact if k != "at")
        return EventKind[word.upper()], fact[word] if isinstance(fact[word], str) else None, None

    def _event(self, id_: int, at: int, kind: EventKind, subject: str | None, until: int | None) -> None:
        number = 1 + sum(len(e) for e in self.circle.events.values())
        self.circle.events[id_].append(Event(id_, number, at, 0, kind, None, subject, until, 0.0, {}))

    def _touch(self, id_: int, contact: dict[str, Any], fact: dict[str, Any], at: int) -> None:
        number = len(self.circle.touches) + 1
        channel = fact.get("channel", "email")
        words = (
            channel,
            fact["touch"],
            None,
            fact.get("thread"),
            None,
            fact.get("content"),
            contact.get("addresses", {}).get(channel),
        )
        gone = number if fact.get("outcome") == "not_connected" else None
        ends = (fact.get("triggered", False), (), fact.get("outcome"), None, "test", str(number), gone, gone)
        self.circle.touches.append(Touch(number, id_, number, at, at, *words, *ends))
        if fact.get("outcome") == "answered":
            self._event(id_, at, EventKind.CALL_ANSWERED, None, None)


@settings(max_examples=150, deadline=None)
@given(worlds())
def test_the_clauses_refuse_what_the_slow_reading_refuses(world: World) -> None:
    now = micros(world.now)
    known = [e for e in world.history if e["at"] <= world.now or "touch" in e]
    circle = Telling(World(world.policy, world.contact, known, world.message, world.now, world.others)).circle
    m = world.message
    channel = m.get("channel", "email")
    words = (m.get("campaign"), (), m.get("thread"), m.get("topic"), m.get("content"))
    mailbox, trigger_at = (
        world.contact["addresses"].get(channel),
        micros(m["trigger"]["at"]) if "trigger" in m else None,
    )
    message = Thing(channel, m["category"], *words, mailbox, trigger_at, m.get("about"))
    terms = Terms(from_mapping(world.policy).required().content)
    sight = Sight(circle, circle.people[1], terms, now, Known(), message)
    sight.segment = "everyone"

    found = [rule.split(" ")[0] for rule, _ in refusals(sight, Report(now), released=False)]

    assert sorted(found) == sorted(refusing(world, world.now))


@settings(max_examples=200, deadline=None)
@given(
    instants,
    st.sampled_from(ZONES),
    st.sampled_from(["36h", "1 local days", "7 local days", "calendar day", "calendar week", "calendar month", "calendar quarter", "calendar year"]),
)  # fmt: skip
def test_a_window_ends_when_the_calendar_says(at: int, zone: str, per: str) -> None:
    column = window_frees_at(np.array([at]), Window.parse(per), np.array([zone_index(zone)]))

    assert localtime.leaves_window(at, per, zone) == int(column[0])


@settings(max_examples=200, deadline=None)
@given(instants, st.sampled_from(ZONES), st.sampled_from(["90m", "1mo", "6mo", "2y"]))
def test_a_duration_ends_when_the_calendar_says(at: int, zone: str, duration: str) -> None:
    column = add(np.array([at]), Duration.parse(duration), np.array([zone_index(zone)]))

    assert localtime.later(at, duration, zone) == int(column[0])


@settings(max_examples=200, deadline=None)
@given(
    instants,
    st.sampled_from(ZONES),
    st.sampled_from(
        [
            ("20:00", "08:00"),
            ("02:30", "03:30"),
            ("23:30", "00:30"),
            ("13:00", "24:00"),
            ("20:00", "00:00"),
            (None, None),
        ]
    ),
    st.sampled_from([None, ["sat"], ["mon", "sun"]]),
    st.sampled_from([None, True]),
)
def test_it_is_quiet_when_the_calendar_says(
    at: int, zone: str, times: tuple[str | None, str | None], days: list[str] | None, holidays: bool | None
) -> None:
    interval = QuietInterval.parse(*times, None, days, holidays)
    until = quiet_until(interval, np.array([at]), np.array([zone_index(zone)]), np.array([0]), ["SE"])
    if interval.always:
        return
    said = {"from": times[0], "to": times[1], "days": days, "holidays": holidays}

    assert localtime.quiet(localtime.Quiet.of(said), at, zone, "SE") == (int(until[0]) > at)


@pytest.mark.parametrize("zone", ["Atlantic/Azores", "America/Havana", "America/St_Johns"])
@pytest.mark.parametrize(
    "times", [(None, None), ("13:00", "24:00"), ("20:00", "00:00"), ("23:00", "00:30"), ("00:00", "08:00")]
)
@pytest.mark.parametrize("days", [["sat"], ["sun"]])
def test_where_midnight_comes_twice_it_is_quiet_when_the_calendar_says(
    zone: str, times: tuple[str | None, str | None], days: list[str]
) -> None:
    """By quarters of an hour, through the nights in which clocks were put back in autumn, on a Sunday."""
    nights = (datetime.fromisoformat(f"{day}T20:00Z") for day in ("2008-11-01", "2025-11-01", "2026-10-24"))
    t = np.array([micros(night) + quarter * 15 * MINUTE for night in nights for quarter in range(48)])
    said = {"from": times[0], "to": times[1], "days": days}
    until = quiet_until(QuietInterval.parse(*times, None, days), t, np.full(len(t), zone_index(zone)))

    assert [localtime.quiet(localtime.Quiet.of(said), at, zone, None) for at in t.tolist()] == (until > t).tolist()


def test_a_touch_leaves_a_rolling_window_to_the_microsecond() -> None:
    moment = micros(datetime.fromisoformat("2026-03-03T12:00Z"))

    assert localtime.leaves_window(moment, "7d", "UTC") == moment + in_micros(exact("7d"))
    assert time(12) == localtime.local(moment, "UTC").time()
