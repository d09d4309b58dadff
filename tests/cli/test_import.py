"""`cadence import`: good rows are taken, bad ones told and kept aside."""

from __future__ import annotations

import csv
import json

import pytest

from tests.cli.office import Office

PEOPLE = "id,email,country,timezone\neva,eva@example.com,SE,Europe/Stockholm\nkim,kim@example.com,NO,Europe/Oslo\n"
"""Two good rows."""


@pytest.fixture
def files(office: Office) -> Office:
    """A file of two people, and one where a third has no such country."""
    (office.folder / "people.csv").write_text(PEOPLE, "utf-8")
    (office.folder / "more.csv").write_text(PEOPLE + "odd,odd@example.com,XX,Europe/Oslo\n", "utf-8")
    return office


def test_good_rows_are_taken(files: Office) -> None:
    answer = files.run("import", "contacts", "people.csv")

    assert answer.code == 0
    assert "2 rows. 2 taken" in answer.words
    assert files.run("contact", "eva@example.com").code == 0


def test_a_bad_row_is_told_by_its_line_and_the_others_are_taken(files: Office) -> None:
    answer = files.run("import", "contacts", "more.csv")

    assert answer.code == 1
    assert "XX" in answer.out
    assert files.run("contact", "kim").code == 0


def test_bad_rows_are_kept_aside_with_the_reason(files: Office) -> None:
    told = json.loads(files.run("import", "contacts", "more.csv", "--json").out)

    with open(files.folder / told["rejects"], newline="", encoding="utf-8") as kept:
        (row,) = csv.DictReader(kept)
    assert (row["line"], row["column"], row["found"]) == ("4", "country", "XX")


def test_twice_is_once(files: Office) -> None:
    files.run("import", "contacts", "people.csv")

    assert "0 taken, 2 known already" in files.run("import", "contacts", "people.csv").words


def test_touches_and_consents_of_those_people_are_taken_too(files: Office) -> None:
    files.run("import", "contacts", "people.csv")
    (files.folder / "touches.csv").write_text("contact,at,category,channel\neva,2026-03-02,news,email\n", "utf-8")
    (files.folder / "consents.csv").write_text("contact,at,opt_in\neva,2026-03-01,news\n", "utf-8")

    answers = [files.run("import", kind, f"{kind}.csv") for kind in ("touches", "consents")]

    assert [a.code for a in answers] == [0, 0], answers
    assert {e["what"] for e in files.json("contact", "eva")["timeline"]} == {"touch", "consent"}


def test_look_ups_in_a_register_that_are_too_old_to_let_anybody_through_are_told(files: Office) -> None:
    files.policy(guard_rails={"screened": {"register": "nix", "within": "31d"}})
    files.run("import", "contacts", "people.csv")
    rows = ["contact,at,register,listed", "eva,2025-03-02,nix,false", "kim,2026-03-01,nix,false"]
    (files.folder / "register.csv").write_text("\n".join(rows), "utf-8")

    answer = files.run("import", "events", "register.csv")

    assert "2 taken" in answer.words
    assert "1 row tells of look-ups that are too old for this policy: they let nobody through" in answer.words


@pytest.mark.parametrize(
    "words", [["people", "people.csv"], ["contacts", "nowhere.csv"], ["contacts", "people.csv", "--zone", "Nowhere"]]
)
def test_what_cannot_be_read_is_wrong_input(files: Office, words: list[str]) -> None:
    answer = files.run("import", *words)

    assert answer.code == 2
    assert answer.err.startswith("error:")


def test_very_large_circles_are_named(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cadence.cli.bring_in.LARGE_CIRCLE", 1)
    monkeypatch.setattr("cadence.store.accounts.LARGE_CIRCLE", 1)
    rows = "id,email,household\nann,a@example.com,h\nbea,b@example.com,h\ncid,c@example.com,g\ndan,d@example.com,g\n"
    (office.folder / "homes.csv").write_text(rows, "utf-8")

    answer = office.run("import", "contacts", "homes.csv")

    assert "the circle of contact ann has 2 contacts" in answer.words
    assert "the circle of contact cid has 2 contacts" in answer.words
    assert [c["of"] for c in office.json("import", "contacts", "homes.csv")["large_circles"]] == ["ann", "cid"]
