"""Makes config/sample/ out of CDNOW_sample.txt, the standard 1/10 sample of the CDNOW purchases. It is not used at run
time.

    .venv/bin/python scripts/make_sample.py CDNOW_sample.txt config/sample

Purchases (customer, date, CDs, dollars) are real. Everything else about a person is invented, and the same each time:
it is drawn from a hash of the customer's number, so that one can add a column without shuffling the others.
"""

from __future__ import annotations

import csv
import hashlib
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

CUSTOMERS, PURCHASES = 2_357, 6_919
"""What the standard sample holds; anything else is another file."""


def names(text: str) -> tuple[str, ...]:
    """Names with spaces between them."""
    return tuple(text.split())


@dataclass(frozen=True)
class Place:
    """A country's share of the customers, its zones, and the names people have there."""

    share: int
    country: str
    locale: str
    zones: tuple[tuple[str, str], ...]
    """Zone and region, drawn evenly; a zone may stand twice."""
    first: tuple[str, ...]
    last: tuple[str, ...]


NORDIC_FIRST = names("Anna Erik Åsa Lars Ingrid Björn Karin Olof Maja Gustav Elin Nils Sofia Per Linnéa Johan")
ENGLISH_FIRST = names("James Mary Robert Susan Michael Linda David Karen Emma Daniel Grace Samuel Ruth Peter Alice")
ENGLISH_LAST = names(
    "Smith Johnson Brown Taylor Miller Clark Walker Hall Young King Wright Hill Green Baker Carter Reed"
)

PLACES: tuple[Place, ...] = (
    Place(
        340,
        "US",
        "en",
        (
            ("America/New_York", "NY"),
            ("America/New_York", "MA"),
            ("America/Chicago", "IL"),
            ("America/Chicago", "TX"),
            ("America/Denver", "CO"),
            ("America/Phoenix", "AZ"),
            ("America/Los_Angeles", "CA"),
            ("America/Los_Angeles", "WA"),
            ("America/Anchorage", "AK"),
            ("Pacific/Honolulu", "HI"),
        ),
        ENGLISH_FIRST,
        ENGLISH_LAST,
    ),
    Place(
        170,
        "SE",
        "sv",
        (("Europe/Stockholm", ""),),
        NORDIC_FIRST,
        names("Andersson Lindqvist Öberg Svensson Nyström Åkesson Bergman Ek Sjöberg Holm Lund Wikström"),
    ),
    Place(
        100,
        "GB",
        "en",
        (("Europe/London", "ENG"), ("Europe/London", "ENG"), ("Europe/London", "SCT"), ("Europe/Belfast", "NIR")),
        ENGLISH_FIRST,
        ENGLISH_LAST,
    ),
    Place(
        90,
        "DE",
        "de",
        (("Europe/Berlin", "BY"), ("Europe/Berlin", "BE"), ("Europe/Berlin", "NW"), ("Europe/Berlin", "HH")),
        names("Jürgen Anke Thomas Sabine Lukas Hannah Jörg Käthe Stefan Ute Felix Greta"),
        names("Müller Schmidt Weiß Fischer Weber Schäfer Koch Bauer Krüger Vogel Lange Groß"),
    ),
    Place(
        80,
        "NO",
        "nb",
        (("Europe/Oslo", ""),),
        names("Kari Ola Ingrid Øystein Bjørn Silje Håkon Marte Sverre Ragnhild Åse Terje"),
        names("Hansen Olsen Bakke Haugen Lie Moen Ødegård Strand Berg Dahl Sæther Nygård"),
    ),
    Place(
        70,
        "UA",
        "uk",
        (("Europe/Kyiv", ""),),
        names("Олена Андрій Тарас Наталія Іван Оксана Юрій Марія Богдан Ірина Сергій Катерина"),
        names("Шевченко Коваленко Бондар Ткачук Кравець Олійник Мельник Савчук Гончар Лисенко"),
    ),
    Place(
        50,
        "FR",
        "fr",
        (("Europe/Paris", "IDF"), ("Europe/Paris", "BRE"), ("Europe/Paris", "PAC")),
        names("Hélène François Zoé Luc Amélie René Chloé Jules Noémie Gaël"),
        names("Lefèvre Dubois Moreau Girard Besson Perrin Noël Chevalier Renaud Faure"),
    ),
    Place(
        40,
        "IN",
        "en",
        (("Asia/Kolkata", ""),),
        names("Asha Ravi Meera Arjun Lakshmi Vikram Priya Anil Kavita Suresh"),
        names("Sharma Iyer Patel Rao Nair Gupta Singh Menon Das Bose"),
    ),
    Place(
        40,
        "AU",
        "en",
        (
            ("Australia/Sydney", "NSW"),
            ("Australia/Melbourne", "VIC"),
            ("Australia/Adelaide", "SA"),
            ("Australia/Lord_Howe", "NSW"),
        ),
        ENGLISH_FIRST,
        ENGLISH_LAST,
    ),
    Place(
        30,
        "BR",
        "pt",
        (("America/Sao_Paulo", "SP"), ("America/Manaus", "AM")),
        names("João Ana Luís Beatriz Antônio Júlia Caio Inês Rafael Conceição"),
        names("Silva Souza Araújo Gonçalves Lima Costa Ribeiro Magalhães Pinto Rocha"),
    ),
    Place(
        10,
        "NP",
        "en",
        (("Asia/Kathmandu", ""),),
        names("Sita Hari Maya Bikash Gita Ramesh"),
        names("Shrestha Gurung Thapa Rai Lama Karki"),
    ),
)

SHARES_HOME_WITH_NEXT = 9
"""Of a hundred customers, so many live with the next customer of the list who is from the same country."""


@dataclass
class Person:
    """One invented contact around a real purchase history."""

    id: str
    place: Place
    zone: str
    region: str
    first_name: str
    last_name: str
    email: str = ""
    timezones: str = ""
    household: str = ""
    consents: list[dict[str, str]] = field(default_factory=list)


def main(source: Path, target: Path) -> None:
    """Reads the sample, checks that it is the one we mean, and writes three CSV files."""
    purchases = read(source)
    customers = list(dict.fromkeys(customer for customer, *_ in purchases))
    if (len(customers), len(purchases)) != (CUSTOMERS, PURCHASES):
        sys.exit(
            f"{source} has {len(customers)} customers and {len(purchases)} purchases; "
            f"the sample has {CUSTOMERS} and {PURCHASES}"
        )
    people = [person(customer) for customer in customers]
    move_together(people)
    share_addresses(people)
    first = {customer: at for customer, at, _ in reversed(purchases)}
    target.mkdir(parents=True, exist_ok=True)
    write(target / "contacts.csv", [contact_row(p) for p in people])
    write(target / "consents.csv", [row for p in people for row in consent_rows(p, first[p.id])])
    write(
        target / "purchases.csv",
        [
            {"contact": customer, "at": at, "engagement": "purchase", "amount": amount, "currency": "USD"}
            for customer, at, amount in purchases
        ],
    )


def read(source: Path) -> list[tuple[str, str, str]]:
    """Customer, ISO date and dollars of each line: customer in the full set, customer in the sample, date, CDs,
    dollars."""
    rows = [line.split() for line in source.read_text(encoding="ascii").splitlines() if line.strip()]
    return [(r[0], f"{r[2][:4]}-{r[2][4:6]}-{r[2][6:]}", r[4]) for r in rows]


def draw(customer: str, what: str, below: int) -> int:
    """A number in [0, below) that depends on the customer and on what it is for, and on nothing else."""
    return int.from_bytes(hashlib.sha256(f"{customer}/{what}".encode()).digest()[:8], "big") % below


def pick(customer: str, what: str, among: Sequence[T]) -> T:
    """One of these, drawn so."""
    return among[draw(customer, what, len(among))]


def person(customer: str) -> Person:
    """An invented person for a real customer number."""
    at, place = draw(customer, "place", sum(p.share for p in PLACES)), PLACES[0]
    for place in PLACES:
        at -= place.share
        if at < 0:
            break
    zone, region = pick(customer, "zone", place.zones)
    one = Person(
        customer, place, zone, region, pick(customer, "first", place.first), pick(customer, "last", place.last)
    )
    if place.country == "US" and draw(customer, "several", 12) == 0:
        one.timezones = f"{zone}|{'America/Chicago' if zone != 'America/Chicago' else 'America/New_York'}"
    one.email = f"{plain(one.first_name)}.{plain(one.last_name)}.{customer.lstrip('0')}@example.com"
    return one


CYRILLIC = dict(
    zip(
        "абвгдежзийклмнопрстуфхцчшщьюяіїєґ",
        names("a b v h d e zh z y i k l m n o p r s t u f kh ts ch sh shch _ yu ya i yi ye g"),
        strict=True,
    )
)


def plain(name: str) -> str:
    """A name as it stands before the @: ASCII, small letters."""
    name = name.lower().replace("ø", "o").replace("æ", "ae").replace("ß", "ss")
    name = "".join(CYRILLIC.get(c, c) for c in name).replace("_", "")
    return unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()


def move_together(people: list[Person]) -> None:
    """Puts about one in six into a household of two or three with the same name, zone and country."""
    waiting: dict[str, Person] = {}
    for one in people:
        host = waiting.pop(one.place.country, None)
        if host is not None:
            one.household, one.last_name, one.zone, one.region = host.household, host.last_name, host.zone, host.region
            one.timezones = ""
            one.email = f"{plain(one.first_name)}.{plain(one.last_name)}.{one.id.lstrip('0')}@example.com"
            if draw(one.id, "third", 6) == 0:
                waiting[one.place.country] = one
        elif draw(one.id, "home", 100) < SHARES_HOME_WITH_NEXT:
            one.household = f"home-{one.id}"
            one.timezones = ""
            waiting[one.place.country] = one
    for left_alone in waiting.values():
        if sum(p.household == left_alone.household for p in people) == 1:
            left_alone.household = ""


def share_addresses(people: list[Person]) -> None:
    """Some households read one mailbox, written in two ways; five customers order through one office's mailbox."""
    homes: dict[str, list[Person]] = {}
    for one in people:
        if one.household:
            homes.setdefault(one.household, []).append(one)
    for home, members in homes.items():
        if draw(home, "one mailbox", 5) == 0:
            name = f"{plain(members[0].last_name)}.{members[0].id.lstrip('0')}"
            for number, member in enumerate(members):
                member.email = f"{name}@example.com" if number == 0 else f"{name.title()}+cd{number}@example.com"
    office = [p for p in people if p.place.country == "SE" and not p.household][:5]
    for one in office:
        one.email = "skivklubben@example.com"


def contact_row(one: Person) -> dict[str, str]:
    """A line of contacts.csv; columns as `cadence import contacts` names them."""
    country = f"DE-{one.region}" if one.place.country == "DE" else one.place.country
    return {
        "id": one.id,
        "first_name": one.first_name,
        "last_name": one.last_name,
        "email": one.email,
        "timezone": "" if one.timezones else one.zone,
        "timezones": one.timezones,
        "country": country,
        "region": one.region,
        "locale": one.place.locale,
        "household": one.household,
    }


def consent_rows(one: Person, since: str) -> list[dict[str, str]]:
    """Lines of consents.csv: most said yes to mail when they first bought; some only to the letter; some took it back
    since."""

    def row(opt_in: str, opt_out: str, at: str = since) -> dict[str, str]:
        return {
            "contact": one.id,
            "at": at,
            "opt_in": opt_in,
            "opt_out": opt_out,
            "channel": "email" if opt_out != "all" else "",
        }

    said = draw(one.id, "consent", 100)
    rows = []
    if said < 86:
        rows.append(row("newsletter", ""))
    if said < 74:
        rows.append(row("promotion", ""))
    took_back = draw(one.id, "took back", 100)
    later = f"1998-06-{1 + draw(one.id, 'day', 29):02}"
    if took_back < 4:
        rows.append(row("", "promotion", later))
    elif took_back < 6:
        rows.append(row("", "all", later))
    return rows


def write(path: Path, rows: list[dict[str, str]]) -> None:
    """UTF-8, commas, LF: the same bytes on every machine."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
