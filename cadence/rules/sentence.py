"""One line of evidence as a plain sentence, in the reader's language and the contact's own time.

The sentences stand with the rules, the words in `words`; this module fills them in. It decides nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from cadence.calendar import to_local, zone_index, zone_names
from cadence.calendar.shown import LAST_SHOWN, on_calendar
from cadence.facts import HELD, MINUTE, Push, Verdict
from cadence.rules import words
from cadence.rules.registry import RULES

_SPAN = re.compile(r"([0-9]+)(s|mo|m|h|d|w|y| local days?)")
_TEXTS = {"channel": words.CHANNELS, "event": words.EVENTS, "hold": words.HOLDS}
_SPANS = ("window", "wait", "half_life")
ERROR = "error"
"""Where a rule threw: what a push's `detail` then holds, and the name under which its message is held."""
TOGETHER = "together"
"""A push's `why` where no rule says never by itself, but several leave no time together; `rules` names them."""


def sentence(push: Push, rule_kind: str, locale: str, zone: str) -> str:
    """What this answer says to a reader, for example `The latest message was on Mon 9 March 2026 12:00. ...`.

    locale: `sv`, `sv-SE`, `nb_NO`...; English where the language isn't known. zone: an IANA zone's name (ValueError
    if none).
    """
    language = _language(locale)
    known = RULES[rule_kind].SENTENCES[language] if rule_kind in RULES else {}
    why = push.detail.get("why", ERROR if ERROR in push.detail else "")
    besides = words.BESIDES[language]
    template = known.get(why) or besides.get(why) or besides["later"]
    if "{welcome_at}" in template and push.welcome_at > LAST_SHOWN:
        template = besides["held" if push.welcome_at == HELD else "never"]
    return template.format_map(_said({**push.detail, "welcome_at": push.welcome_at}, language, _clock(push, zone)))


def _clock(push: Push, zone: str) -> str:
    """The zone whose clock a sentence goes by: the one that it names, else the contact's own."""
    where = str(push.detail.get("where", ""))
    return where if where in zone_names() else zone


def unbound(verdict: Verdict, locale: str) -> str:
    """What is said of a message that no rule bound: nothing speaks against it, or it had expired."""
    return words.BESIDES[_language(locale)]["welcome" if verdict is Verdict.SEND else "expired"]


def too_late(said: str, locale: str) -> str:
    """A sentence that says from when a message would be welcome, of one that has expired by then."""
    return f"{said} {words.BESIDES[_language(locale)]['too_late']}"


def _language(locale: str) -> str:
    spoken = re.split("[-_]", locale.lower())[0]
    spoken = "nb" if spoken in ("no", "nn") else spoken
    return spoken if spoken in words.LOCALES else "en"


def _said(detail: Mapping[str, Any], language: str, zone: str) -> dict[str, str]:
    """Each field as it is said: instants, spans, names of things, numbers."""
    said = {}
    for name, value in detail.items():
        if name.endswith("_at"):
            said[name] = instant_text(int(value), language, zone, past=name != "welcome_at")
        elif name in _SPANS:
            said[name] = span_text(str(value), language)
        elif name in _TEXTS:
            said[name] = _TEXTS[name][language].get(value, str(value).replace("_", " "))
        elif name == "events":
            table = words.EVENTS[language]
            said[name] = ", ".join(table.get(w, w.replace("_", " ")) for w in str(value).split(", "))
        else:
            said[name] = number_text(value, language) if isinstance(value, float) else str(value)
    return said


def number_text(value: float, locale: str) -> str:
    """`2.5`, or `2,5` where a comma parts whole from broken."""
    return f"{value:g}".replace(".", words.DECIMAL_SIGN[_language(locale)])


def instant_text(at: int, locale: str, zone: str, *, past: bool = False) -> str:
    """`Mon 9 March 2026 12:00` on the zone's wall clock. Rounded up to the minute, so that no sentence names a welcome
    too early; what is past stands in the minute in which it was, as in every list.

    Empty for what no calendar shows."""
    if on_calendar(at) is None:
        return ""
    language = _language(locale)
    whole = at if past else -(-at // MINUTE) * MINUTE
    local = int(to_local(np.array([whole], np.int64), np.array([zone_index(zone)], np.int32))[0])
    wall = np.datetime64(local, "us").item()
    return words.DATES[language].format(
        weekday=words.WEEKDAYS[language][wall.weekday()],
        day=wall.day,
        month=words.MONTHS[language][wall.month - 1],
        year=wall.year,
        time=f"{wall:%H:%M}",
    )


def span_text(text: str, locale: str) -> str:
    """`7d` as `7 days`, `calendar month` as `one calendar month`, in words; a text that is no span stays as it is."""
    language = _language(locale)
    if text in words.PERIODS[language]:
        return words.PERIODS[language][text]
    found = _SPAN.fullmatch(text)
    if found is None:
        return text
    number, unit = int(found[1]), found[2].strip()
    forms = words.UNITS[language]["local days" if unit.startswith("local") else unit]
    return f"{number} {forms[words.PLURAL[language](number)]}"
