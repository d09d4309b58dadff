"""Numbers with their units: which form goes with which number, told from how the number is spoken."""

from __future__ import annotations

import pytest

from cadence.facts import CHANNELS, HELD, NEVER, HoldKind, Push, Verdict
from cadence.rules import words
from cadence.rules.cool_down import AFTER
from cadence.rules.sentence import instant_text, number_text, sentence, span_text, unbound
from cadence.rules.words import LOCALES, PERIODS, PLURAL, UNITS

OTHERS = [locale for locale in LOCALES if locale != "en"]


def spoken_in_ukrainian(n: int) -> int:
    """By the last words of the number: odyn; dva, try, choty-; the rest, the teens among them."""
    last_two = f"{n:02}"[-2:]
    if last_two[0] == "1":
        return 2
    return {"1": 0, "2": 1, "3": 1, "4": 1}.get(last_two[1], 2)


def test_the_form_goes_with_the_number() -> None:
    for n in range(1, 1300):
        assert PLURAL["uk"](n) == spoken_in_ukrainian(n), n
        assert {PLURAL[locale](n) for locale in ("en", "sv", "nb")} == {0 if n == 1 else 1}, n


@pytest.mark.parametrize("locale", LOCALES)
def test_every_unit_is_said_in_its_forms(locale: str) -> None:
    for unit, forms in UNITS[locale].items():
        for n in (1, 2, 5, 21):
            text = f"{n} {unit}" if unit == "local days" else f"{n}{unit}"
            assert span_text(text, locale) == f"{n} {forms[PLURAL[locale](n)]}"
    assert span_text("1 local day", locale) == f"1 {UNITS[locale]['local days'][0]}"
    assert [span_text(period, locale) for period in PERIODS[locale]] == list(PERIODS[locale].values())
    assert span_text("whenever", locale) == "whenever"


@pytest.mark.parametrize(
    ("given", "spoken"),
    [("sv-SE", "sv"), ("SV", "sv"), ("nb_NO", "nb"), ("no", "nb"), ("nn-NO", "nb"), ("de", "en"), ("", "en")],
)
def test_a_locale_is_one_of_the_four_languages(given: str, spoken: str) -> None:
    assert span_text("2d", given) == span_text("2d", spoken)


def test_a_welcome_is_never_named_too_early_and_what_is_past_stands_in_its_minute() -> None:
    at = 1_772_448_000_000_001  # a microsecond after 2026-03-02T10:40Z
    assert instant_text(at, "en", "UTC") == "Mon 2 March 2026 10:41"
    assert instant_text(at - 1, "en", "UTC") == "Mon 2 March 2026 10:40"
    assert instant_text(at, "en", "UTC", past=True) == "Mon 2 March 2026 10:40"
    assert [instant_text(odd, "en", "UTC") for odd in (NEVER, HELD)] == ["", ""]


@pytest.mark.parametrize("locale", LOCALES)
def test_an_answer_without_words_of_its_own_says_whether_it_is_never_held_or_later(locale: str) -> None:
    at = 1_772_448_000_000_000
    said = [sentence(Push("x", "unknown", welcome, (), {}), "unknown", locale, "UTC") for welcome in (NEVER, HELD, at)]
    assert len(set(said)) == 3
    assert [instant_text(at, locale, "UTC") in one for one in said] == [False, False, True]
    assert sentence(Push("x", "caps", at, (), {"why": "odd"}), "caps", locale, "UTC") == said[2]


@pytest.mark.parametrize("locale", OTHERS)
def test_no_english_word_stands_in_a_sentence_of_another_language(locale: str) -> None:
    spoken_alike = {"sms"}
    assert {k.word for k in AFTER} <= set(words.EVENTS[locale])
    assert {k.value for k in HoldKind} <= set(words.HOLDS[locale])
    assert set(CHANNELS) - spoken_alike <= set(words.CHANNELS[locale])


@pytest.mark.parametrize(("locale", "said"), [("en", "2.5"), ("sv-SE", "2,5"), ("nb", "2,5"), ("uk", "2,5")])
def test_a_broken_number_has_the_sign_of_its_language(locale: str, said: str) -> None:
    assert number_text(2.5, locale) == said
    pressure = {"why": "never", "weight": 2.5, "limit": 2.0}
    assert said in sentence(Push("fatigue", "fatigue", NEVER, (), pressure), "fatigue", locale, "UTC")


def test_what_nothing_holds_is_told_in_the_readers_language_too() -> None:
    for verdict in (Verdict.SEND, Verdict.SUPPRESS):
        assert len({unbound(verdict, locale) for locale in LOCALES}) == len(LOCALES)
    assert unbound(Verdict.SEND, "nn-NO") == "Ingenting taler mot det nå."
