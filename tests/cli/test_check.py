"""`cadence check`: all findings at once, the schema, and a week's quiet hours."""

from __future__ import annotations

import json

import pytest

from cadence.store import accounts, tables
from cadence.store.contacts import upsert_contacts
from cadence.store.rows import ContactRow
from tests.cli.office import Office

BROKEN = """version: 1
categories:
  news: {consent: opt_inn}
segments:
  - {name: all, cadence: {caps: {max: 0, per: 7d}}}
"""


def test_a_good_policy_is_fine(office: Office) -> None:
    answer = office.run("check")

    assert answer.code == 0
    assert "fine" in answer.words


def test_every_error_is_told_at_its_place(office: Office) -> None:
    (office.folder / "broken.yaml").write_text(BROKEN, "utf-8")

    answer = office.run("check", "broken.yaml")

    assert answer.code == 1
    assert "broken.yaml:3:" in answer.out
    assert "broken.yaml:5:" in answer.out


def test_findings_for_machines_have_file_line_and_column(office: Office) -> None:
    (office.folder / "broken.yaml").write_text(BROKEN, "utf-8")

    told = json.loads(office.run("check", "broken.yaml", "--json").out)

    assert (told["ok"], told["policy"]) == (False, None)
    assert {f["line"] for f in told["findings"] if f["level"] == "error"} == {3, 5}


@pytest.mark.parametrize(("named", "code"), [("tuesday", 0), ("weekly", 0), ("monday", 1)])
def test_a_filter_may_name_a_campaign_by_an_old_name_too(office: Office, named: str, code: int) -> None:
    campaigns = office.folder / "config" / "campaigns"
    campaigns.mkdir(parents=True)
    (campaigns / "tuesday.yaml").write_text("name: tuesday\nwas: [weekly]\n", "utf-8")
    office.policy(guard_rails={"caps": {"max": 1, "per": "7d", "campaigns": [named]}})

    assert office.run("check").code == code


def test_a_filter_may_name_a_campaign_of_a_folder_within_that_of_campaigns(office: Office) -> None:
    campaigns = office.folder / "config" / "campaigns" / "spring"
    campaigns.mkdir(parents=True)
    (campaigns / "tuesday.yaml").write_text("name: tuesday\n", "utf-8")
    office.policy(guard_rails={"caps": {"max": 1, "per": "7d", "campaigns": ["tuesday"]}})

    assert office.run("check").code == 0


def test_a_good_policy_tells_machines_its_version(office: Office) -> None:
    assert office.json("check")["policy"] == office.world.policy.hash


def test_a_policy_that_is_not_there_is_wrong_input(office: Office) -> None:
    answer = office.run("check", "nowhere.yaml")

    assert answer.code == 2
    assert "nowhere.yaml" in answer.err


def test_the_schema_is_a_json_schema(office: Office) -> None:
    assert "guard_rails" in json.loads(office.run("check", "--schema").out)["properties"]


def test_a_week_has_a_row_a_day_and_a_sign_each_half_hour(office: Office) -> None:
    out = office.run("check", "--week", "--zone", "Asia/Kathmandu", "--start", "2026-03-04").out

    rows = [line.split()[-1] for line in out.splitlines() if "2026-03-" in line]
    assert rows == ["█" * 16 + "·" * 24 + "█" * 8] * 7


def test_a_week_is_drawn_for_a_country_in_small_letters_too(office: Office) -> None:
    swedes = {"name": "Swedish night", "from": "20:00", "to": "08:00", "where": {"country": "SE"}}
    office.policy(guard_rails={"quiet_hours": swedes})

    (week,) = json.loads(office.run("check", "--week", "--zone", "Europe/Stockholm", "--country", "se", "--json").out)

    assert {rule for stretch in week["quiet"] for rule in stretch["rules"]} == {"Swedish night"}


@pytest.mark.parametrize(("option", "given"), [("--country", "Sweden"), ("--start", "tomorrow")])
def test_a_week_that_can_not_be_drawn_is_told_in_words(office: Office, option: str, given: str) -> None:
    answer = office.run("check", "--week", option, given)

    assert answer.code == 2
    assert f"{option} {given!r}" in answer.err


def test_a_week_for_machines_names_the_rule_of_each_quiet_stretch(office: Office) -> None:
    (week,) = json.loads(office.run("check", "--week", "--zone", "Europe/Stockholm", "--json").out)

    assert {rule for stretch in week["quiet"] for rule in stretch["rules"]} == {"night"}


SEGMENTS = [
    {"name": "big", "where": {"spend": {"at_least": 100}}},
    {"name": "Swedes", "where": {"country": "SE"}},
    {"name": "everyone"},
]


def test_contacts_are_counted_by_segment_and_an_empty_one_is_named(office: Office) -> None:
    office.world.contact("ann", country="SE", segment="everyone")
    office.world.contact("bob", country="NO", segment="everyone")
    office.world.contact("cid", country="SE", segment="Swedes")
    office.policy(segments=SEGMENTS)

    answer = office.run("check", "--contacts")

    assert answer.code == 0
    assert "3 contacts" in answer.words
    assert "Swedes 2 66.7% 1" in answer.words
    assert "warning: nobody is in segment 'big'" in answer.words
    assert "'Swedes'" not in answer.words


def test_contacts_are_counted_for_machines_and_nothing_is_changed(office: Office) -> None:
    office.world.contact("ann", country="SE", segment="everyone")
    office.policy(segments=SEGMENTS)

    told = office.json("check", "--contacts")

    assert (told["contacts"], [s["contacts"] for s in told["segments"]]) == (1, [0, 1, 0])
    assert office.world.rows(tables.contact)[0]["segment"] == "everyone"


LAPSING = {"news": {"consent": {"kind": "opt_in", "lasts": "2y"}}}


def imported(office: Office, kind: str, text: str) -> None:
    (office.folder / f"{kind}.csv").write_text(text, "utf-8")
    office.run("import", kind, f"{kind}.csv")


def test_names_in_history_that_the_policy_does_not_know_are_warned_of(office: Office) -> None:
    imported(office, "contacts", "id,email\nann,ann@example.com\n")
    imported(
        office,
        "touches",
        "contact,at,category,channel\nann,2026-03-01T09:00Z,nws,email\nann,2026-03-01T10:00Z,news,email\n",
    )

    (found,) = office.json("check")["findings"]

    assert (found["level"], found["suggestion"]) == ("warning", "news")
    assert "'nws' (1 time)" in found["message"]


def test_a_name_that_a_category_had_is_known(office: Office) -> None:
    imported(office, "contacts", "id,email\nann,ann@example.com\n")
    imported(office, "touches", "contact,at,category,channel\nann,2026-03-01T09:00Z,nws,email\n")
    office.policy(categories={"news": {"consent": "none", "was": ["nws"]}})

    assert office.json("check")["findings"] == []


def test_an_opt_in_without_a_date_is_warned_of_where_consent_lapses(office: Office) -> None:
    imported(office, "contacts", "id,email\nann,ann@example.com\n")
    imported(office, "consents", "contact,at,opt_in,channel\nann,,news,email\nann,2026-03-01T09:00Z,profiling,\n")
    office.policy(categories=LAPSING)

    (found,) = office.json("check")["findings"]

    assert "'news' lapses, but 1 opt-in to it has no date" in found["message"]


def test_a_check_needs_no_database(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CADENCE_DATABASE_URL", f"sqlite:///{office.folder / 'nowhere.db'}")

    assert office.json("check")["findings"] == []
    assert not (office.folder / "nowhere.db").exists()


def test_a_very_large_circle_is_warned_of(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "LARGE_CIRCLE", 1)
    imported(office, "contacts", "id,email\nann,both@example.com\nbea,both@example.com\n")

    (found,) = office.json("check")["findings"]

    assert "the circle of contact ann has 2 contacts" in found["message"]


FIRM = {"caps": [{"max": 1, "per": "7d", "across": "account"}]}


@pytest.fixture
def firm(office: Office) -> Office:
    """Three contacts of one account, two of another, one of none."""
    rows = [ContactRow(f"p{i}", {"email": f"p{i}@example.com"}, account="acme" if i < 3 else "bolt") for i in range(5)]
    with office.world.store.write() as conn:
        upsert_contacts(conn, [*rows, ContactRow("alone", {"email": "alone@example.com"})], 1, "crm")
    return office


def test_a_policy_over_accounts_is_told_how_many_circles_it_merges(firm: Office) -> None:
    firm.policy(guard_rails=FIRM)

    (found,) = firm.json("check")["findings"]

    assert (found["level"], "3 circles would become one with others" in found["message"]) == ("warning", True)
    assert len(firm.world.rows(tables.circle, tables.circle.c.merged_into.is_(None))) == 6


def test_beside_the_queue_it_is_told_too(firm: Office) -> None:
    firm.policy(guard_rails=FIRM)

    assert "3 circles would become one with others" in firm.run("check", "--against-queue").words
    assert firm.json("check", "--against-queue")["circles"] == {"merging": 3, "large": []}


def test_what_waits_is_compared_with_circles_as_they_would_be(firm: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cadence.workbench.against.PAGE", 1)
    firm.use("2026-03-01T00:00", guard_rails={}, categories={"news": {"consent": "none"}})
    for who in ("p0", "p1", "p2", "p3", "p4", "alone"):
        firm.world.message("2026-03-03T10:00", who)
    firm.policy(guard_rails=FIRM, categories={"news": {"consent": "none"}})

    told = firm.json("check", "--against-queue")

    assert (told["waiting"], told["asked_again"], told["changes"]["later"]) == (6, 6, 3)


@pytest.mark.parametrize("rails", [{}, {"caps": [{"max": 1, "per": "7d", "across": "household"}]}])
def test_any_other_policy_merges_none(firm: Office, rails: dict[str, object]) -> None:
    firm.policy(guard_rails=rails)

    assert firm.json("check")["findings"] == []


def test_a_circle_that_would_be_very_large_is_named(firm: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "LARGE_CIRCLE", 2)
    firm.policy(guard_rails=FIRM)

    assert "the circle of contact p0 has 3 contacts" in firm.run("check").words
