"""The rule `channel_hop`: who doesn't answer on one channel isn't tried on the next one at once, and not on too many.

Which touches are counted is the view's work; what counts as an answer says `answered_by`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

import numpy as np
from pydantic import model_validator

from cadence.calendar import DurationField, WindowField, add, window_frees_at
from cadence.facts import CHANNEL_KEYS, NEVER, NONE, Ints, Push
from cadence.rules.caps import freed
from cadence.rules.evidence import one_by_one
from cadence.rules.rule import ANY_ANSWER, AnsweredBy, Count, Rule, Stricter
from cadence.rules.rule import Keys as Base
from cadence.rules.runs import Runs
from cadence.rules.view import View

KIND = "channel_hop"
ALWAYS_ON = False
MARKETING_ONLY = True
RELEASABLE = False
COUNTS_ACROSS = False
INHERITS = True


class Keys(Base):
    """How long to stay on a channel that has no answer, and how many channels to use."""

    wait: Annotated[DurationField | None, Stricter.MORE] = None
    """Another channel than that of the latest touch waits so long for an answer to it: `48h`."""
    max_channels: Annotated[Count | None, Stricter.LESS] = None
    """So many different channels may be used in the window, this message's among them."""
    per: Annotated[WindowField | None, Stricter.MORE] = None
    """The window: `7d` (rolling), `7 local days`, `calendar month` or `ever`."""
    answered_by: Annotated[AnsweredBy, Stricter.LESS] = ANY_ANSWER
    """What is an answer: all engagement, or some of it."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        self._check()
        return self

    def _check(self) -> None:
        if self.wait is None and self.max_channels is None and self.per is None:
            raise ValueError("channel_hop says nothing; give wait, or max_channels with per, or all three")
        if (self.max_channels is None) != (self.per is None):
            lacking, given = ("per", "max_channels") if self.per is None else ("max_channels", "per")
            raise ValueError(f"{given} needs {lacking} beside it, for example {{max_channels: 2, per: 7d}}")

    def touch_reach(self) -> int | None:
        """As far back as its wait and its window last at the most."""
        waits = 0 if self.wait is None else int(self.wait.at_most_micros())
        lasts = 0 if self.per is None else self.per.reach_micros()
        return None if lasts is None else max(waits, lasts)


def welcome_at(rule: Rule, view: View, rows: Ints, t: Ints) -> Ints:
    """When there is room for the channel in the window, and the latest touch was on it, is answered, or old enough."""
    return _waited(rule, view, rows, _with_room(rule, view, rows, t))


def _waited(rule: Rule, view: View, rows: Ints, t: Ints) -> Ints:
    """t where the latest counted touch was on the message's channel or is answered, else the end of the wait.

    Touches later than t lie at t: then several are the latest, as where one message went out on two channels at once,
    and one of them on this channel is enough."""
    if rule.keys.wait is None:
        return t
    latest = view.counted(rule).most_recent(rows)
    own = np.full(len(rows), NONE, np.int64)
    channel = view.candidates.channel[rows]
    for key, used_at in _by_channel(rule, view).items():
        own = np.where(channel == key, used_at[rows], own)
    seen = np.minimum(latest, t)
    hopping = np.flatnonzero((latest != NONE) & (own < seen))
    hopping = hopping[view.answered_at(rule.keys.answered_by, rows[hopping]) < seen[hopping]]
    at = t.copy()
    at[hopping] = np.maximum(t[hopping], add(latest[hopping], rule.keys.wait, view.zone[rows[hopping]]))
    return at


def _with_room(rule: Rule, view: View, rows: Ints, t: Ints) -> Ints:
    """When fewer than `max_channels` other channels lie in the window, at the earliest t."""
    if rule.keys.max_channels is None:
        return t
    by_channel, channel = _by_channel(rule, view), view.candidates.channel[rows]
    if len(by_channel) < rule.keys.max_channels:
        return t
    used = [np.where(channel == key, NONE, used_at[rows]) for key, used_at in by_channel.items()]
    filling = np.sort(np.stack(used), axis=0)[-rule.keys.max_channels]
    return np.maximum(t, freed(filling, rule.keys.per, view, rows))


def _by_channel(rule: Rule, view: View) -> dict[int, Ints]:
    """For each channel that was used when each candidate's latest counted touch on it was, as far back as the rule
    looks; NONE without one. int64[candidates]."""
    runs = view.counted(rule)

    def found() -> dict[int, Ints]:
        reach = rule.keys.touch_reach()
        lately = np.flatnonzero(runs.at > (NONE if reach is None else view.now - reach))
        channel = view.touches.channel[runs.touch[lately]]
        used = {key: lately[channel == key] for key in CHANNEL_KEYS}
        return {key: _latest_at(runs, places) for key, places in used.items() if len(places)}

    return view.remember((KIND, id(runs), rule.keys.touch_reach()), found)


def _latest_at(runs: Runs, places: Ints) -> Ints:
    """The instant of the latest touch of each candidate's run that lies at one of these places; NONE without one."""
    before = np.searchsorted(places, runs.end) - 1
    place = places[before]
    return np.where((before >= 0) & (place >= runs.begin), runs.at[place], NONE)


def push(rule: Rule, view: View, row: int, t: int, welcome_at: int) -> Push:
    """The touch that nobody has answered, or the touches in the window."""
    one = np.array([row], np.int64)
    room = int(_with_room(rule, view, one, np.array([t], np.int64))[0])
    mine = view.counted(rule).of(row)
    if room < welcome_at:
        touches, detail = mine[-1:], _hopped(view, mine[-1])
    else:
        zone = np.full(len(mine), view.zone[row], np.int32)
        touches = mine[window_frees_at(np.minimum(view.touches.at[mine], t), rule.keys.per, zone) > t]
        used = {int(view.candidates.channel[row]), *view.touches.channel[touches].tolist()}
        why = "ever" if welcome_at == NEVER else "many"
        detail = {"why": why, "count": len(used), "max": rule.keys.max_channels, "window": rule.keys.per.text}
    return Push(rule.name, KIND, welcome_at, tuple(view.touches.id[touches].tolist()), detail)


pushes = one_by_one(push)


def _hopped(view: View, touch: int) -> dict[str, Any]:
    name = CHANNEL_KEYS[int(view.touches.channel[touch])]
    return {"why": "hopped", "channel": name, "touch_at": int(view.touches.at[touch])}


SENTENCES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "hopped": (
            "The latest message ({channel}, {touch_at}) has no answer yet. Another channel is welcome from {welcome_at}."
        ),
        "many": (
            "Channels used in {window}, with this one: {count}, and this policy allows {max}. This one is welcome from "
            "{welcome_at}."
        ),
        "ever": "Channels used so far, with this one: {count}. This policy never allows more than {max}.",
    },
    "sv": {
        "hopped": (
            "Det senaste meddelandet ({channel}, {touch_at}) har inte fått svar än. En annan kanal är välkommen från "
            "{welcome_at}."
        ),
        "many": (
            "Kanaler som använts på {window}, den här medräknad: {count}, och policyn tillåter {max}. Den här är "
            "välkommen från {welcome_at}."
        ),
        "ever": "Kanaler som använts hittills, den här medräknad: {count}. Policyn tillåter aldrig fler än {max}.",
    },
    "nb": {
        "hopped": (
            "Den siste meldingen ({channel}, {touch_at}) er ikke besvart ennå. En annen kanal er velkommen fra "
            "{welcome_at}."
        ),
        "many": (
            "Kanaler som er brukt på {window}, denne medregnet: {count}, og reglene tillater {max}. Denne er velkommen "
            "fra {welcome_at}."
        ),
        "ever": "Kanaler som er brukt så langt, denne medregnet: {count}. Reglene tillater aldri flere enn {max}.",
    },
    "uk": {
        "hopped": (
            "Останнє повідомлення ({channel}; {touch_at}) ще без відповіді. Інший канал доречний від {welcome_at}."
        ),
        "many": (
            "Каналів за {window}, разом із цим: {count}, а правила дозволяють {max}. Цей канал доречний від "
            "{welcome_at}."
        ),
        "ever": "Каналів досі, разом із цим: {count}. Правила ніколи не дозволяють більше ніж {max}.",
    },
}

ELSEWHERE = (
    "Iterable, Klaviyo, Pega and MoEngage cap each channel by itself, so that a channel that stayed silent leaves the "
    "slots of all others free. None was found that looks from one channel to the next."
)

EXAMPLE = """\
policy:
  version: 1
  categories: {newsletter: {consent: none}, promotion: {consent: none}}
  guard_rails:
    channel_hop: {wait: 48h, max_channels: 2, per: 7d}
  segments:
    - {name: everyone}
contact: {timezone: Europe/Stockholm, country: SE}
cases:
  - name: a mail without an answer isn't followed by a text message the next day
    history:
      - {at: "2026-03-02T12:00+01:00", touch: promotion, channel: email}
    message: {category: promotion, channel: sms}
    now: "2026-03-03T12:00+01:00"
    expect: {verdict: defer, until: "2026-03-04T12:00+01:00", rule: channel_hop}
  - name: the third channel of a week waits for the first to leave it
    history:
      - {at: "2026-03-02T12:00+01:00", touch: promotion, channel: email}
      - {at: "2026-03-04T12:00+01:00", touch: promotion, channel: sms}
    message: {category: promotion, channel: phone}
    now: "2026-03-07T12:00+01:00"
    expect: {verdict: defer, until: "2026-03-09T12:00+01:00", rule: channel_hop}
  - name: after an answer every channel is welcome
    history:
      - {at: "2026-03-02T12:00+01:00", touch: promotion, channel: email}
      - {at: "2026-03-02T19:00+01:00", engagement: click}
    message: {category: promotion, channel: sms}
    now: "2026-03-03T12:00+01:00"
    expect: {verdict: send}
"""
