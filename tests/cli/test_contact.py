"""`cadence contact`: one contact, and everything on record of them, in order of time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cadence.facts import SECOND, EventKind
from cadence.queue.release import hold
from cadence.store import changes, tables
from tests.cli.office import Office, opened
from tests.queue.world import at


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Office]:
    """Ann was written to on Monday, and the next message waits out the night."""
    with opened(tmp_path, monkeypatch, capsys, "2026-03-02T23:00") as found:
        found.use("2026-03-01T00:00")
        found.world.contact("ann", country="SE", attributes='{"first_name": "Ann"}')
        found.world.message("2026-03-02T10:00", "ann", campaign="spring")
        found.world.tick("2026-03-02T10:00")
        found.world.message("2026-03-02T22:00", "ann", "offer")
        found.world.tick("2026-03-02T22:00")
        yield found


def test_it_tells_who_they_are(office: Office) -> None:
    answer = office.run("contact", "ann")

    assert answer.code == 0
    assert "ann@example.com" in answer.out
    assert "first_name: Ann" in answer.out
    assert "segment everyone" in answer.words


def test_it_tells_what_happened_in_order_of_time(office: Office) -> None:
    told = office.json("contact", "ann")

    said = [(e["what"], e["at"]) for e in told["timeline"] if e["what"] in ("consent", "touch", "decision")]
    assert said == [
        ("consent", "2019-12-31T23:00:00Z"),
        ("touch", "2026-03-02T09:00:00Z"),
        ("decision", "2026-03-02T09:00:00Z"),
        ("decision", "2026-03-02T21:00:00Z"),
    ]


def test_a_touch_of_ours_is_not_told_as_sent_before_it_was(office: Office) -> None:
    words = office.run("contact", "ann", "--kind", "touch").words

    assert "news, email spring, message" in words
    assert "sent" not in words


def test_a_line_break_in_what_is_known_of_somebody_begins_no_line(office: Office) -> None:
    office.world.contact("eve", attributes='{"first_name": "Eve\\n  held by       nobody"}')

    assert "\n  held by" not in office.run("contact", "eve").out


def test_each_decision_tells_the_segment_they_were_in_then(office: Office) -> None:
    told = office.json("contact", "ann", "--kind", "decision")

    assert [e["segment"] for e in told["timeline"]] == ["everyone", "everyone"]


def test_each_decision_tells_its_evidence_as_a_sentence(office: Office) -> None:
    told = office.json("contact", "ann", "--kind", "decision")

    (line,) = told["timeline"][-1]["evidence"]
    assert (line["rule"], line["welcome_at"]) == ("night", "2026-03-03T07:00:00Z")
    assert line["because"].startswith("It is quiet time in Europe/Stockholm")


def test_a_deferral_is_told_with_its_until_and_rule(office: Office) -> None:
    answer = office.run("contact", "ann", "--kind", "decision")

    assert "defer until Tue 2026-03-03 08:00 by night" in answer.words


def test_times_are_shown_in_the_zone_asked_for(office: Office) -> None:
    answer = office.run("contact", "ann", "--kind", "touch", "--zone", "Asia/Kathmandu")

    assert "Mon 2026-03-02 14:45" in answer.words


def test_a_stop_and_what_was_done_by_hand_are_told(office: Office) -> None:
    office.world.say("ann", EventKind.OPT_OUT, "2026-03-02T22:30", "offer")
    shard, id_, _ = office.world.contacts["ann"]
    hold(office.world.store, (shard, id_), "she called", "eva", at("2026-03-02T22:40"))

    answer = office.run("contact", "ann")

    assert "opt out: offer" in answer.words
    assert "by eva" in answer.words
    assert "she called" in answer.words


@pytest.mark.parametrize("told", ["ann", "ANN@example.com", "ann+news@example.com"])
def test_an_address_in_any_spelling_finds_them(office: Office, told: str) -> None:
    office.list_address("ann", "ann@example.com")

    assert office.json("contact", told)["contact"]["outside_id"] == "ann"


def test_our_own_number_finds_them(office: Office) -> None:
    number = office.json("contact", "ann")["contact"]["id"]

    assert office.json("contact", number)["contact"]["outside_id"] == "ann"


def test_numbers_that_json_readers_would_round_are_texts(office: Office) -> None:
    assert isinstance(office.json("contact", "ann")["contact"]["id"], str)


def test_since_and_until_leave_out_what_lies_outside(office: Office) -> None:
    told = office.json("contact", "ann", "--since", "2026-03-02", "--until", "2026-03-02T12:00")

    assert {e["what"] for e in told["timeline"]} == {"touch", "decision", "message"}
    assert {e["at"] for e in told["timeline"]} == {"2026-03-02T09:00:00Z"}


def test_a_limit_keeps_the_latest_and_says_how_many_are_left_out(office: Office) -> None:
    told = office.json("contact", "ann", "--kind", "decision", "--limit", "1")

    assert ([e["verdict"] for e in told["timeline"]], told["left_out"]) == (["defer"], 1)


def test_of_very_much_it_finds_what_was_long_ago_and_counts_what_is_left_out(office: Office) -> None:
    shard, id_, _ = office.world.contacts["ann"]
    long_ago = at("2023-11-14T22:00")
    with office.world.store.write() as conn:
        for i in range(1_010):
            changes.note(conn, "hold", "eva", long_ago + i * SECOND, "she called", (shard, id_))

    told = office.json("contact", "ann", "--kind", "change", "--limit", "1005")
    early = office.json("contact", "ann", "--kind", "change", "--until", "2023-11-14T22:00:05")

    assert (len(told["timeline"]), told["left_out"], len(early["timeline"])) == (1_005, 5, 5)


def test_holds_and_wishes_that_are_over_hold_nothing(office: Office) -> None:
    shard, id_, _ = office.world.contacts["ann"]
    hold(office.world.store, (shard, id_), "holiday", "eva", at("2026-03-02T22:10"), until=at("2026-03-02T22:30"))
    with office.world.store.write() as conn:
        conn.execute(tables.contact.update().values(snooze_until=at("2026-03-02T22:40")))

    told = office.run("contact", "ann").words

    assert ("held by" in told, "nothing until" in told) == (False, False)


def test_those_they_are_decided_with_are_named(office: Office) -> None:
    office.world.contact("bo", circle="ann")

    assert office.json("contact", "ann")["circle"] == ["bo"]


def test_nobody_is_an_error_in_words(office: Office) -> None:
    answer = office.run("contact", "nobody")

    assert answer.code == 2
    assert "nobody here is called 'nobody'" in answer.err


def test_an_address_of_several_asks_which(office: Office) -> None:
    for name in ("bo", "cy"):
        office.world.contact(name, circle="ann", email="team@example.com")
        office.list_address(name, "team@example.com")

    answer = office.run("contact", "team@example.com")

    assert answer.code == 2
    assert "shared by 2 contacts" in answer.err


def test_a_kind_there_is_not_names_those_there_are(office: Office) -> None:
    answer = office.run("contact", "ann", "--kind", "letter")

    assert answer.code == 2
    assert "touch, decision, message" in answer.err


def test_what_is_no_instant_is_told(office: Office) -> None:
    answer = office.run("contact", "ann", "--since", "last week")

    assert (answer.code, "--since: found 'last week'" in answer.err) == (2, True)
