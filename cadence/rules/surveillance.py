"""The rule `surveillance`: no writing at once, too often, or about tender things because of what somebody was just seen
doing.

It governs messages with a trigger and nothing else. What triggered one is told with the message; whether profiling was
agreed to is asked of the contact's statements.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import BeforeValidator, Field, model_validator

from cadence.calendar import DurationField, WindowField, add
from cadence.facts import CHANNEL_KEYS, NEVER, NONE, Bools, Ints, Push, among, key
from cadence.rules.caps import freed
from cadence.rules.evidence import one_by_one
from cadence.rules.rule import Count, Rule, Stricter, listed
from cadence.rules.rule import Keys as Base
from cadence.rules.statements import decisive
from cadence.rules.view import View

KIND = "surveillance"
ALWAYS_ON = False
MARKETING_ONLY = True
RELEASABLE = False
COUNTS_ACROSS = False
INHERITS = True

Topic = Annotated[str, Field(min_length=1)]


class Keys(Base):
    """How long to wait after what was seen, how often to come of it, and what never to touch on."""

    wait: Annotated[DurationField | None, Stricter.MORE] = None
    """So long since what triggered the message must have passed: `6h`."""
    max: Annotated[Count | None, Stricter.LESS] = None
    """So many triggered touches may lie in the window `per`."""
    per: Annotated[WindowField | None, Stricter.MORE] = None
    """The window that triggered touches are counted in: `7d`, `7 local days`, `calendar month` or `ever`."""
    never_topics: Annotated[
        tuple[Topic, ...],
        BeforeValidator(listed),
        Field(json_schema_extra={"type": ["string", "array"], "items": {"type": "string"}}),
        Stricter.MORE,
    ] = ()
    """Topics that no triggered message may have."""
    needs_consent: Literal["profiling", "none"] = "profiling"
    """The consent that triggered messages need, given on any channel; `none`: they need none."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        self._check()
        return self

    def _check(self) -> None:
        if (self.max is None) != (self.per is None):
            missing, given = ("max", "per") if self.max is None else ("per", "max")
            raise ValueError(f"{given} needs {missing} beside it; give both, for example max: 1, per: 7d")
        if self.wait is None and self.max is None and not self.never_topics and self.needs_consent == "none":
            raise ValueError(
                "surveillance says nothing; give wait, max and per, never_topics, or leave out needs_consent"
            )

    def touch_reach(self) -> int | None:
        """As far back as its window lasts at the most."""
        return 0 if self.per is None else self.per.reach_micros()


def welcome_at(rule: Rule, view: View, rows: Ints, t: Ints) -> Ints:
    """When the wait is over and a slot is free; NEVER for a topic that is never used, or without the consent. t for
    messages without a trigger."""
    at = t.copy()
    triggered = np.flatnonzero(view.candidates.trigger_at[rows] != NONE)
    if not len(triggered):
        return at
    mine = rows[triggered]
    welcome = np.maximum(at[triggered], np.maximum(_waited(rule, view, mine), _freed(rule, view, mine)))
    welcome[_of_topic(rule, view, mine) | _unasked(rule, view, mine)] = NEVER
    at[triggered] = welcome
    return at


def _waited(rule: Rule, view: View, rows: Ints) -> Ints:
    """When `wait` has passed since what triggered each of these; NONE where there is none to pass."""
    if rule.keys.wait is None:
        return np.full(len(rows), NONE, np.int64)
    return add(view.candidates.trigger_at[rows], rule.keys.wait, view.zone[rows])


def _freed(rule: Rule, view: View, rows: Ints) -> Ints:
    """When the touch that fills the last slot leaves the window; NONE where a slot is free."""
    if rule.keys.max is None:
        return np.full(len(rows), NONE, np.int64)
    return freed(view.triggered(rule).most_recent(rows, rule.keys.max), rule.keys.per, view, rows)


def _of_topic(rule: Rule, view: View, rows: Ints) -> Bools:
    """Which of these have a topic that is never used."""
    return among(view.candidates.topic[rows], map(key, rule.keys.never_topics))


def _unasked(rule: Rule, view: View, rows: Ints) -> Bools:
    """Which of these lack the consent that they need."""
    if rule.keys.needs_consent == "none":
        return np.zeros(len(rows), bool)
    wanted = rule.keys.needs_consent
    agreed = view.remember(("surveillance.agreed", wanted), lambda: _agreed(view, key(wanted)))
    return ~agreed[view.candidates.contact[rows]]


def _agreed(view: View, named: int) -> Bools:
    """Which contacts' latest statement on it is a consent, on some channel: bool[contacts]."""
    given = view.history.consents.given
    agreed = np.zeros(len(view.people), bool)
    for channel in CHANNEL_KEYS if len(given) else ():
        statement = decisive(view, named, channel)
        agreed |= (statement >= 0) & given[statement]
    return agreed


def push(rule: Rule, view: View, row: int, t: int, welcome_at: int) -> Push:
    """What refuses it: the topic, the consent that is missing, the wait, or the triggered touches in the window."""
    one, keys = np.array([row], np.int64), rule.keys
    touches: tuple[int, ...] = ()
    if _of_topic(rule, view, one)[0]:
        names = {key(topic): topic for topic in keys.never_topics}
        detail: dict[str, Any] = {"why": "topic", "topic": names[int(view.candidates.topic[row])]}
    elif _unasked(rule, view, one)[0]:
        detail = {"why": "unasked"}
    elif int(_freed(rule, view, one)[0]) == welcome_at:
        mine = _in_window(rule, view, row, t)
        touches = tuple(view.touches.id[mine].tolist())
        frees_from = int(view.triggered(rule).most_recent(one, keys.max)[0])
        why = "ever" if welcome_at == NEVER else "full"
        detail = {"why": why, "max": keys.max, "count": len(mine), "window": keys.per.text, "frees_from_at": frees_from}
    else:
        detail = {"why": "seen", "trigger_at": int(view.candidates.trigger_at[row]), "wait": keys.wait.text}
    return Push(rule.name, KIND, welcome_at, touches, detail)


pushes = one_by_one(push)


def _in_window(rule: Rule, view: View, row: int, t: int) -> Ints:
    """Rows in History.touches of one candidate's triggered touches that lie in the window at t, oldest first."""
    mine = view.triggered(rule).of(row)
    rows = np.full(len(mine), row, np.int64)
    return mine[freed(np.minimum(view.touches.at[mine], t), rule.keys.per, view, rows) > t]


SENTENCES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "topic": (
            "This message follows something that the person was seen doing, and its topic is {topic}. That topic is "
            "never used so."
        ),
        "unasked": (
            "This message follows something that the person was seen doing, and the person has not agreed to profiling."
        ),
        "seen": (
            "This message follows something that the person was seen doing on {trigger_at}. It is welcome {wait} after "
            "that, from {welcome_at}."
        ),
        "full": (
            "Messages in {window} that follow what the person was seen doing: {count}, and this policy allows {max}. "
            "The next one is welcome from {welcome_at}, when the one of {frees_from_at} no longer counts."
        ),
        "ever": (
            "Messages so far that follow what the person was seen doing: {count}. This policy never allows more than "
            "{max}."
        ),
    },
    "sv": {
        "topic": (
            "Meddelandet utlöses av något som personen sågs göra, och ämnet är {topic}. Det ämnet används aldrig på det "
            "sättet."
        ),
        "unasked": (
            "Meddelandet utlöses av något som personen sågs göra, och personen har inte samtyckt till profilering."
        ),
        "seen": (
            "Meddelandet utlöses av något som personen sågs göra {trigger_at}. Det är välkommet {wait} senare, från "
            "{welcome_at}."
        ),
        "full": (
            "Meddelanden på {window} som utlösts av vad personen sågs göra: {count}, och policyn tillåter {max}. Nästa "
            "är välkommet från {welcome_at}, när det från {frees_from_at} inte längre räknas."
        ),
        "ever": (
            "Meddelanden hittills som utlösts av vad personen sågs göra: {count}. Policyn tillåter aldrig fler än "
            "{max}."
        ),
    },
    "nb": {
        "topic": (
            "Meldingen er utløst av noe personen ble sett gjøre, og temaet er {topic}. Det temaet brukes aldri på denne "
            "måten."
        ),
        "unasked": (
            "Meldingen er utløst av noe personen ble sett gjøre, og personen har ikke samtykket til profilering."
        ),
        "seen": (
            "Meldingen er utløst av noe personen ble sett gjøre {trigger_at}. Den er velkommen {wait} senere, fra "
            "{welcome_at}."
        ),
        "full": (
            "Meldinger på {window} utløst av det personen ble sett gjøre: {count}, og reglene tillater {max}. Den "
            "neste er velkommen fra {welcome_at}, når den fra {frees_from_at} ikke lenger teller."
        ),
        "ever": (
            "Meldinger så langt utløst av det personen ble sett gjøre: {count}. Reglene tillater aldri flere enn {max}."
        ),
    },
    "uk": {
        "topic": (
            "Це повідомлення пов’язане з тим, що людина щойно робила, а його тема — {topic}. На цю тему таких "
            "повідомлень ніколи не надсилаємо."
        ),
        "unasked": ("Це повідомлення пов’язане з тим, що людина щойно робила, а згоди на профілювання вона не давала."),
        "seen": (
            "Це повідомлення пов’язане з тим, що людина робила {trigger_at}. Воно доречне через {wait} після цього, від "
            "{welcome_at}."
        ),
        "full": (
            "Повідомлень за {window}, пов’язаних із діями людини: {count}, а правила дозволяють {max}. Наступне "
            "доречне від {welcome_at}, коли повідомлення від {frees_from_at} перестане враховуватися."
        ),
        "ever": (
            "Повідомлень досі, пов’язаних із діями людини: {count}. Правила ніколи не дозволяють більше ніж {max}."
        ),
    },
}

ELSEWHERE = (
    "None was found that delays or caps messages about what somebody was just seen doing. The advice met most often "
    "is the opposite: to let cart mails past the frequency guard."
)

EXAMPLE = """\
policy:
  version: 1
  categories: {promotion: {consent: none}}
  guard_rails:
    surveillance: {wait: 6h, max: 1, per: 7d, never_topics: [health, pregnancy, debt]}
  segments:
    - {name: everyone}
contact: {timezone: Europe/Stockholm, country: SE, consents: {email: [profiling]}}
cases:
  - name: nobody is written to about a cart they have just left
    message: {category: promotion, trigger: {kind: cart, at: "2026-03-05T10:00+01:00"}}
    now: "2026-03-05T12:00+01:00"
    expect: {verdict: defer, until: "2026-03-05T16:00+01:00", rule: surveillance}
  - name: one such message a week is enough
    history:
      - {at: "2026-03-02T12:00+01:00", touch: promotion, triggered: true}
    message: {category: promotion, trigger: {kind: cart, at: "2026-03-05T02:00+01:00"}}
    now: "2026-03-05T12:00+01:00"
    expect: {verdict: defer, until: "2026-03-09T12:00+01:00", rule: surveillance}
  - name: some topics are never used so
    message: {category: promotion, topic: pregnancy, trigger: {kind: visit, at: "2026-03-01T12:00+01:00"}}
    now: "2026-03-05T12:00+01:00"
    expect: {verdict: suppress, rule: surveillance}
  - name: without consent to profiling none is sent
    contact: {consents: {email: [promotion]}}
    message: {category: promotion, trigger: {kind: visit, at: "2026-03-01T12:00+01:00"}}
    now: "2026-03-05T12:00+01:00"
    expect: {verdict: suppress, rule: surveillance}
  - name: a message that nothing triggered isn't asked
    contact: {consents: {email: [promotion]}}
    message: {category: promotion, topic: health}
    now: "2026-03-05T12:00+01:00"
    expect: {verdict: send}
"""
