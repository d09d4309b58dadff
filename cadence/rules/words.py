"""The words that sentences are made of, per locale: weekdays, months, units of time, channels, events and holds.

A plain table. What is said with them stands in each rule's file; how they are put together, in `sentence`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

LOCALES = ("en", "sv", "nb", "uk")

WEEKDAYS: Mapping[str, tuple[str, ...]] = {
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    "sv": ("mån", "tis", "ons", "tors", "fre", "lör", "sön"),
    "nb": ("man", "tir", "ons", "tor", "fre", "lør", "søn"),
    "uk": ("пн", "вт", "ср", "чт", "пт", "сб", "нд"),
}

_EN = "January February March April May June July August September October November December"
_SV = "januari februari mars april maj juni juli augusti september oktober november december"
_NB = "januar februar mars april mai juni juli august september oktober november desember"
_UK = "січня лютого березня квітня травня червня липня серпня вересня жовтня листопада грудня"
MONTHS: Mapping[str, tuple[str, ...]] = {
    "en": tuple(_EN.split()),
    "sv": tuple(_SV.split()),
    "nb": tuple(_NB.split()),
    "uk": tuple(_UK.split()),
}

DATES: Mapping[str, str] = {
    "en": "{weekday} {day} {month} {year} {time}",
    "sv": "{weekday} {day} {month} {year} {time}",
    "nb": "{weekday} {day}. {month} {year} {time}",
    "uk": "{weekday} {day} {month} {year} {time}",
}


def _one_or_other(n: int) -> int:
    return 0 if n == 1 else 1


def _one_few_many(n: int) -> int:
    if n % 10 == 1 and n % 100 != 11:
        return 0
    return 1 if n % 10 in (2, 3, 4) and n % 100 not in (12, 13, 14) else 2


PLURAL: Mapping[str, Callable[[int], int]] = {
    "en": _one_or_other,
    "sv": _one_or_other,
    "nb": _one_or_other,
    "uk": _one_few_many,
}
"""Which of a unit's forms goes with a number (as CLDR has it for whole numbers)."""

UNITS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "en": {
        "s": ("second", "seconds"),
        "m": ("minute", "minutes"),
        "h": ("hour", "hours"),
        "d": ("day", "days"),
        "w": ("week", "weeks"),
        "mo": ("month", "months"),
        "y": ("year", "years"),
        "local days": ("local day", "local days"),
    },
    "sv": {
        "s": ("sekund", "sekunder"),
        "m": ("minut", "minuter"),
        "h": ("timme", "timmar"),
        "d": ("dag", "dagar"),
        "w": ("vecka", "veckor"),
        "mo": ("månad", "månader"),
        "y": ("år", "år"),
        "local days": ("lokal dag", "lokala dagar"),
    },
    "nb": {
        "s": ("sekund", "sekunder"),
        "m": ("minutt", "minutter"),
        "h": ("time", "timer"),
        "d": ("dag", "dager"),
        "w": ("uke", "uker"),
        "mo": ("måned", "måneder"),
        "y": ("år", "år"),
        "local days": ("lokal dag", "lokale dager"),
    },
    "uk": {
        "s": ("секунду", "секунди", "секунд"),
        "m": ("хвилину", "хвилини", "хвилин"),
        "h": ("годину", "години", "годин"),
        "d": ("день", "дні", "днів"),
        "w": ("тиждень", "тижні", "тижнів"),
        "mo": ("місяць", "місяці", "місяців"),
        "y": ("рік", "роки", "років"),
        "local days": ("місцевий день", "місцеві дні", "місцевих днів"),
    },
}

PERIODS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "calendar day": "one calendar day",
        "calendar week": "one calendar week",
        "calendar month": "one calendar month",
        "calendar quarter": "one calendar quarter",
        "calendar year": "one calendar year",
        "ever": "all time",
    },
    "sv": {
        "calendar day": "en kalenderdag",
        "calendar week": "en kalendervecka",
        "calendar month": "en kalendermånad",
        "calendar quarter": "ett kvartal",
        "calendar year": "ett kalenderår",
        "ever": "all tid",
    },
    "nb": {
        "calendar day": "en kalenderdag",
        "calendar week": "en kalenderuke",
        "calendar month": "en kalendermåned",
        "calendar quarter": "et kvartal",
        "calendar year": "et kalenderår",
        "ever": "all tid",
    },
    "uk": {
        "calendar day": "календарний день",
        "calendar week": "календарний тиждень",
        "calendar month": "календарний місяць",
        "calendar quarter": "квартал",
        "calendar year": "календарний рік",
        "ever": "весь час",
    },
}

CHANNELS: Mapping[str, Mapping[str, str]] = {
    "en": {"sms": "text message", "push": "push message", "in_person": "visit"},
    "sv": {"email": "e-post", "push": "pushnotis", "phone": "telefon", "post": "brev", "in_person": "besök"},
    "nb": {"email": "e-post", "push": "pushvarsel", "phone": "telefon", "post": "brev", "in_person": "besøk"},
    "uk": {
        "email": "електронна пошта",
        "sms": "СМС",
        "push": "push-сповіщення",
        "phone": "телефон",
        "post": "пошта",
        "in_person": "особиста зустріч",
    },
}

EVENTS: Mapping[str, Mapping[str, str]] = {
    "en": {"call_answered": "answered call", "opt_in": "consent", "ticket_opened": "new ticket", "visit": "visit"},
    "sv": {
        "reply": "svar",
        "click": "klick",
        "visit": "besök",
        "purchase": "köp",
        "call_answered": "besvarat samtal",
        "conversation": "samtal",
        "inquiry": "förfrågan",
        "refusal": "nej tack",
        "opt_in": "samtycke",
        "complaint": "klagomål",
        "ticket_opened": "nytt ärende",
        "ticket_solved": "löst ärende",
        "incident": "händelse",
        "incident_resolved": "händelse avslutad",
    },
    "nb": {
        "reply": "svar",
        "click": "klikk",
        "visit": "besøk",
        "purchase": "kjøp",
        "call_answered": "besvart samtale",
        "conversation": "samtale",
        "inquiry": "forespørsel",
        "refusal": "nei takk",
        "opt_in": "samtykke",
        "complaint": "klage",
        "ticket_opened": "ny sak",
        "ticket_solved": "løst sak",
        "incident": "hendelse",
        "incident_resolved": "hendelse avsluttet",
    },
    "uk": {
        "reply": "відповідь",
        "click": "перехід за посиланням",
        "visit": "відвідування",
        "purchase": "покупка",
        "call_answered": "прийнятий дзвінок",
        "conversation": "розмова",
        "inquiry": "запит",
        "refusal": "відмова",
        "opt_in": "згода",
        "complaint": "скарга",
        "ticket_opened": "нове звернення",
        "ticket_solved": "вирішене звернення",
        "incident": "інцидент",
        "incident_resolved": "інцидент вирішено",
    },
}

HOLDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "": "a hold",
        "ticket": "an open ticket",
        "incident": "an incident",
        "promise": "an overdue promise",
        "manual": "a hold by hand",
    },
    "sv": {
        "": "ett uppehåll",
        "ticket": "ett öppet ärende",
        "incident": "en händelse",
        "promise": "ett försenat löfte",
        "manual": "ett manuellt uppehåll",
    },
    "nb": {
        "": "et opphold",
        "ticket": "en åpen sak",
        "incident": "en hendelse",
        "promise": "et forsinket løfte",
        "manual": "et manuelt opphold",
    },
    "uk": {
        "": "пауза",
        "ticket": "відкрите звернення",
        "incident": "інцидент",
        "promise": "прострочена обіцянка",
        "manual": "пауза, поставлена вручну",
    },
}

BESIDES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "later": "Welcome from {welcome_at}.",
        "held": "Not yet welcome; when is not yet known.",
        "never": "This will not become welcome.",
        "lookahead": (
            "A more important message to this person is welcome soon, and this one would make it wait. It is welcome "
            "from {welcome_at}."
        ),
        "together": "No time within five years suits all of these at once: {rules}.",
    },
    "sv": {
        "later": "Välkommet från {welcome_at}.",
        "held": "Inte välkommet ännu; när är inte känt.",
        "never": "Det här blir inte välkommet.",
        "lookahead": (
            "Ett viktigare meddelande till personen är snart välkommet, och detta skulle få det att vänta. Det är "
            "välkommet från {welcome_at}."
        ),
        "together": "Ingen tid inom fem år passar alla dessa samtidigt: {rules}.",
    },
    "nb": {
        "later": "Velkommen fra {welcome_at}.",
        "held": "Ikke velkommen ennå; når er ikke kjent.",
        "never": "Dette blir ikke velkomment.",
        "lookahead": (
            "En viktigere melding til personen er snart velkommen, og denne ville la den vente. Den er velkommen fra "
            "{welcome_at}."
        ),
        "together": "Ingen tid innen fem år passer for alle disse samtidig: {rules}.",
    },
    "uk": {
        "later": "Доречно від {welcome_at}.",
        "held": "Поки що недоречно; коли стане доречно, ще невідомо.",
        "never": "Це не стане доречним.",
        "lookahead": (
            "Важливіше повідомлення цій людині незабаром буде доречним, а це змусило б його чекати. Воно доречне від "
            "{welcome_at}."
        ),
        "together": "Протягом п’яти років немає часу, який задовольняв би всі ці правила разом: {rules}.",
    },
}
"""What is said of an answer whose kind has no sentence of its own, of rules that leave no time together, and of one
that lets a more important message pass."""
