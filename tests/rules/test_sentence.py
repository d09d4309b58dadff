"""Sentences: every answer of every rule is said in every language, with nothing left unfilled."""

from __future__ import annotations

import re

import pytest

from cadence.facts import DAY, HELD, NEVER, NONE, Push
from cadence.rules import words
from cadence.rules.registry import RULES
from cadence.rules.sentence import instant_text, sentence, span_text
from cadence.rules.view import View
from tests.rules.columns import at, evidence, rule, view

AT = at("2026-03-09T11:00")
FOR_GOOD = at("9999-12-31T23:59:59")


def fields(template: str) -> list[str]:
    return sorted(re.findall(r"\{(\w+)\}", template))


@pytest.mark.parametrize("kind", RULES)
def test_each_rule_says_the_same_things_in_all_languages(kind: str) -> None:
    said = RULES[kind].SENTENCES
    shapes = [{why: fields(text) for why, text in said[locale].items()} for locale in words.LOCALES]
    assert all(shape == shapes[0] for shape in shapes)


@pytest.mark.parametrize("locale", words.LOCALES)
@pytest.mark.parametrize(
    "table",
    ["WEEKDAYS", "MONTHS", "DATES", "DECIMAL_SIGN", "PLURAL", "UNITS", "PERIODS", "CHANNELS", "EVENTS", "HOLDS"],
)
def test_each_table_of_words_has_each_language(table: str, locale: str) -> None:
    assert locale in getattr(words, table)


@pytest.mark.parametrize(
    ("locale", "text"),
    [
        ("en", "Mon 9 March 2026 12:00"),
        ("sv-SE", "mån 9 mars 2026 kl. 12:00"),
        ("no", "man. 9. mars 2026 kl. 12:00"),
        ("uk", "пн, 9 березня 2026 р., 12:00"),
        ("fi", "Mon 9 March 2026 12:00"),
    ],
)
def test_an_instant_is_told_in_the_contacts_zone(locale: str, text: str) -> None:
    assert instant_text(AT, locale, "Europe/Stockholm") == text


def test_no_sentence_names_a_minute_too_early() -> None:
    assert instant_text(AT + 1, "en", "Europe/Stockholm") == "Mon 9 March 2026 12:01"


def test_what_is_past_is_told_in_the_minute_in_which_it_was() -> None:
    detail = {"why": "full", "count": 2, "max": 2, "window": "24h", "frees_from_at": AT + 1}
    said = sentence(Push("2 per 24h", "caps", AT + DAY + 1, (), detail), "caps", "en", "Europe/Stockholm")

    assert "welcome from Tue 10 March 2026 12:01" in said
    assert "the one of Mon 9 March 2026 12:00" in said


@pytest.mark.parametrize(
    ("text", "locale", "said"),
    [
        ("7d", "en", "7 days"),
        ("1h", "sv", "1 timme"),
        ("2w", "nb", "2 uker"),
        ("24h", "uk", "24 години"),
        ("11d", "uk", "11 днів"),
        ("7 local days", "en", "7 local days"),
        ("1 local day", "uk", "1 календарний день"),
        ("7 local days", "sv", "7 kalenderdagar"),
        ("calendar month", "sv", "en kalendermånad"),
    ],
)
def test_spans_are_said_in_words(text: str, locale: str, said: str) -> None:
    assert span_text(text, locale) == said


def test_a_cap_says_how_many_are_allowed_and_when_the_next_is_welcome() -> None:
    seen = view([{"at": AT, "touch": "newsletter"}])
    push = evidence(rule("caps", {"max": 1, "per": "7d"}), seen)
    assert sentence(push, "caps", "en", "Europe/Stockholm") == (
        "Messages in 7 days: 1, and this policy allows 1. The next one is welcome from Mon 16 March 2026 12:00, "
        "when the one of Mon 9 March 2026 12:00 no longer counts."
    )


@pytest.mark.parametrize(
    ("welcome_at", "said"),
    [(AT, "Welcome from Mon 9 March 2026 11:00."), (HELD, "Not yet welcome"), (NEVER, "will not become welcome")],
)
def test_a_kind_without_sentences_is_told_plainly(welcome_at: int, said: str) -> None:
    assert said in sentence(Push("lookahead", "lookahead", welcome_at), "lookahead", "en", "UTC")


@pytest.mark.parametrize("locale", words.LOCALES)
def test_what_is_said_besides_the_rules_has_the_same_fields_in_all_languages(locale: str) -> None:
    said = {why: fields(text) for why, text in words.BESIDES[locale].items()}
    assert said == {why: fields(text) for why, text in words.BESIDES["en"].items()}


def test_quiet_in_another_of_their_zones_is_told_on_the_clock_of_that_zone() -> None:
    seen = view(now="2026-03-09T14:00", contact={"timezones": ["America/New_York", "Pacific/Honolulu"]})
    push = evidence(rule("quiet_hours", {"from": "20:00", "to": "08:00"}), seen)
    said = sentence(push, "quiet_hours", "en", "America/New_York")
    assert "in Pacific/Honolulu" in said
    assert said.endswith("welcome again from Mon 9 March 2026 08:00.")


def test_letting_another_message_pass_is_said_in_words() -> None:
    push = Push("lookahead", "lookahead", AT, (), {"why": "lookahead", "message": 7})
    assert sentence(push, "lookahead", "en", "Europe/Stockholm") == (
        "A more important message to this person is welcome soon, and this one would make it wait. This one is "
        "welcome from Mon 9 March 2026 12:00."
    )


def test_events_are_said_in_the_readers_words() -> None:
    detail = {"why": "no_ground", "category": "newsletter", "channel": "email", "events": "purchase, inquiry, own_word"}
    said = sentence(Push("consent", "consent", NEVER, (), detail), "consent", "sv", "Europe/Stockholm")
    assert "köp, förfrågan, own word" in said


@pytest.mark.parametrize(("hold", "text"), [("ticket", words.HOLDS["sv"]["ticket"]), ("own_kind", "own kind")])
def test_a_hold_is_named_in_the_readers_words_and_one_without_any_as_it_is(hold: str, text: str) -> None:
    push = Push("holds", "holds", HELD, (), {"why": "open", "hold": hold})
    assert f"({text})" in sentence(push, "holds", "sv", "Europe/Stockholm")


def test_numbers_have_the_readers_decimal_sign() -> None:
    detail = {"why": "never", "weight": 1.5, "limit": 1.25}
    said = sentence(Push("fatigue", "fatigue", NEVER, (), detail), "fatigue", "sv", "Europe/Stockholm")
    assert "1,5" in said
    assert "1,25" in said


def test_what_is_on_no_calendar_is_told_with_no_word() -> None:
    assert {instant_text(at, "en", "UTC") for at in (NEVER, HELD, NONE, FOR_GOOD, -FOR_GOOD)} == {""}


@pytest.mark.parametrize("locale", words.LOCALES)
def test_an_end_beyond_all_calendars_is_said_as_none(locale: str) -> None:
    later = Push("7d", "gap", FOR_GOOD, (), {"why": "recent", "wait": "7d", "touch_at": AT})

    assert sentence(later, "gap", locale, "UTC") == words.BESIDES[locale]["never"]


@pytest.mark.parametrize("locale", words.LOCALES)
@pytest.mark.parametrize(
    ("kind", "seen", "why"),
    [
        ("holds", view([{"at": AT - DAY, "hold": "crm", "until": FOR_GOOD}]), "open"),
        ("own_wishes", view(contact={"snooze": FOR_GOOD}), "snooze_for_good"),
    ],
    ids=["hold", "pause"],
)
def test_a_hold_and_a_pause_without_an_end_say_so(locale: str, kind: str, seen: View, why: str) -> None:
    push = evidence(rule(kind), seen)

    said = RULES[kind].SENTENCES[locale][why]
    assert sentence(push, kind, locale, "UTC") == said.format(hold=words.HOLDS[locale][""])
