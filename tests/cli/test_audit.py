"""`cadence audit`: the verifier on the command line, and what was changed by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from cadence.facts import DAY
from cadence.queue.agreement import agree_clock
from cadence.store import tables
from cadence.store.prune import prune
from tests.cli.office import Office
from tests.queue.world import at


def test_a_record_that_keeps_the_promises_is_fine(busy: Office) -> None:
    answer = busy.run("audit", "verify")

    assert answer.code == 0
    assert "No one is over-contacted: kept" in answer.words


def test_the_report_for_machines_counts_what_was_judged(busy: Office) -> None:
    told = busy.json("audit", "verify")

    assert (told["ok"], told["judged"]["touches"], told["breaches"]) == (True, 2, [])


def test_a_broken_promise_is_told_with_its_evidence_and_ends_in_one(busy: Office) -> None:
    held = busy.world.rows(tables.message, tables.message.c.state == "waiting")[0]["id"]
    with busy.world.store.write() as conn:
        conn.execute(tables.message.update().where(tables.message.c.id == held).values(state="sent", due_at=None))

    answer = busy.run("audit", "verify")

    assert answer.code == 1
    assert f"message {held}" in answer.words


def test_what_is_left_lying_is_a_breach_once_a_run_has_drained(busy: Office) -> None:
    busy.world.message("2026-03-03T11:59", "ann")

    assert busy.run("audit", "verify").code == 0
    assert busy.run("audit", "verify", "--drained").code == 1


def test_what_came_due_after_the_daemon_ended_is_not_left_lying(busy: Office) -> None:
    with busy.world.store.write() as conn:
        conn.execute(tables.daemon.delete())
        conn.execute(tables.installation.update().values(last_now=1_772_525_000_000_000))
    busy.world.message("2026-03-03T11:00", "ann")

    assert busy.run("audit", "verify", "--drained").code == 0
    assert busy.run("audit", "verify", "--drained", "--at", "2026-03-03T12:00").code == 1


def test_what_was_removed_as_long_as_the_settings_say_is_no_breach(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.world.contact("ann")
    office.world.message("2026-01-20T09:00", "ann")
    office.world.tick("2026-01-20T09:00")
    office.world.send("2026-01-20T09:00")
    monkeypatch.setenv("CADENCE_RETENTION__DECISIONS", "35")
    prune(office.world.store, at("2026-03-03T12:00"), {"decision": 35 * DAY})
    assert office.world.rows(tables.decision) == []

    assert office.run("audit", "verify").code == 0


def test_mails_are_held_against_the_record(busy: Office) -> None:
    mail = busy.world.mail
    assert busy.run("audit", "verify", "--maildir", str(mail)).code == 0
    next((mail / "new").iterdir()).unlink()

    assert busy.run("audit", "verify", "--maildir", str(mail)).code == 1


def test_a_maildir_that_is_not_there_is_wrong_input(office: Office, tmp_path: Path) -> None:
    assert office.run("audit", "verify", "--maildir", str(tmp_path / "nowhere")).code == 2


@pytest.mark.parametrize(
    "words, count", [([], 2), (["--what", "stop"], 1), (["--limit", "1"], 1), (["--since", "2026-03-04"], 0)]
)
def test_changes_by_hand_can_be_narrowed(busy: Office, words: list[str], count: int) -> None:
    busy.run("stop", "ann", "--reason", "she called")
    busy.run("hold", "ann", "--reason", "a complaint")

    assert len(busy.json("audit", "changes", *words)["changes"]) == count


def test_a_change_says_what_was_changed_and_for_whom(busy: Office) -> None:
    busy.world.campaign("spring", category="news")
    busy.run("stop", "ann", "--reason", "she called", "--category", "news", "--channel", "sms")
    busy.run("hold", "bob", "--reason", "a death", "--kind", "bereavement", "--until", "2026-03-09", "--zone", "UTC")
    busy.run("campaign", "pause", "spring", "--reason", "wrong price")

    told = busy.run("audit", "changes", "--zone", "UTC").words

    assert "stop: news, sms ann she called" in told
    assert "hold: bereavement, Tue 2026-03-10 00:00 bob a death" in told
    assert "campaign: spring, running, paused wrong price" in told


def test_circles_that_merged_are_no_change_by_hand_but_can_be_asked_for(office: Office) -> None:
    people = office.folder / "people.csv"
    people.write_text("id,email\ndan,dan@example.com\neve,eve@example.com\n", "utf-8")
    office.run("import", "contacts", people)
    people.write_text("id,household\ndan,h\neve,h\n", "utf-8")
    office.run("import", "contacts", people)

    assert office.json("audit", "changes")["changes"] == []
    assert office.json("audit", "changes", "--what", "merge")["changes"] != []


def test_who_agreed_to_the_clock_is_on_the_record(office: Office) -> None:
    agree_clock(office.world.store, at("2026-03-03T12:00"), "eva")

    (told,) = office.json("audit", "changes")["changes"]

    assert (told["what"], told["by"]) == ("agree_clock", "eva")


def test_no_changes_are_told_in_words(office: Office) -> None:
    assert office.run("audit", "changes").words == "Nothing was changed by hand."
