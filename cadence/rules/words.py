"""The words that sentences are made of, per locale: weekdays, months, units of time, channels, events and holds.

A plain table. What is said with them stands in each rule's file; how they are put together, in `sentence`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

LOCALES = ("en", "sv", "nb", "uk")

WEEKDAYS: Mapping[str, tuple[str, ...]] = {
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    "sv": ("mån", "tis", "ons", "tors", "fre", "lör", "sön"),
    "nb": ("man.", "tir.", "ons.", "tor.", "fre.", "lør.", "søn."),
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
    "sv": "{weekday} {day} {month} {year} kl. {time}",
    "nb": "{weekday} {day}. {month} {year} kl. {time}",
    "uk": "{weekday}, {day} {month} {year} р., {time}",
}

DECIMAL_SIGN: Mapping[str, str] = {"en": ".", "sv": ",", "nb": ",", "uk": ","}


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
        "local days": ("kalenderdag", "kalenderdagar"),
    },
    "nb": {
        "s": ("sekund", "sekunder"),
        "m": ("minutt", "minutter"),
        "h": ("time", "timer"),
        "d": ("dag", "dager"),
        "w": ("uke", "uker"),
        "mo": ("måned", "måneder"),
        "y": ("år", "år"),
        "local days": ("kalenderdag", "kalenderdager"),
    },
    "uk": {
        "s": ("секунду", "секунди", "секунд"),
        "m": ("хвилину", "хвилини", "хвилин"),
        "h": ("годину", "години", "годин"),
        "d": ("день", "дні", "днів"),
        "w": ("тиждень", "тижні", "тижнів"),
        "mo": ("місяць", "місяці", "місяців"),
        "y": ("рік", "роки", "років"),
        "local days": ("календарний день", "календарні дні", "календарних днів"),
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
    "en": {
        "call_answered": "answered call",
        "open": "opened mail",
        "opt_in": "consent",
        "opt_out": "stop",
        "do_not_contact": "wish not to be contacted",
        "bounce_hard": "hard bounce",
        "bounce_soft": "soft bounce",
        "release": "end of a hold",
        "ticket_opened": "new ticket",
    },
    "sv": {
        "reply": "svar",
        "click": "klick",
        "visit": "besök",
        "purchase": "köp",
        "call_answered": "besvarat samtal",
        "conversation": "samtal",
        "inquiry": "förfrågan",
        "refusal": "nej tack",
        "open": "öppnat mejl",
        "opt_in": "samtycke",
        "opt_out": "stopp",
        "complaint": "klagomål",
        "do_not_contact": "önskan att inte bli kontaktad",
        "bounce_hard": "hård studs",
        "bounce_soft": "mjuk studs",
        "hold": "uppehåll",
        "release": "slut på ett uppehåll",
        "incident": "incident",
        "incident_resolved": "avslutad incident",
        "ticket_opened": "nytt ärende",
        "ticket_answered": "besvarat ärende",
        "ticket_solved": "löst ärende",
        "promise_made": "nytt löfte",
        "promise_kept": "hållet löfte",
        "promise_broken": "brutet löfte",
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
        "open": "åpnet e-post",
        "opt_in": "samtykke",
        "opt_out": "stopp",
        "complaint": "klage",
        "do_not_contact": "ønske om ikke å bli kontaktet",
        "bounce_hard": "hard retur",
        "bounce_soft": "myk retur",
        "hold": "pause",
        "release": "slutt på en pause",
        "incident": "hendelse",
        "incident_resolved": "avsluttet hendelse",
        "ticket_opened": "ny sak",
        "ticket_answered": "besvart sak",
        "ticket_solved": "løst sak",
        "promise_made": "nytt løfte",
        "promise_kept": "holdt løfte",
        "promise_broken": "brutt løfte",
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
        "open": "відкритий лист",
        "opt_in": "згода",
        "opt_out": "«стоп»",
        "complaint": "скарга",
        "do_not_contact": "прохання не звертатися",
        "bounce_hard": "адреси не існує",
        "bounce_soft": "тимчасовий збій доставлення",
        "hold": "пауза",
        "release": "кінець паузи",
        "incident": "інцидент",
        "incident_resolved": "вичерпаний інцидент",
        "ticket_opened": "нове звернення",
        "ticket_answered": "відповідь на звернення",
        "ticket_solved": "закрите звернення",
        "promise_made": "нова обіцянка",
        "promise_kept": "виконана обіцянка",
        "promise_broken": "порушена обіцянка",
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
        "incident": "en incident",
        "promise": "ett löfte vars tid har gått ut",
        "manual": "ett uppehåll som lagts in för hand",
    },
    "nb": {
        "": "en pause",
        "ticket": "en åpen sak",
        "incident": "en hendelse",
        "promise": "et løfte som har gått over fristen",
        "manual": "en pause lagt inn manuelt",
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
        "welcome": "Nothing speaks against it now.",
        "expired": "It had expired before it could be welcome.",
        "later": "Welcome from {welcome_at}.",
        "too_late": "By then it will have expired.",
        "held": "Not yet welcome; when is not yet known.",
        "never": "This will not become welcome.",
        "lookahead": (
            "A more important message to this person is welcome soon, and this one would make it wait. This one is "
            "welcome from {welcome_at}."
        ),
        "together": "No time within five years suits all of these at once: {rules}.",
        "error": "This couldn't be worked out ({error}), so the message is held; it is tried again every hour.",
    },
    "sv": {
        "welcome": "Inget talar emot det nu.",
        "expired": "Giltighetstiden gick ut innan meddelandet kunde bli välkommet.",
        "later": "Välkommet från {welcome_at}.",
        "too_late": "Då har giltighetstiden gått ut.",
        "held": "Inte välkommet ännu; det är inte känt när det blir det.",
        "never": "Det här kommer inte att bli välkommet.",
        "lookahead": (
            "Ett viktigare meddelande till personen är snart välkommet, och det här skulle få det att vänta. Det här "
            "är välkommet från {welcome_at}."
        ),
        "together": "Det finns ingen tid inom fem år som passar alla dessa regler samtidigt: {rules}.",
        "error": "Det gick inte att räkna ut ({error}), så meddelandet hålls kvar; ett nytt försök görs varje timme.",
    },
    "nb": {
        "welcome": "Ingenting taler mot det nå.",
        "expired": "Fristen gikk ut før meldingen kunne bli velkommen.",
        "later": "Velkommen fra {welcome_at}.",
        "too_late": "Da er fristen gått ut.",
        "held": "Ikke velkommen ennå; det er ikke kjent når den blir det.",
        "never": "Denne kommer ikke til å bli velkommen.",
        "lookahead": (
            "En viktigere melding til personen er snart velkommen, og denne ville fått den til å vente. Denne er "
            "velkommen fra {welcome_at}."
        ),
        "together": "Det finnes ikke noe tidspunkt de neste fem årene som passer for alle disse reglene samtidig: {rules}.",
        "error": "Dette lot seg ikke regne ut ({error}), så meldingen holdes tilbake; det prøves igjen hver time.",
    },
    "uk": {
        "welcome": "Зараз цьому ніщо не заважає.",
        "expired": "Термін дії повідомлення минув раніше, ніж воно могло стати доречним.",
        "later": "Доречно від {welcome_at}.",
        "too_late": "На той час термін його дії вже мине.",
        "held": "Поки що недоречно; коли стане доречно, ще невідомо.",
        "never": "Це не стане доречним.",
        "lookahead": (
            "Важливіше повідомлення цій людині незабаром буде доречним, а це змусило б його чекати. Це повідомлення "
            "доречне від {welcome_at}."
        ),
        "together": "Упродовж п’яти років немає часу, який підходив би всім цим правилам одночасно: {rules}.",
        "error": "Це не вдалося обчислити ({error}), тому повідомлення затримано; спроба повторюється щогодини.",
    },
}
"""What is said of an answer whose kind has no sentence of its own, of rules that leave no time together, and of one
that lets a more important message pass."""
