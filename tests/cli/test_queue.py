"""`cadence queue`: what waits, until when, by which rule."""

from __future__ import annotations

import json

import pytest

from cadence.store import tables
from tests.cli.office import Office


def test_it_tells_what_waits_by_which_rule_and_until_when(busy: Office) -> None:
    (message,) = busy.json("queue")["messages"]

    assert (message["contact"], message["state"], message["rule"]) == ("ann", "waiting", "2 per 7d")
    assert message["until"] == "2026-03-10T08:00:00Z"


def test_on_a_screen_times_are_those_of_the_reader(busy: Office) -> None:
    assert "Tue 2026-03-10 09:00" in busy.run("queue").words
    assert "Tue 2026-03-10 17:00" in busy.run("queue", "--zone", "Asia/Tokyo").words


def test_what_was_never_asked_says_so(busy: Office) -> None:
    busy.world.message("2026-03-03T12:00", "ann")

    assert "not asked yet" in busy.run("queue").words


def test_what_has_ended_tells_when_and_why_in_place_of_when_it_is_welcome(busy: Office) -> None:
    with busy.world.store.write() as conn:
        waiting = tables.message.c.state == "waiting"
        conn.execute(tables.message.update().where(waiting).values(state="superseded", because="a newer one stays"))

    words = busy.run("queue", "--state", "superseded").words

    assert "a newer one stays" in words
    assert "2 per 7d" not in words
    assert ("ended" in words, "welcome" in words) == (True, False)


def test_what_a_hold_keeps_is_not_yet_known(busy: Office) -> None:
    busy.run("hold", "ann", "--reason", "a complaint")
    busy.world.tick("2026-03-03T12:01")

    assert "not yet known" in busy.run("queue", "--rule", "holds").words


@pytest.mark.parametrize(
    "words, total",
    [
        (["--contact", "ann"], 1),
        (["--contact", "bob"], 0),
        (["--campaign", "spring"], 1),
        (["--campaign", "hats"], 0),
        (["--rule", "2 per 7d"], 1),
        (["--rule", "night"], 0),
        (["--segment", "everyone"], 1),
        (["--segment", "nobody"], 0),
        (["--state", "sent"], 2),
        (["--state", "sent", "--state", "suppressed"], 3),
    ],
)
def test_it_can_be_narrowed(busy: Office, words: list[str], total: int) -> None:
    assert busy.json("queue", *words)["total"] == total


def test_what_is_due_first_comes_first(busy: Office) -> None:
    new = busy.world.message("2026-03-03T12:00", "ann")

    assert busy.json("queue")["messages"][0]["id"] == str(new)


def test_it_says_how_many_more_there_are(busy: Office) -> None:
    assert "1 more aren't shown" in busy.run("queue", "--state", "sent", "--limit", "1").words


def test_an_empty_queue_is_told_in_words(office: Office) -> None:
    assert office.run("queue").words == "Nothing is waiting."


def test_a_state_that_is_none_is_wrong_and_the_nearest_is_named(office: Office) -> None:
    answer = office.run("queue", "--state", "wating")

    assert answer.code == 2
    assert "Did you mean 'waiting'?" in answer.err


def test_somebody_who_is_not_here_is_wrong_input(office: Office) -> None:
    answer = office.run("queue", "--contact", "nobody@example.com")

    assert answer.code == 2
    assert "nobody@example.com" in answer.err


@pytest.mark.parametrize("words", [["contact", "ann"], ["queue"]])
def test_what_somebody_typed_does_not_steer_a_terminal(busy: Office, words: list[str]) -> None:
    with busy.world.store.write() as conn:
        typed = json.dumps({"first_name": "\x1b]0;owned\x07\x1b[2J"})
        conn.execute(tables.contact.update().values(attributes=typed))
        conn.execute(tables.message.update().values(campaign="\x1b[2Jspring\u202e"))

    told = busy.run(*words).out

    assert [c for c in told if c in "\x1b\x07\u202e"] == []
