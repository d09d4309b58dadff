"""Promise 2: a message that is lost, sent twice, ended without a reason or left lying is found."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from cadence.facts import HOUR, MINUTE
from cadence.store import Store, tables
from tests.audit.ledger import NOON, Ledger, at

NOW = "2026-03-03T18:00"
CAP = {"guard_rails": {"caps": {"max": 1, "per": "7d"}}}


@pytest.fixture
def ledger(store: Store) -> Ledger:
    return Ledger(store, **CAP)


def capped(ledger: Ledger, **message: Any) -> int:
    """A message that waits, as it should, for a week after another."""
    ann = ledger.contact()
    ledger.sent(ann, NOON)
    until = at("2026-03-10T12:00")
    return ledger.waiting(ann, **{"until": until, "due_at": until, "rule": "1 per 7d", **message})


def test_a_message_that_waits_for_its_welcome_instant_is_fine(ledger: Ledger) -> None:
    capped(ledger)

    assert ledger.broken(NOW, drained=True) == []


@pytest.mark.parametrize(
    "values",
    [
        {"state": "gone"},
        {"state": "refused", "because": None, "touch": None},
        {"state": "sent", "outcome_at": None},
        {"state": "suppressed", "because": "caps", "decision": None},
        {"hand_over_at": None},
    ],
)
def test_a_message_without_one_state_and_a_reason_is_found(ledger: Ledger, values: dict[str, Any]) -> None:
    message, _, _ = ledger.sent(ledger.contact(), NOON)
    ledger.change(tables.message, message, **values)

    assert (2, "outcome") in ledger.broken(NOW)


def test_two_touches_of_one_message_are_found(store: Store) -> None:
    ledger = Ledger(store)
    ann = ledger.contact()
    first, _, _ = ledger.sent(ann, NOON)
    second, decision, touch = ledger.sent(ann, "2026-03-03T13:00")
    for table, id_ in ((tables.decision, decision), (tables.touch, touch)):
        ledger.change(table, id_, message=first)
    with store.write() as conn:
        conn.execute(tables.message.delete().where(tables.message.c.id == second))

    assert ledger.broken(NOW) == [(2, "sent twice")]


def test_a_sent_message_whose_touch_was_withdrawn_is_found(ledger: Ledger) -> None:
    ann = ledger.contact()
    _, _, touch = ledger.sent(ann, NOON)
    ledger.change(tables.touch, touch, withdrawn_at=at(NOON), withdrawn_number=ledger.number(ann))

    assert ledger.broken(NOW) == [(2, "no touch")]


def test_a_refused_message_whose_touch_still_stands_is_found(ledger: Ledger) -> None:
    message, _, _ = ledger.sent(ledger.contact(), NOON)
    ledger.change(tables.message, message, state="refused", because="no such mailbox")

    assert ledger.broken(NOW) == [(2, "outcome")]


def test_a_message_in_doubt_counts_as_a_touch(store: Store) -> None:
    ledger = Ledger(store, **CAP)
    ann = ledger.contact()
    doubted, _, _ = ledger.sent(ann, NOON)
    ledger.change(tables.message, doubted, state="in_doubt", because="the line broke", doubt_at=at(NOON))
    ledger.sent(ann, "2026-03-03T13:00")

    assert ledger.broken(NOW) == [(1, "1 per 7d")]


@pytest.mark.parametrize("category, broken", [("promotion", [(2, "sent twice")]), ("receipt", [])])
def test_only_marketing_in_doubt_may_not_be_handed_over_again(
    ledger: Ledger, category: str, broken: list[tuple[int, str]]
) -> None:
    message, _, _ = ledger.sent(ledger.contact(), NOON, category)
    ledger.change(tables.message, message, state="sending", doubt_at=at(NOON))

    assert ledger.broken("2026-03-03T12:01") == broken


def test_a_suppressed_message_that_was_released_and_went_twice_is_found(store: Store) -> None:
    ledger = Ledger(store)
    ann = ledger.contact()
    ledger.sent(ann, NOON, revives=77)
    second, _, _ = ledger.sent(ann, "2026-03-03T13:00", revives=78)
    once = ledger.broken(NOW)
    ledger.change(tables.message, second, revives=77)

    assert (once, ledger.broken(NOW)) == ([], [(2, "sent twice"), (2, "sent twice")])


def test_a_hand_over_long_after_the_decision_is_found(ledger: Ledger) -> None:
    ledger.sent(ledger.contact(), NOON, hand_over_at=at(NOON) + 6 * MINUTE)

    assert ledger.broken(NOW) == [(2, "stale")]


@pytest.mark.parametrize(
    "values",
    [
        {"due_at": at("2026-03-03T17:00")},
        {"until": at("2026-03-03T17:00")},
        {"due_at": None},
        {"due_at": None, "until": None, "asked_at": None},
        {"expires_at": at("2026-03-03T17:00")},
    ],
)
def test_what_was_left_lying_is_found(ledger: Ledger, values: dict[str, Any]) -> None:
    capped(ledger, **values)

    assert set(ledger.broken(NOW)) == {(2, "left lying")}


def test_what_is_overdue_by_a_moment_is_found_only_once_a_run_has_drained(ledger: Ledger) -> None:
    capped(ledger, due_at=at(NOW) - MINUTE)

    assert ledger.broken(NOW) == []
    assert ledger.broken(NOW, drained=True) == [(2, "left lying")]


@pytest.mark.parametrize("state", ["decided", "sending"])
def test_what_nobody_handed_over_is_found(ledger: Ledger, state: str) -> None:
    message, _, _ = ledger.sent(ledger.contact(), NOON)
    ledger.change(tables.message, message, state=state, outcome_at=None)

    assert ledger.broken(NOW) == [(2, "left lying")]


def test_holding_everything_doesn_t_pass(ledger: Ledger) -> None:
    ledger.waiting(ledger.contact(), rule="quiet_hours", until=at(NOW) + HOUR, due_at=at(NOW) + HOUR)

    assert ledger.broken(NOW) == [(2, "held back")]


def test_what_waits_for_a_paused_campaign_is_not_held_back(ledger: Ledger) -> None:
    ledger.insert(tables.campaign, name="spring", hash="h", content="{}", state="paused")
    ledger.waiting(ledger.contact(), campaign="spring")

    assert ledger.broken(NOW) == []


@pytest.mark.parametrize(("due", "found"), [(HOUR, []), (HOUR + MINUTE, [(2, "held back")])])
def test_what_waits_for_its_template_is_not_held_back_as_long_as_it_is_asked_every_hour(
    ledger: Ledger, due: int, found: list[tuple[int, str]]
) -> None:
    ledger.waiting(ledger.contact(), rule="missing template", until=None, due_at=at(NOW) + due)

    assert ledger.broken(NOW) == found


def test_what_waits_within_the_spread_is_not_held_back(store: Store) -> None:
    ledger = Ledger(store, defaults={"timezone": "Europe/Stockholm", "spread": "30m"})
    ledger.waiting(ledger.contact(), until=at(NOW) - 10 * MINUTE, due_at=at(NOW) + 10 * MINUTE)

    assert ledger.broken(NOW, drained=True) == []


def test_what_waits_for_a_more_important_message_is_not_held_back(ledger: Ledger) -> None:
    ann = ledger.contact()
    ledger.waiting(ann, rule="lookahead", until=at(NOW) + HOUR, due_at=at(NOW) + HOUR)
    alone = ledger.broken(NOW)
    ledger.waiting(ann, due_at=at(NOW) + HOUR, asked_at=None, rule=None, priority=90)

    assert (alone, ledger.broken(NOW)) == ([(2, "held back")], [])


def test_a_message_of_nobody_is_found(ledger: Ledger) -> None:
    ledger.waiting(12345)

    assert ledger.broken(NOW) == [(2, "lost")]


def test_a_message_that_a_provider_took_twice_is_found(ledger: Ledger) -> None:
    ann = ledger.contact()
    message, _, _ = ledger.sent(ann, NOON)
    for given in ("test:1", "test:2"):
        row = {"value": given, "kind": "provider_id", "slot": 0, "contact": ann, "shard": 1}
        ledger.insert(tables.directory, **row, message=message)

    assert ledger.broken(NOW) == [(2, "sent twice")]


class TestMaildir:
    @pytest.fixture
    def maildir(self, tmp_path: Path) -> Path:
        for part in ("new", "cur", "tmp"):
            (tmp_path / "mail" / part).mkdir(parents=True)
        return tmp_path / "mail"

    def test_one_mail_for_each_sent_message_is_fine(self, ledger: Ledger, maildir: Path) -> None:
        message, _, _ = ledger.sent(ledger.contact(), NOON, provider="maildir")
        (maildir / "cur" / f"{message}.cadence:2,S").touch()

        assert ledger.broken(NOW, maildir=maildir) == []

    def test_a_sent_message_without_a_mail_is_found(self, ledger: Ledger, maildir: Path) -> None:
        ledger.sent(ledger.contact(), NOON, provider="maildir")

        assert ledger.broken(NOW, maildir=maildir) == [(2, "lost")]

    def test_two_mails_of_one_message_are_found(self, ledger: Ledger, maildir: Path) -> None:
        message, _, _ = ledger.sent(ledger.contact(), NOON, provider="maildir")
        for part in ("new", "cur"):
            (maildir / part / f"{message}.cadence").touch()

        assert ledger.broken(NOW, maildir=maildir) == [(2, "sent twice")]

    def test_a_mail_of_a_message_that_waits_is_found(self, ledger: Ledger, maildir: Path) -> None:
        (maildir / "new" / f"{capped(ledger)}.cadence").touch()

        assert ledger.broken(NOW, maildir=maildir) == [(2, "outcome")]

    def test_a_mail_of_no_message_is_found(self, ledger: Ledger, maildir: Path) -> None:
        (maildir / "new" / "77.cadence").touch()

        assert ledger.broken(NOW, maildir=maildir) == [(2, "lost")]

    def test_a_mail_of_a_message_that_was_removed_as_old_is_fine(self, ledger: Ledger, maildir: Path) -> None:
        mail = maildir / "cur" / "77.cadence:2,S"
        mail.touch()
        os.utime(mail, (at(NOON) / 1_000_000 - 400 * 86_400, at(NOON) / 1_000_000 - 400 * 86_400))

        report = ledger.verify(NOW, maildir=maildir)

        assert report.ok, report.text()
        assert report.unjudged == {"mails older than messages are kept": 1}

    def test_a_folder_that_is_no_maildir_is_refused(self, ledger: Ledger, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError, match="no maildir"):
            ledger.verify(NOW, maildir=tmp_path / "nowhere")
