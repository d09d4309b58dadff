"""The rule `fatigue`: every touch adds pressure, every answer takes some off, and what is left halves with time.

Which touches are counted is the view's work. The pressure as of now is worked out once a round; at any later instant
it is that, halved so many times, so that the welcome instant has a closed form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import log
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, Field

from cadence.facts import CHANNELS, ENGAGEMENT, NEVER, Bools, EventKind, Floats, Ints, Push, among, key, starts
from cadence.rules.evidence import Behind
from cadence.rules.rule import Category, ExactDuration, Filters, Remarks, Rule, Stricter, event_words
from cadence.rules.rule import Keys as Base
from cadence.rules.runs import Runs
from cadence.rules.view import View

KIND = "fatigue"
ALWAYS_ON = False
MARKETING_ONLY = False
RELEASABLE = True
COUNTS_ACROSS = False
INHERITS = True

TOLERANCE = 1e-9
"""A pressure this close to the limit is at it (language.md section 5)."""
_FADED = 48
"""After so many half-lives a touch weighs less than 1e-14 of itself: history beyond is not looked at."""
_BLOCK = 1 << 18
"""Touches weighed at a time, so that the work stays in the processor's cache."""

Weight = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]


def _engagement_words(relief: Mapping[str, float]) -> Mapping[str, float]:
    event_words(ENGAGEMENT)(list(relief))
    return relief


class Keys(Base):
    """How pressure builds up, fades, and where it is too much."""

    half_life: Annotated[ExactDuration, Stricter.MORE]
    """In this time, what pressure there is halves."""
    limit: Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False), Stricter.LESS]
    """The pressure that a message may bring the person to, itself included."""
    weights: Annotated[Mapping[str, Weight], Stricter.MORE] = {}
    """By category or channel, what a touch adds: the larger of the two, 1 where neither is given."""
    relief: Annotated[
        Mapping[str, Weight],
        AfterValidator(_engagement_words),
        Field(json_schema_extra={"propertyNames": {"enum": [k.word for k in ENGAGEMENT]}}),
    ] = {}
    """By kind of engagement, what it takes off at once."""

    def problems(self, categories: Mapping[str, Category], rule: Rule | None = None) -> Remarks:
        """Weights of what is neither category nor channel, and a limit under which something governed could never be
        sent."""
        names = {n for c in categories.values() for n in (c.name, *c.was)}
        allowed = ", ".join([*sorted(c.name for c in categories.values()), *CHANNELS])
        found: Remarks = [
            (("weights", name), f"{name!r} is neither a category of this policy nor a channel; allowed are {allowed}")
            for name in self.weights
            if name not in names and name not in CHANNELS
        ]
        heaviest = max(_governed(self, categories, rule), default=None)
        if heaviest is not None and heaviest[0] >= self.limit:
            weight, category, channel = heaviest
            found.append(
                (
                    ("limit",),
                    f"the limit {self.limit:g} doesn't exceed the weight {weight:g} of {category} on {channel}, "
                    f"which could never be sent; give a limit above {weight:g}, or a lower weight",
                )
            )
        return found

    def touch_reach(self) -> int | None:
        """Until what is left of a touch can't be noticed."""
        return _FADED * int(self.half_life.micros)

    def event_reach(self) -> Mapping[EventKind, int]:
        """Engagement that brings relief, as far back as touches."""
        return {EventKind[word.upper()]: _FADED * self.half_life.micros for word, off in self.relief.items() if off > 0}


def _governed(keys: Any, categories: Mapping[str, Category], rule: Rule | None) -> list[tuple[float, str, str]]:
    """The weight of each category on each channel that the rule governs."""
    filters = rule.filters if rule else Filters()
    excluded = [f for f in (rule.excluded if rule else ()) if not (f.campaigns or f.tags)]
    words = {"all", KIND, rule.name if rule else KIND}
    pairs = [
        (category, channel)
        for category in {c.name: c for c in categories.values()}.values()
        for channel in CHANNELS
        if not words & category.exempt
        and _matches(filters, category, channel)
        and not any(_matches(f, category, channel) for f in excluded)
    ]
    return [(_weight(keys, c, channel), c.name, channel) for c, channel in pairs]


def _matches(filters: Filters, category: Category, channel: str) -> bool:
    return (not filters.categories or bool(filters.categories & category.keys)) and (
        not filters.channels or key(channel) in filters.channels
    )


def _weight(keys: Any, category: Category, channel: str) -> float:
    given = [keys.weights[n] for n in (category.name, *category.was, channel) if n in keys.weights]
    return float(max(given, default=1.0))


def welcome_at(rule: Rule, view: View, rows: Ints, t: Ints) -> Ints:
    """When the pressure has faded so far that this message's weight fits under the limit; NEVER where it never can."""
    _, pressure, late = _known(rule, view)
    weight = _own_weights(rule.keys, view, rows)
    at = _fits_at(rule.keys, pressure[rows], weight, view.now, t)
    for i in np.flatnonzero(late[rows]).tolist():
        at[i] = _late_fits_at(rule, view, int(rows[i]), float(weight[i]), int(t[i]))
    return at


def _known(rule: Rule, view: View) -> tuple[Rule, Floats, Bools]:
    """The rule, and `_pressure_now`, worked out once a round."""
    return view.remember(("fatigue", id(rule)), lambda: (rule, *_pressure_now(rule, view)))


def _rate(keys: Any) -> float:
    """By how much the logarithm of the pressure falls in a microsecond."""
    return log(2) / float(keys.half_life.micros)


def _weights(keys: Any, view: View, category: Ints, channel: Ints) -> Floats:
    """What each touch or message adds: the larger of its category's and its channel's weight, 1 where neither is
    given."""
    of_channel = {key(name): float(keys.weights[name]) for name in CHANNELS if name in keys.weights}
    of_category = view.by_category({n: float(w) for n, w in keys.weights.items() if n not in CHANNELS})
    if not of_channel:
        return view.lookup(category, of_category, 1.0)
    weight = np.maximum(view.lookup(category, of_category, -1.0), view.lookup(channel, of_channel, -1.0))
    return np.where(weight < 0, 1.0, weight)


def _own_weights(keys: Any, view: View, rows: Ints) -> Floats:
    """What each of these candidates would add itself."""
    return _weights(keys, view, view.current(view.candidates, "category")[rows], view.candidates.channel[rows])


def _pressure_now(rule: Rule, view: View) -> tuple[Floats, Bools]:
    """The pressure on each candidate's contact as of now, and whose touches lie later than now (theirs isn't
    reckoned here)."""
    runs = view.counted(rule)
    rows = np.arange(len(view.candidates), dtype=np.int64)
    left = _what_is_left(rule, view, runs)
    late = runs.most_recent(rows) > view.now
    relief = _relief(rule.keys, view)
    if relief is None:
        return _sums(left, runs.begin, runs.end), late
    return _relieved(runs, left, relief, view.candidates.contact), late


def _what_is_left(rule: Rule, view: View, runs: Runs) -> Floats:
    """What is left now of each touch in the runs, and a 0 behind them: float64[len(runs.at) + 1]."""
    touches, rate = view.touches, _rate(rule.keys)
    left = np.zeros(len(runs.at) + 1, np.float64)
    category = view.current(touches, "category")
    for begin in range(0, len(runs.at), _BLOCK):
        block = slice(begin, min(begin + _BLOCK, len(runs.at)))
        faded = np.minimum((runs.at[block] - view.now) * rate, 0.0)
        np.exp(faded, out=left[block])
        if rule.keys.weights:
            which = block if runs.at is touches.at else runs.touch[block]
            left[block] *= _weights(rule.keys, view, category[which], touches.channel[which])
    return left


def _sums(values: Floats, begin: Ints, end: Ints) -> Floats:
    """The sum of values[begin[i]:end[i]] for each i. values must have one entry behind the last range."""
    found = np.zeros(len(begin), np.float64)
    there = np.flatnonzero(end > begin)
    if len(there):
        bounds = np.stack([begin[there], end[there]], axis=1).ravel()
        found[there] = np.add.reduceat(values, bounds)[::2]
    return found


def _relief(keys: Any, view: View) -> tuple[Ints, Ints, Floats] | None:
    """Engagement that brings relief: where each contact's begins (int64[contacts + 1]), when, and what is left of it
    now."""
    taken = {int(EventKind[word.upper()]): float(off) for word, off in keys.relief.items() if off > 0}
    events = view.events
    rows = np.flatnonzero(among(events.kind, taken))
    if not len(rows):
        return None
    start = starts(events.contact[rows], len(view.people))
    off = view.lookup(events.kind[rows].astype(np.int64), taken, 0.0)
    return start, events.at[rows], off * np.exp((events.at[rows] - view.now) * _rate(keys))


def _relieved(runs: Runs, left: Floats, relief: tuple[Ints, Ints, Floats], contact: Ints) -> Floats:
    """The pressure now, where engagement took some off, never below 0.

    Pressure that can't fall below 0 is, at the end, the largest sum of all changes since some moment (or 0); and the
    moment that gives it is the beginning, or right after an engagement. So it is enough to go back from engagement
    to engagement, adding up the touches between. Touches at the instant of an engagement come before it."""
    start, engaged_at, off = relief
    rows = np.arange(len(contact), dtype=np.int64)
    place, first = start[1:][contact] - 1, start[:-1][contact]
    end = runs.end.copy()
    total = np.zeros(len(rows), np.float64)
    most = np.zeros(len(rows), np.float64)
    while len(rows):
        more = place[rows] >= first[rows]
        last = rows[~more]
        most[last] = np.maximum(most[last], total[last] + _sums(left, runs.begin[last], end[last]))
        rows = rows[more]
        since = runs.end[rows] - runs.after(rows, engaged_at[place[rows]])
        since = np.minimum(since, end[rows])
        total[rows] += _sums(left, since, end[rows])
        most[rows] = np.maximum(most[rows], total[rows])
        total[rows] -= off[place[rows]]
        end[rows] = since
        place[rows] -= 1
    return most


def _fits_at(keys: Any, pressure: Floats, weight: Floats, now: int, t: Ints) -> Ints:
    """The least instant from t on at which pressure (as of now) and weight fit under the limit, to the microsecond."""
    rate, most = _rate(keys), keys.limit + TOLERANCE

    def fits(rows: Ints, at: Ints) -> Bools:
        return np.asarray(pressure[rows] * np.exp((now - at) * rate) + weight[rows] <= most, np.bool_)

    at = t.copy()
    over = np.flatnonzero(~fits(np.arange(len(t)), t))
    if not len(over):
        return at
    at[over] = NEVER
    over = over[weight[over] < most]
    solved = np.ceil(np.log(pressure[over] / (most - weight[over])) / rate)
    at[over] = _least(fits, over, t[over], now + solved.astype(np.int64))
    return at


def _least(fits: Callable[[Ints, Ints], Bools], rows: Ints, after: Ints, near: Ints) -> Ints:
    """The least instant that fits, near `near`, for rows where `after` doesn't and everything late enough does."""
    high, step = near.copy(), 1
    while len(early := np.flatnonzero(~fits(rows, high))):
        high[early] += step
        step *= 2
    low, step = np.maximum(high - 1, after), 1
    while len(tardy := np.flatnonzero((low > after) & fits(rows, low))):
        high[tardy] = low[tardy]
        low[tardy] = np.maximum(low[tardy] - step, after[tardy])
        step *= 2
    while len(wide := np.flatnonzero(high - low > 1)):
        middle = (low[wide] + high[wide]) // 2
        fitting = fits(rows[wide], middle)
        high[wide[fitting]] = middle[fitting]
        low[wide[~fitting]] = middle[~fitting]
    return high


def _late_fits_at(rule: Rule, view: View, row: int, weight: float, t: int) -> int:
    """The same, step by step, for one candidate with touches later than now: such a touch lies at t until t has
    passed it."""
    added = _added(rule, view, row)
    keys, most = rule.keys, rule.keys.limit + TOLERANCE
    while True:
        ahead = [(at, w) for at, w in added if at > t]
        if _pressure_at(rule, view, row, added, t) + weight <= most:
            return t
        past = _pressure_at(rule, view, row, [(at, w) for at, w in added if at <= t], t)
        carried = weight + sum(w for _, w in ahead)
        column = np.array([past]), np.array([carried]), t, np.array([t], np.int64)
        fits_at = int(_fits_at(keys, *column)[0])
        following = min((at for at, _ in ahead), default=NEVER)
        if fits_at < following or following == NEVER:
            return fits_at
        t = following


def _added(rule: Rule, view: View, row: int) -> list[tuple[int, float]]:
    """When each touch on one candidate's contact was, and what it weighs."""
    mine, touches = view.counted(rule).of(row), view.touches
    weights = _weights(rule.keys, view, view.current(touches, "category")[mine], touches.channel[mine])
    return list(zip(touches.at[mine].tolist(), weights.tolist(), strict=True))


def _pressure_at(rule: Rule, view: View, row: int, added: list[tuple[int, float]], t: int) -> float:
    """The pressure at t, touch by touch and engagement by engagement, as the rule is told in words."""
    contact, rate = int(view.candidates.contact[row]), _rate(rule.keys)
    relief = _relief(rule.keys, view)
    changes = [(min(at, t), 0, w) for at, w in added]
    if relief is not None:
        start, engaged_at, _ = relief
        kinds = view.events.kind[np.flatnonzero(view.events.contact == contact)]
        named = [EventKind(int(k)).word for k in kinds if rule.keys.relief.get(EventKind(int(k)).word, 0) > 0]
        instants = engaged_at[start[contact] : start[contact + 1]].tolist()
        changes += [(at, 1, -rule.keys.relief[word]) for at, word in zip(instants, named, strict=True)]
    pressure, since = 0.0, min((at for at, _, _ in changes), default=t)
    for at, _, change in sorted(changes):
        pressure = max(0.0, pressure * float(np.exp((since - at) * rate)) + change)
        since = at
    return pressure * float(np.exp((since - t) * rate))


def pushes(rule: Rule, view: View, rows: Ints, t: Ints, welcome_at: Ints) -> list[Push]:
    """The pressure at t, and the touches of which at least a hundredth is left."""
    keys, touches = rule.keys, view.touches
    behind = Behind(view.counted(rule), rows)
    weights = _weights(keys, view, view.current(touches, "category")[behind.touch], touches.channel[behind.touch])
    remaining = weights * np.exp(np.minimum((behind.at - t[behind.slot]) * _rate(keys), 0.0))
    own = _own_weights(keys, view, rows)
    columns = welcome_at, behind.ids(view, remaining >= 0.01), _pressures(rule, view, rows, t), own
    told = []
    for answer, ids, pressure, weight in zip(*(c if isinstance(c, list) else c.tolist() for c in columns), strict=True):
        detail = {
            "why": "never" if answer == NEVER else "pressure",
            "pressure": round(pressure, 2),
            "weight": weight,
            "limit": float(keys.limit),
            "half_life": keys.half_life.text,
        }
        told.append(Push(rule.name, KIND, answer, ids, detail))
    return told


def _pressures(rule: Rule, view: View, rows: Ints, t: Ints) -> Floats:
    """The pressure on each of these candidates' contacts at its t, which isn't before now."""
    _, pressure, late = _known(rule, view)
    found: Floats = pressure[rows] * np.exp((view.now - t) * _rate(rule.keys))
    for i in np.flatnonzero(late[rows]).tolist():
        row = int(rows[i])
        found[i] = _pressure_at(rule, view, row, _added(rule, view, row), int(t[i]))
    return found


SENTENCES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "pressure": (
            "The pressure of earlier messages is {pressure}, and this one would add {weight}; at most {limit} is "
            "allowed. It halves every {half_life}, so this message is welcome from {welcome_at}."
        ),
        "never": "This message weighs {weight}, more than the {limit} that is allowed.",
    },
    "sv": {
        "pressure": (
            "Belastningen från tidigare meddelanden är {pressure}, och detta skulle öka den med {weight}; högst {limit} "
            "tillåts. Den halveras på {half_life}, så meddelandet är välkommet från {welcome_at}."
        ),
        "never": "Meddelandet väger {weight}, och högst {limit} tillåts.",
    },
    "nb": {
        "pressure": (
            "Belastningen fra tidligere meldinger er {pressure}, og denne ville øke den med {weight}; høyst {limit} "
            "tillates. Den halveres på {half_life}, så meldingen er velkommen fra {welcome_at}."
        ),
        "never": "Meldingen veier {weight}, og høyst {limit} tillates.",
    },
    "uk": {
        "pressure": (
            "Навантаження від попередніх повідомлень — {pressure}, а це збільшило б його на {weight}; дозволено щонайбільше "
            "{limit}. Воно зменшується вдвічі за {half_life}, тож повідомлення доречне від {welcome_at}."
        ),
        "never": "Вага цього повідомлення — {weight}, а дозволено щонайбільше {limit}.",
    },
}

ELSEWHERE = (
    "Salesforce's Einstein sorts people into saturated, on target and undersaturated by 28 days of mail, and enforces "
    "nothing. Adobe Campaign weighs messages and recipients in its pressure rules. Iterable picks a cap for each user "
    "within a range, without saying why."
)

EXAMPLE = """\
policy:
  version: 1
  categories: {newsletter: {consent: none}, promotion: {consent: none}}
  guard_rails:
    fatigue: {half_life: 7d, limit: 2.5, weights: {promotion: 1.5}, relief: {reply: 3}}
  segments:
    - {name: everyone}
contact: {timezone: Europe/Stockholm, country: SE}
cases:
  - name: a newsletter a half-life after two promotions brings the pressure exactly to the limit
    history:
      - {at: "2026-03-02T12:00+01:00", touch: promotion}
      - {at: "2026-03-02T12:00+01:00", touch: promotion}
    message: {category: newsletter}
    now: "2026-03-04T12:00+01:00"
    expect: {verdict: defer, until: "2026-03-09T12:00+01:00", rule: fatigue}
  - name: a reply takes it off
    history:
      - {at: "2026-03-02T12:00+01:00", touch: promotion}
      - {at: "2026-03-02T12:00+01:00", touch: promotion}
      - {at: "2026-03-03T12:00+01:00", engagement: reply}
    message: {category: newsletter}
    now: "2026-03-04T12:00+01:00"
    expect: {verdict: send}
"""
