"""Campaigns that an event triggers, on each database: every event once, whichever machine it came from and however many
daemons plan."""

# mypy: disable-error-code=no-untyped-def

from __future__ import annotations

from datetime import datetime

import pytest

from cadence.doors.campaigns import trigger
from cadence.doors.campaigns.trigger import Place, queue_triggered
from cadence.facts import DAY, HOUR, SECOND, micros
from cadence.store import campaigns as stored
from cadence.store import events, ids

CONTACTS = "id,email\n" + "".join(f"{who},{who}@example.com\n" for who in ("anna", "bo", "cy", "di", "eva"))
ASKED = """
name: how-was-it
category: newsletter
schedule: {trigger: purchase, wait: 3d}
template: {subject: "How do you like it?", text: "Text"}
expires: 3d
"""


def bought(*who: str, day: str = "2026-03-01") -> str:
    """What these contacts bought at noon."""
    return "contact,at,engagement\n" + "".join(f"{one},{day}T12:00Z,purchase\n" for one in who)


def asked(shop) -> list[str]:
    """Whom the campaign writes to."""
    return [who for _, who, _ in shop.queued()]


@pytest.fixture
def campaigns(shop):
    """One that a purchase triggers, at work since a moment ago."""
    shop.takes("contacts", CONTACTS)
    found = shop.campaigns(ASKED)
    shop.plans(found)
    return found


def test_an_event_imported_on_a_machine_whose_clock_is_behind_triggers(
    shop, campaigns, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.takes("events", bought("anna"), "one.csv")
    shop.plans(campaigns)
    behind, clock = ids._Maker(), ids.time.time_ns
    monkeypatch.setattr(ids.time, "time_ns", lambda: clock() - HOUR * 1000)
    monkeypatch.setattr(events, "new_ids", behind.take)
    shop.takes("events", bought("bo"), "two.csv")

    shop.plans(campaigns)

    assert asked(shop) == ["anna", "bo"]


def test_of_many_events_one_that_is_committed_later_than_its_number_says_triggers_too(
    shop, campaigns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trigger, "AT_ONCE", 2)
    first = ids.new_ids(1)
    shop.takes("events", bought("anna", "bo"), "one.csv")
    shop.plans(campaigns)
    monkeypatch.setattr(events, "new_ids", lambda n: first)
    shop.takes("events", bought("cy"), "two.csv")

    shop.plans(campaigns)

    assert asked(shop) == ["anna", "bo", "cy"]


def test_an_opt_in_triggers_once_however_much_it_is_to(shop) -> None:
    shop.takes("contacts", CONTACTS)
    campaigns = shop.campaigns(ASKED.replace("purchase", "opt_in"))
    shop.plans(campaigns)
    said = "contact,at,opt_in,channel\nanna,2026-03-01T08:00Z,newsletter,email\nanna,2026-03-01T08:00Z,newsletter,sms\n"
    shop.takes("consents", f"{said}bo,,newsletter,email\ncy,2026-03-01T08:01Z,newsletter,email\n")

    shop.plans(campaigns)
    shop.plans(campaigns)

    assert asked(shop) == ["anna", "cy"]


def test_an_event_that_is_recorded_as_of_minutes_ago_triggers(shop, campaigns) -> None:
    shop.takes("events", bought("anna"), "one.csv")
    shop.plans(campaigns, shop.now + 240 * SECOND)
    began, shop.now = shop.now, shop.now - 230 * SECOND  # its import has waited for others that long
    shop.takes("events", bought("bo"), "two.csv")

    shop.plans(campaigns, began + SECOND)

    assert asked(shop) == ["anna", "bo"]


def test_more_events_than_one_call_looks_at_are_looked_at_one_call_after_the_other(
    shop, campaigns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trigger, "AT_ONCE", 2)
    monkeypatch.setattr(trigger, "MOST_PAGES", 1)
    who = ("anna", "bo", "cy", "di", "eva")
    for number, one in enumerate(who):
        shop.now += HOUR
        shop.takes("events", bought(one), f"{number}.csv")

    counts = [shop.plans(campaigns, shop.now + 15 * SECOND).accepted for _ in range(6)]

    assert max(counts) == 2
    assert asked(shop) == list(who)


def test_all_events_of_one_instant_are_looked_at_however_many_there_are(
    shop, campaigns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trigger, "AT_ONCE", 2)
    monkeypatch.setattr(trigger, "MOST_PAGES", 1)
    who = ("anna", "bo", "cy", "di", "eva")
    shop.takes("events", bought(*who))

    for _ in range(3):
        shop.plans(campaigns, shop.now + HOUR)

    assert asked(shop) == list(who)


def test_where_nothing_is_new_nothing_is_written(shop, campaigns, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.takes("events", bought("anna"))
    shop.plans(campaigns)
    monkeypatch.setattr(type(shop.store), "write", lambda store: pytest.fail("wrote"))

    assert shop.plans(campaigns, shop.now + 15 * SECOND).accepted == 0


def test_after_a_clock_was_set_back_what_is_recorded_from_then_on_triggers(shop, campaigns) -> None:
    shop.plans(campaigns, shop.now + 2 * DAY)
    shop.now -= 2 * DAY
    shop.plans(campaigns)
    shop.takes("events", bought("anna"))  # while no daemon was at work

    shop.plans(campaigns, shop.now + HOUR)

    assert asked(shop) == ["anna"]


def test_where_the_release_before_has_looked_is_not_looked_again(shop, campaigns) -> None:
    shop.takes("events", bought("anna"), "one.csv")
    shop.now += HOUR
    with shop.store.write() as conn:
        run = stored.run_at(conn, "how-was-it", "trigger")
        looked = ids.id_at(shop.now) | 12_345  # the number of the last event that it saw
        stored.advance_run(conn, run.id, f"{looked}:20514:1", 1, 0, None)
    shop.takes("events", bought("bo"), "two.csv")

    shop.plans(campaigns, shop.now + HOUR)

    assert asked(shop) == ["bo"]


def test_a_place_is_written_so_that_the_release_before_goes_on_from_it() -> None:
    now = micros(datetime.fromisoformat("2026-03-02T00:00Z"))

    after, day, queued = (int(part) for part in Place(now, 20_514, 3).written().split(":"))

    assert (after, day, queued) == (ids.id_at(now), 20_514, 3)


def test_two_daemons_that_plan_at_once_keep_to_at_most_per_day(shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.takes("contacts", CONTACTS)
    (campaign,) = shop.campaigns(ASKED + "at_most: {per_day: 2}\n")
    shop.plans([campaign])
    shop.takes("events", bought("anna", "bo", "cy", "di"))
    looks = trigger._unknown

    def other_daemon_meanwhile(*asked):
        found = looks(*asked)
        monkeypatch.setattr(trigger, "_unknown", looks)
        queue_triggered(shop.store, shop.policy, campaign, shop.now)
        return found

    monkeypatch.setattr(trigger, "_unknown", other_daemon_meanwhile)
    for _ in range(3):
        shop.plans([campaign], shop.now + 15 * SECOND)

    assert len(asked(shop)) == 2


def test_a_campaign_that_goes_by_a_trigger_again_after_a_time_by_a_schedule_is_planned(shop, campaigns) -> None:
    daily = shop.campaigns(
        ASKED.replace("{trigger: purchase, wait: 3d}", '{cron: "0 10 * * *"}') + "audience: {where: {}}\n"
    )
    for day in range(3, 28):
        shop.plans(daily, f"2026-03-{day:02}T12:00Z")
    again = shop.campaigns(ASKED, ASKED.replace("how-was-it", "later-one"))
    shop.plans(again, "2026-03-28T12:00Z")
    shop.takes("events", bought("anna", day="2026-03-28"))

    shop.plans(again, "2026-03-28T12:01Z")

    assert [q[0] for q in shop.queued() if q[2] == "03-31T12:00Z"] == ["how-was-it", "later-one"]


def test_an_event_that_triggered_a_message_triggers_none_under_the_campaigns_new_name(shop, campaigns) -> None:
    shop.takes("events", bought("anna"), "one.csv")
    shop.plans(campaigns)
    shop.takes("events", bought("bo"), "two.csv")

    shop.plans(shop.campaigns(ASKED.replace("name: how-was-it", "name: liked-it\nwas: [how-was-it]")), shop.now + HOUR)

    assert [q[:2] for q in shop.queued()] == [("how-was-it", "anna"), ("liked-it", "bo")]


def test_an_event_whose_wait_ended_while_its_campaign_was_renamed_triggers(shop, campaigns) -> None:
    shop.takes("events", bought("anna"))

    renamed = shop.campaigns(ASKED.replace("name: how-was-it", "name: liked-it\nwas: [how-was-it]"))
    shop.plans(renamed, "2026-03-04T13:00Z")

    assert asked(shop) == ["anna"]
