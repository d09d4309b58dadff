"""`cadence release`, `stop` and `hold`: each with a reason, on the record, and what waits is asked again."""

from __future__ import annotations

from datetime import datetime

import pytest

from cadence.facts import EventKind, micros
from cadence.store import tables
from cadence.store.events import record_events
from cadence.store.rows import EventRow
from tests.cli.office import Office
from tests.queue.world import POLICY, at


def waiting(office: Office) -> int:
    """The one message that waits."""
    (row,) = office.world.rows(tables.message, tables.message.c.state == "waiting")
    return int(row["id"])


def test_a_released_message_passes_the_cap(busy: Office) -> None:
    message = waiting(busy)

    answer = busy.run("release", str(message), "--reason", "she asked for it")
    busy.world.tick("2026-03-03T12:00")

    assert answer.code == 0
    assert busy.world.state(message) == "decided"


def test_a_released_suppressed_message_is_queued_again_and_its_new_number_is_told(busy: Office) -> None:
    (old,) = busy.world.rows(tables.message, tables.message.c.state == "suppressed")

    told = busy.json("release", str(old["id"]), "--reason", "a mistake")

    assert told["queued_again_for"] == str(old["id"])
    assert busy.world.state(int(told["message"])) == "waiting"


def test_a_release_warns_of_a_rule_that_it_does_not_pass(busy: Office) -> None:
    (old,) = busy.world.rows(tables.message, tables.message.c.state == "suppressed")

    assert "bound by 'consent', which no release passes" in busy.run("release", str(old["id"]), "--reason", "x").words


def test_what_was_sent_cannot_be_released(busy: Office) -> None:
    sent = busy.world.rows(tables.message, tables.message.c.state == "sent")[0]

    answer = busy.run("release", str(sent["id"]), "--reason", "again")

    assert answer.code == 2
    assert "only what is waiting or suppressed" in answer.err


@pytest.mark.parametrize("command", [["stop", "ann"], ["hold", "ann"], ["release"]])
def test_what_is_still_to_come_can_not_have_been_done(busy: Office, command: list[str]) -> None:
    told = command if len(command) > 1 else [*command, str(waiting(busy))]

    answer = busy.run(*told, "--reason", "x", "--at", "2027-01-01")

    assert answer.code == 2
    assert "--at 2027-01-01: that is still to come" in " ".join(answer.err.split())


def test_a_category_of_transactional_messages_can_not_be_stopped_by_its_old_name_either(busy: Office) -> None:
    busy.policy(categories={**POLICY["categories"], "receipt": {"transactional": True, "was": ["bill"]}})

    answer = busy.run("stop", "ann", "--category", "bill", "--reason", "x")

    assert (answer.code, "no stop applies to it" in answer.err) == (2, True)


def test_a_number_that_is_too_large_is_told_in_words(busy: Office) -> None:
    answer = busy.run("release", "99999999999999999999", "--reason", "x")

    assert (answer.code, "a number is too large" in answer.err) == (2, True)


def test_a_stop_ends_what_waits(busy: Office) -> None:
    message = waiting(busy)

    answer = busy.run("stop", "ann", "--reason", "she called")
    busy.world.tick("2026-03-03T12:00")

    assert "What waits for them (1) is asked again" in answer.words
    assert (busy.world.state(message), busy.world.row(message)["rule"]) == ("suppressed", "consent")


def test_a_stop_can_be_for_one_category(busy: Office) -> None:
    message = waiting(busy)

    told = busy.json("stop", "ann", "--reason", "no offers please", "--category", "offer")
    busy.world.tick("2026-03-03T12:00")

    assert (told["category"], told["channel"]) == ("offer", "all")
    assert busy.world.state(message) == "waiting"


def test_a_stop_can_be_for_one_channel(busy: Office) -> None:
    told = busy.json("stop", "ann", "--reason", "no calls please", "--channel", "phone")

    assert (told["category"], told["channel"]) == ("all", "phone")


@pytest.mark.parametrize(
    "words, said",
    [
        (["--category", "offers"], "Did you mean 'offer'?"),
        (["--category", "receipt"], "transactional"),
        (["--channel", "mail"], "Did you mean 'email'?"),
        (["--at", "2026-03-01"], "nothing can be done before that"),
    ],
)
def test_a_stop_of_what_cannot_be_stopped_is_wrong_input(busy: Office, words: list[str], said: str) -> None:
    with busy.world.store.write() as conn:
        conn.execute(tables.installation.update().values(last_now=1_772_500_000_000_000))

    answer = busy.run("stop", "ann", "--reason", "x", *words)

    assert (answer.code, said in answer.err) == (2, True)


def test_somebody_meant_by_a_shared_address_has_to_be_named(busy: Office) -> None:
    for name in ("ann", "bob"):
        busy.list_address(name, "office@example.com")

    answer = busy.run("stop", "office@example.com", "--reason", "x")

    assert answer.code == 2
    assert "ann, bob" in answer.err


def test_a_hold_holds_until_it_is_ended(busy: Office) -> None:
    message = waiting(busy)
    busy.run("hold", "ann", "--reason", "her mother died", "--kind", "bereavement")
    busy.world.tick("2026-03-03T12:00")
    held = busy.world.row(message)["rule"]

    told = busy.json("hold", "ann", "--end", "--kind", "bereavement", "--reason", "she wrote to us")
    busy.world.tick("2026-03-03T12:00")

    assert (held, told["holds"]) == ("holds", [])
    assert busy.world.row(message)["rule"] == "2 per 7d"


def test_a_hold_may_end_by_itself(busy: Office) -> None:
    told = busy.json("hold", "ann", "--reason", "on holiday", "--until", "2026-03-20")

    assert told["holds"] == [{"kind": "manual", "about": "manual", "until": "2026-03-20T23:00:00Z"}]


@pytest.mark.parametrize(
    "words, said",
    [
        (["--end"], "nothing holds it"),
        (["--until", "2026-03-01"], "later instant"),
        (["--until", "soon"], "write an instant"),
        (["--end", "--until", "2026-03-20"], "one of them"),
        (["--kind", " "], "needs a kind"),
        (["--kind", "x" * 301], "at most 300 characters"),
    ],
)
def test_a_hold_that_cannot_be_is_wrong_input(busy: Office, words: list[str], said: str) -> None:
    answer = busy.run("hold", "ann", "--reason", "x", *words)

    assert (answer.code, said in answer.err) == (2, True)


def test_ending_a_hold_of_another_kind_tells_which_there_are(busy: Office) -> None:
    busy.run("hold", "ann", "--reason", "x", "--kind", "bereavement")

    answer = busy.run("hold", "ann", "--reason", "x", "--end")

    assert answer.code == 2
    assert "it is held by bereavement" in answer.err


@pytest.mark.parametrize("words", [["stop", "ann"], ["hold", "ann"], ["release", "1"]])
@pytest.mark.parametrize("reason", [[], ["--reason", "  "]])
def test_without_a_reason_nothing_is_done(busy: Office, words: list[str], reason: list[str]) -> None:
    before = busy.world.rows(tables.change)

    assert busy.run(*words, *reason).code == 2
    assert busy.world.rows(tables.change) == before


def test_who_did_what_and_why_is_on_the_record(busy: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "eva")
    busy.run("stop", "ann", "--reason", "she called")
    busy.run("hold", "ann", "--reason", "a complaint")
    busy.run("release", str(waiting(busy)), "--reason", "she asked")

    told = busy.json("audit", "changes")["changes"]

    assert {(c["what"], c["by"], c["reason"], c["at"]) for c in told} == {
        ("stop", "eva", "she called", "2026-03-03T11:00:00Z"),
        ("hold", "eva", "a complaint", "2026-03-03T11:00:00Z"),
        ("release", "eva", "she asked", "2026-03-03T11:00:00Z"),
    }


def test_what_is_done_by_hand_is_never_earlier_than_what_was_decided(busy: Office) -> None:
    with busy.world.store.write() as conn:
        conn.execute(tables.installation.update().values(last_now=1_790_000_000_000_000))

    assert busy.json("stop", "ann", "--reason", "x")["at"] == "2026-09-21T14:13:20Z"


def test_where_a_daemon_lives_on_a_virtual_clock_things_are_done_by_that_clock(busy: Office) -> None:
    virtual = 1_600_000_000_000_000
    with busy.world.store.write() as conn:
        conn.execute(tables.installation.update().values(last_now=virtual))
        conn.execute(tables.daemon.update().values(clock_now=virtual))

    assert busy.json("stop", "ann", "--reason", "x")["at"] == "2020-09-13T12:26:40Z"


LOOKING = ["contact ann", "explain ann", "queue", "suppressed", "audit changes", "audit verify"]


@pytest.mark.parametrize(
    "then", [*LOOKING, *(f"{words} --json" for words in LOOKING), "hold ann --end --reason settled"]
)
def test_a_hold_until_the_last_date_there_is_ends_never(busy: Office, then: str) -> None:
    answer = busy.run("hold", "ann", "--reason", "asked for peace", "--until", "9999-12-31")
    busy.world.tick("2026-03-03T12:00")

    assert "held (manual) until it is ended" in answer.words
    assert busy.run(*then.split()).code == 0


@pytest.mark.parametrize("until", ["9999-12-31T23:59:59", "0001-01-01T00:00:00"])
@pytest.mark.parametrize("then", [*LOOKING, *(f"{words} --json" for words in LOOKING)])
def test_an_end_that_another_system_tells_can_be_anywhere(busy: Office, until: str, then: str) -> None:
    told = EventRow("ann", at("2026-03-03T11:00"), EventKind.HOLD, "h1", subject="crm", until=at(until))
    with busy.world.store.write() as conn:
        record_events(conn, [told], at("2026-03-03T11:00"), "crm")
    busy.world.tick("2026-03-03T11:00")

    assert busy.run(*then.split()).code == 0


@pytest.mark.parametrize("at", ["9999-12-31T23:59:59", "0001-01-01T00:00:00"])
def test_a_pause_can_end_anywhere(busy: Office, at: str) -> None:
    until = micros(datetime.fromisoformat(f"{at}+00:00"))
    with busy.world.store.write() as conn:
        conn.execute(tables.contact.update().values(snooze_until=until))

    assert [busy.run(*words.split(), *json).code for words in LOOKING for json in ([], ["--json"])] == [0] * 12
