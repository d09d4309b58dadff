"""Campaigns from their YAML to waiting messages, on each database: when, to whom, once, and what a late daemon does."""

# mypy: disable-error-code=no-untyped-def

from __future__ import annotations

from datetime import datetime

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from cadence.doors.campaigns import plan as planning
from cadence.doors.campaigns.register import CampaignRefused, end, listed, pause, resume
from cadence.facts import DAY, HOUR, instant, micros
from cadence.store import StoreUnavailable
from cadence.store.prune import prune

CONTACTS = """id,email,timezone
se,se@example.com,Europe/Stockholm
np,np@example.com,Asia/Kathmandu
us,us@example.com,America/New_York
none,none@example.com,
"""
WEEKLY = """
name: weekly
category: newsletter
audience: {where: {}}
schedule: {cron: "0 10 * * TUE", zone: contact}
template: {subject: "Hello {{ first_name | default('you') }}", text: "Text"}
expires: 3d
"""


def at(text: str) -> int:
    return micros(datetime.fromisoformat(text))


def test_ten_o_clock_is_ten_o_clock_in_each_contacts_own_zone(shop) -> None:
    shop.takes("contacts", CONTACTS)
    campaigns = shop.campaigns(WEEKLY)
    planned = shop.plans(campaigns)
    times = []
    while planned.next_due < at("2026-03-04T00:00Z"):
        times.append(instant(planned.next_due).strftime("%m-%dT%H:%MZ"))
        planned = shop.plans(campaigns, planned.next_due)
    assert times == ["03-03T04:15Z", "03-03T09:00Z", "03-03T15:00Z"]
    assert shop.queued() == [
        ("weekly", "none", "03-03T09:00Z"),
        ("weekly", "np", "03-03T04:15Z"),
        ("weekly", "se", "03-03T09:00Z"),
        ("weekly", "us", "03-03T15:00Z"),
    ]


def test_planning_again_adds_nothing(shop) -> None:
    shop.takes("contacts", CONTACTS)
    campaigns = shop.campaigns(WEEKLY)
    shop.plans(campaigns)
    shop.plans(campaigns, "2026-03-03T16:00Z")
    assert shop.plans(campaigns).accepted == 0
    assert len(shop.queued()) == 4


def test_who_moves_to_another_zone_gets_the_same_occurrence_once(shop) -> None:
    shop.takes("contacts", CONTACTS)
    campaigns = shop.campaigns(WEEKLY)
    shop.plans(campaigns)
    shop.plans(campaigns, "2026-03-03T05:00Z")
    shop.takes("contacts", "id,timezone\nnp,America/New_York\n")
    shop.plans(campaigns, "2026-03-03T16:00Z")
    assert [q for q in shop.queued() if q[1] == "np"] == [("weekly", "np", "03-03T04:15Z")]


def test_a_fixed_zone_is_one_run_for_everyone(shop) -> None:
    shop.takes("contacts", CONTACTS)
    campaigns = shop.campaigns(WEEKLY.replace("zone: contact", "zone: Asia/Kathmandu"))
    shop.plans(campaigns)
    assert shop.plans(campaigns, "2026-03-03T04:15Z").accepted == 4


def test_a_single_time_comes_once_and_never_again(shop) -> None:
    shop.takes("contacts", CONTACTS)
    campaigns = shop.campaigns(WEEKLY.replace('cron: "0 10 * * TUE"', 'at: "2026-03-29T02:30"'))
    assert instant(shop.plans(campaigns).next_due).isoformat() == "2026-03-28T20:45:00+00:00"
    shop.plans(campaigns, "2026-03-29T12:00Z")
    assert ("weekly", "se", "03-29T01:00Z") in shop.queued()
    assert shop.plans(campaigns, "2026-04-29T12:00Z").next_due is None
    assert len(shop.queued()) == 4


def test_runs_go_when_they_are_old_but_for_the_latest_of_each_campaign_in_all_zones(shop) -> None:
    shop.takes("contacts", CONTACTS)
    once = WEEKLY.replace('cron: "0 10 * * TUE"', 'at: "2026-03-03T10:00"').replace("weekly", "once")
    campaigns = shop.campaigns(WEEKLY, once)
    shop.plans(campaigns)
    for week in range(3):
        shop.plans(campaigns, instant(at("2026-03-03T16:00Z") + week * 7 * DAY).isoformat())
    assert len(shop.rows("SELECT id FROM campaign_run")) == 12  # three zones, four occurrences

    old = at("2027-06-01T00:00Z")
    assert prune(shop.store, old, shards=range(1, 64))["campaign_run"] == 0
    assert prune(shop.store, old, batch=4)["campaign_run"] == 6
    assert {r[0] for r in shop.rows("SELECT campaign FROM campaign_run")} == {"once", "weekly"}
    assert prune(shop.store, old)["campaign_run"] == 0

    pause(shop.store, "once", old, "kim")
    resume(shop.store, "once", old, "kim")
    assert shop.plans(campaigns[:1], "2027-06-01T00:01Z").runs == 0, "what comes once came again"


def test_a_run_that_is_under_way_never_goes(shop, monkeypatch) -> None:
    monkeypatch.setattr(planning, "read_audiences", lambda *_: (0, True))
    campaigns = shop.campaigns(WEEKLY.replace("zone: contact", "zone: UTC"))
    shop.plans(campaigns)
    shop.plans(campaigns, "2026-03-03T16:00Z")
    shop.plans(campaigns, "2026-03-10T16:00Z")
    assert prune(shop.store, at("2027-06-01T00:00Z"))["campaign_run"] == 0


def test_a_daemon_that_was_off_catches_up_the_latest_occurrence_and_records_the_others_as_skipped(shop) -> None:
    shop.takes("contacts", CONTACTS)
    campaigns = shop.campaigns(WEEKLY.replace("zone: contact", "zone: UTC"))
    shop.plans(campaigns)
    late = shop.plans(campaigns, "2026-03-18T00:00Z")
    assert (late.runs, late.missed, late.accepted) == (1, 2, 4)
    assert {q[2] for q in shop.queued()} == {"03-17T10:00Z"}
    (expires,) = {r[0] for r in shop.rows("SELECT expires_at FROM message")}
    assert expires == at("2026-03-20T10:00Z")


def test_a_mail_for_eight_that_expires_at_ten_does_not_go_when_the_daemon_comes_back_at_noon(shop) -> None:
    shop.takes("contacts", CONTACTS)
    content = WEEKLY.replace('cron: "0 10 * * TUE", zone: contact', 'cron: "0 8 * * *", zone: UTC').replace("3d", "2h")
    campaigns = shop.campaigns(content)
    shop.plans(campaigns, "2026-03-03T07:00Z")
    noon = shop.plans(campaigns, "2026-03-03T12:00Z")
    assert (noon.runs, noon.missed, shop.queued()) == (0, 1, [])
    assert shop.rows("SELECT state FROM campaign_run") == [("skipped",)]


def test_the_audience_is_asked_by_conditions_and_segments_as_of_the_run(shop) -> None:
    shop.takes("contacts", CONTACTS)
    bought = "".join(f"se,2026-02-0{i},purchase\n" for i in (1, 2, 3)) + "us,2026-02-01,purchase\n"
    shop.takes("events", "contact,at,engagement\n" + bought)
    by_orders = WEEKLY.replace("{where: {}}", "{where: {orders: {at_least: 1}}}")
    by_segment = WEEKLY.replace("{where: {}}", "{where: {segment: regulars}}").replace("name: weekly", "name: dear")
    campaigns = shop.campaigns(by_orders, by_segment)
    shop.plans(campaigns)
    shop.plans(campaigns, "2026-03-03T16:00Z")
    assert [q[:2] for q in shop.queued()] == [("dear", "se"), ("weekly", "se"), ("weekly", "us")]


def test_an_audience_can_be_a_list(shop) -> None:
    shop.takes("contacts", CONTACTS)
    (shop.folder / "campaigns").mkdir()
    (shop.folder / "campaigns" / "list.csv").write_text("id\nus\nse\nus\nnobody\n")
    campaigns = shop.campaigns(WEEKLY.replace("{where: {}}", "{file: list.csv}"))
    shop.plans(campaigns)
    shop.plans(campaigns, "2026-03-03T16:00Z")
    assert [q[1] for q in shop.queued()] == ["se", "us"]


def test_a_list_names_contacts_as_imports_do_in_whatever_form_its_numbers_are(shop) -> None:
    shop.takes("contacts", "id,email\n1001,a@example.com\n1002,b@example.com\n")
    (shop.folder / "campaigns").mkdir()
    (shop.folder / "campaigns" / "list.ndjson").write_text('{"id": 1001.0}\n{"id": 1002}\n{"id": null}\n')
    campaigns = shop.campaigns(WEEKLY.replace("{where: {}}", "{file: list.ndjson}"))
    shop.plans(campaigns)
    shop.plans(campaigns, "2026-03-03T16:00Z")
    assert [q[1] for q in shop.queued()] == ["1001", "1002"]


def test_at_most_per_run_counts_all_zones_together(shop) -> None:
    shop.takes("contacts", CONTACTS)
    campaigns = shop.campaigns(WEEKLY + "at_most: {per_run: 2}\n")
    shop.plans(campaigns)
    for hour in range(0, 48, 1):
        shop.plans(campaigns, at("2026-03-03T00:00Z") + hour * HOUR)
    assert len(shop.queued()) == 2


def test_at_most_per_day_is_counted_on_the_date_of_the_policys_zone(shop) -> None:
    shop.takes("contacts", CONTACTS)
    hourly = WEEKLY.replace('"0 10 * * TUE", zone: contact', '"0 * * * *", zone: UTC')
    campaigns = shop.campaigns(hourly + "at_most: {per_day: 5}\n")
    for hour in range(24):
        shop.plans(campaigns, at("2026-03-03T00:00+01:00") + hour * HOUR)
    assert len(shop.queued()) == 5
    shop.plans(campaigns, "2026-03-04T00:00+01:00")
    assert len(shop.queued()) == 9


def test_a_run_that_goes_on_after_midnight_has_no_other_room_then(shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "PAGE", 1)
    monkeypatch.setattr(planning, "MOST_PAGES", 2)
    shop.takes("contacts", CONTACTS)
    late = WEEKLY.replace('"0 10 * * TUE", zone: contact', '"50 23 * * *", zone: Europe/Stockholm')
    campaigns = shop.campaigns(late + "at_most: {per_day: 1}\n")
    shop.plans(campaigns)
    shop.plans(campaigns, "2026-03-02T23:50+01:00")
    for minute in range(40):
        shop.plans(campaigns, at("2026-03-03T00:00+01:00") + minute * HOUR // 60)
    assert len(shop.queued()) == 1


def test_a_crash_in_the_middle_of_an_audience_goes_on_where_it_was(shop, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = "".join(f"c{i},c{i}@example.com,Europe/Stockholm\n" for i in range(25))
    shop.takes("contacts", "id,email,timezone\n" + lines)
    campaigns = shop.campaigns(WEEKLY)
    shop.plans(campaigns)
    monkeypatch.setattr(planning, "PAGE", 4)
    monkeypatch.setattr(planning, "MOST_PAGES", 3)
    first = shop.plans(campaigns, "2026-03-03T09:00Z")
    assert first.next_due == shop.now
    assert 0 < first.accepted < 25
    for _ in range(10):
        shop.plans(campaigns)
    assert len(shop.queued()) == 25
    assert shop.rows("SELECT state, planned FROM campaign_run") == [("done", 25)]


def test_a_trigger_queues_for_when_its_wait_is_over_and_each_event_once(shop) -> None:
    shop.takes("contacts", CONTACTS)
    content = WEEKLY.replace('{cron: "0 10 * * TUE", zone: contact}', "{trigger: purchase, wait: 3d}")
    campaigns = shop.campaigns(content.replace("audience: {where: {}}\n", ""))
    shop.plans(campaigns)
    shop.takes("events", "contact,at,engagement\nse,2026-03-01T12:00Z,purchase\nse,2026-01-01,purchase\n")
    assert shop.plans(campaigns).accepted == 1
    assert shop.plans(campaigns, "2026-03-02T10:00Z").accepted == 0
    assert shop.queued() == [("weekly", "se", "03-04T12:00Z")]
    assert shop.rows("SELECT trigger_kind, trigger_at, created_at FROM message") == [
        ("purchase", at("2026-03-01T12:00Z"), at("2026-03-01T12:00Z"))
    ]


def test_of_events_whose_message_would_have_gone_before_the_campaign_ran_none_triggers(shop) -> None:
    shop.takes("contacts", CONTACTS)
    shop.takes("events", "contact,at,engagement\nse,2026-02-26T12:00Z,purchase\nnp,2026-02-28T12:00Z,purchase\n")
    content = WEEKLY.replace('{cron: "0 10 * * TUE", zone: contact}', "{trigger: purchase, wait: 3d}")
    shop.plans(shop.campaigns(content))
    assert shop.queued() == [("weekly", "np", "03-03T12:00Z")]


def test_a_message_carries_what_its_campaign_says(shop) -> None:
    shop.takes("contacts", "id,email\na,a@example.com\n")
    more = "thread: t\ntopic: p\ntags: [x, y]\nvalue: 2.5\nabout: h\npriority: 40\nstop_on: [purchase]\n"
    campaigns = shop.campaigns(WEEKLY + more)
    shop.plans(campaigns)
    shop.plans(campaigns, "2026-03-03T16:00Z")
    said = "thread, topic, tags, value, about, priority, stop_on, collapse, content, channel, source"
    (row,) = shop.rows(f"SELECT {said} FROM message")
    assert row == (
        "t", "p", '["x", "y"]', 2.5, "h", 40.0, '["purchase"]', "campaign:weekly", campaigns[0].content, "email", "campaign"
    )  # fmt: skip


def test_a_paused_campaign_begins_nothing_and_resumed_it_goes_on_from_then(shop) -> None:
    shop.takes("contacts", CONTACTS)
    campaigns = shop.campaigns(WEEKLY)
    shop.plans(campaigns)
    assert pause(shop.store, "weekly", shop.now, "anna", "a mistake in it") == "running"
    assert shop.plans(campaigns, "2026-03-03T16:00Z").next_due is None
    resume(shop.store, "weekly", shop.now, "anna")
    planned = shop.plans(campaigns)
    assert (planned.accepted, instant(planned.next_due).isoformat()) == (0, "2026-03-10T04:15:00+00:00")
    assert [r[0] for r in shop.rows("SELECT reason FROM change ORDER BY at, id")] == ["a mistake in it", None]


def test_the_state_in_the_file_is_taken_when_it_changes_and_not_before(shop) -> None:
    shop.takes("contacts", CONTACTS)
    shop.plans(shop.campaigns(WEEKLY))
    end(shop.store, "weekly", shop.now, "anna")
    shop.plans(shop.campaigns(WEEKLY + "value: 3\n"))
    assert listed(shop.store)[0].state == "ended"
    shop.plans(shop.campaigns(WEEKLY + "state: paused\n"))
    assert listed(shop.store)[0].state == "paused"


def test_files_that_differ_from_machine_to_machine_are_named_in_the_log_at_each_turn(shop) -> None:
    here, there = shop.campaigns(WEEKLY), shop.campaigns(WEEKLY.replace('TUE", zone: contact', 'THU", zone: UTC'))
    shop.plans(here)

    with capture_logs() as lines:
        for campaigns in (there, here, there, there):
            shop.plans(campaigns)

    named = [line["campaign"] for line in lines if "another daemon has another file" in line["event"]]
    assert named == [here[0].name] * 3


def test_a_changed_schedule_begins_anew_from_now(shop) -> None:
    shop.takes("contacts", CONTACTS)
    shop.plans(shop.campaigns(WEEKLY.replace("zone: contact", "zone: UTC")))
    changed = shop.campaigns(WEEKLY.replace('TUE", zone: contact', 'THU", zone: UTC'))
    assert instant(shop.plans(changed).next_due).isoformat() == "2026-03-05T10:00:00+00:00"


def test_a_draft_plans_nothing(shop) -> None:
    shop.takes("contacts", CONTACTS)
    campaigns = shop.campaigns(WEEKLY + "state: draft\n")
    assert shop.plans(campaigns, "2026-03-03T16:00Z").next_due is None
    assert shop.queued() == []


def test_states_that_cannot_follow_are_refused_with_what_can_be_done(shop) -> None:
    shop.plans(shop.campaigns(WEEKLY))
    with pytest.raises(CampaignRefused, match="did you mean 'weekly'"):
        pause(shop.store, "weakly", shop.now, "anna")
    end(shop.store, "weekly", shop.now, "anna")
    with pytest.raises(CampaignRefused, match="is ended; to be running it has to be paused or draft"):
        resume(shop.store, "weekly", shop.now, "anna")


def test_the_list_tells_states_due_instants_and_what_was_planned(shop) -> None:
    shop.takes("contacts", CONTACTS)
    campaigns = shop.campaigns(WEEKLY)
    shop.plans(campaigns)
    shop.plans(campaigns, "2026-03-03T16:00Z")
    (one,) = listed(shop.store)
    assert (one.name, one.state, one.planned, len(one.runs)) == ("weekly", "running", 4, 3)
    assert instant(one.next_due).isoformat() == "2026-03-10T04:15:00+00:00"


def test_a_list_that_has_gone_keeps_no_other_campaign_from_being_planned(shop) -> None:
    shop.takes("contacts", CONTACTS)
    (shop.folder / "campaigns").mkdir()
    named = shop.folder / "campaigns" / "list.csv"
    named.write_text("id\nus\n")
    campaigns = shop.campaigns(WEEKLY.replace("{where: {}}", "{file: list.csv}"), WEEKLY.replace("weekly", "other"))
    shop.plans(campaigns)
    named.unlink()
    shop.plans(campaigns, "2026-03-03T16:00Z")
    assert {q[0] for q in shop.queued()} == {"other"}
    named.write_text("id\nus\n")
    shop.plans(campaigns)
    assert {q[0] for q in shop.queued()} == {"other", "weekly"}


@pytest.mark.parametrize("step", ["begin", "queue_triggered"])
def test_what_is_wrong_with_one_campaign_keeps_no_other_from_being_planned_and_is_told_with_its_name(
    shop, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    shop.takes("contacts", CONTACTS)
    scheduled = (WEEKLY, WEEKLY.replace("weekly", "other"))
    triggered = (c.replace('{cron: "0 10 * * TUE", zone: contact}', "{trigger: purchase}") for c in scheduled)
    campaigns = shop.campaigns(*(scheduled if step == "begin" else triggered))
    shop.plans(campaigns)
    shop.takes("events", "contact,at,engagement\nse,2026-03-01T23:30Z,purchase\n")
    does = getattr(planning, step)

    def broken(there, policy, campaign, now, *rest):
        assert campaign.name != "weekly", "something odd"
        return does(there, policy, campaign, now, *rest)

    monkeypatch.setattr(planning, step, broken)
    with capture_logs() as lines:
        shop.plans(campaigns, "2026-03-03T16:00Z")

    assert {q[0] for q in shop.queued()} == {"other"}
    assert [(line["campaign"], line["error"].splitlines()[0]) for line in lines] == [
        ("weekly", "AssertionError: something odd")
    ]


@pytest.mark.parametrize("step", ["begin", "queue_triggered"])
def test_a_database_that_is_away_is_no_fault_of_a_campaign(shop, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    schedule = '{cron: "0 10 * * TUE", zone: contact}' if step == "begin" else "{trigger: purchase}"
    campaigns = shop.campaigns(WEEKLY.replace('{cron: "0 10 * * TUE", zone: contact}', schedule))

    def away(*_):
        raise StoreUnavailable("away")

    monkeypatch.setattr(planning, step, away)
    with pytest.raises(StoreUnavailable):
        shop.plans(campaigns)


def test_a_renamed_campaign_stays_paused(shop) -> None:
    shop.plans(shop.campaigns(WEEKLY))
    pause(shop.store, "weekly", shop.now, "anna")
    shop.plans(shop.campaigns(WEEKLY.replace("name: weekly", "name: tuesday\nwas: [weekly]")))
    assert {one.name: one.state for one in listed(shop.store)} == {"tuesday": "paused", "weekly": "paused"}


@pytest.mark.parametrize(("how", "state"), [(pause, "paused"), (end, "ended")])
def test_what_waits_under_an_old_name_goes_as_its_campaign_does(shop, how, state: str) -> None:
    shop.takes("contacts", CONTACTS)
    shop.plans(shop.campaigns(WEEKLY))
    shop.plans(shop.campaigns(WEEKLY), "2026-03-03T16:00Z")
    shop.plans(shop.campaigns(WEEKLY.replace("name: weekly", "name: tuesday\nwas: [weekly]")), "2026-03-03T16:00Z")
    shop.plans(shop.campaigns(WEEKLY.replace("name: weekly", "name: friday\nwas: [tuesday]")), "2026-03-03T16:00Z")
    with shop.store.write() as conn:
        conn.execute(sa.text("UPDATE message SET asked_at = 0, ask_because = NULL"))
    how(shop.store, "friday", shop.now, "anna")
    assert {one.name: one.state for one in listed(shop.store)} == dict.fromkeys(("weekly", "tuesday", "friday"), state)
    assert shop.rows("SELECT DISTINCT ask_because FROM message") == [(f"campaign {state}",)]


def test_a_single_time_that_has_come_comes_to_nobody_again_under_a_new_name(shop) -> None:
    shop.takes("contacts", CONTACTS)
    once = WEEKLY.replace('cron: "0 10 * * TUE"', 'at: "2026-03-03T10:00"')
    shop.plans(shop.campaigns(once))
    shop.plans(shop.campaigns(once), "2026-03-03T16:00Z")
    before = shop.queued()
    shop.plans(shop.campaigns(once.replace("name: weekly", "name: march\nwas: [weekly]")), "2026-03-03T17:00Z")
    assert shop.queued() == before


def test_what_came_due_while_a_campaign_was_renamed_is_caught_up(shop) -> None:
    shop.takes("contacts", CONTACTS)
    shop.plans(shop.campaigns(WEEKLY))
    shop.plans(shop.campaigns(WEEKLY.replace("name: weekly", "name: tuesday\nwas: [weekly]")), "2026-03-03T16:00Z")
    assert [q[1] for q in shop.queued()] == ["none", "np", "se", "us"]


def test_a_renamed_campaign_keeps_to_at_most_per_day(shop) -> None:
    shop.takes("contacts", CONTACTS)
    limited = WEEKLY + "at_most: {per_day: 3}\n"
    shop.plans(shop.campaigns(limited))
    shop.plans(shop.campaigns(limited), "2026-03-03T10:00Z")
    shop.plans(shop.campaigns(limited.replace("name: weekly", "name: tuesday\nwas: [weekly]")), "2026-03-03T16:00Z")
    assert len(shop.queued()) == 3


def test_a_campaign_with_another_schedule_under_its_new_name_goes_by_that(shop) -> None:
    shop.takes("contacts", CONTACTS)
    shop.plans(shop.campaigns(WEEKLY.replace("zone: contact", "zone: UTC")))
    daily = WEEKLY.replace("zone: contact", "zone: UTC").replace("* * TUE", "* * *")
    planned = shop.plans(shop.campaigns(daily.replace("name: weekly", "name: daily\nwas: [weekly]")))
    assert instant(planned.next_due).isoformat() == "2026-03-02T10:00:00+00:00"


@pytest.mark.parametrize("first", ["weekly", "tuesday"])
def test_daemons_of_which_one_has_the_old_file_of_a_renamed_campaign_write_to_nobody_twice(shop, first: str) -> None:
    shop.takes("contacts", CONTACTS)
    files = {
        "weekly": shop.campaigns(WEEKLY),
        "tuesday": shop.campaigns(WEEKLY.replace("name: weekly", "name: tuesday\nwas: [weekly]")),
    }
    for name in ("weekly", "tuesday", "weekly"):
        shop.plans(files[name])
    for one in (files.pop(first), *files.values()):
        shop.plans(one, "2026-03-03T16:00Z")
    assert [q[:2] for q in shop.queued()] == [(first, who) for who in ("none", "np", "se", "us")]


def test_a_run_that_is_under_way_when_its_campaign_is_renamed_goes_to_nobody_twice(
    shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "PAGE", 1)
    monkeypatch.setattr(planning, "MOST_PAGES", 2)
    shop.takes("contacts", CONTACTS)
    everywhere = WEEKLY.replace("zone: contact", "zone: UTC")
    shop.plans(shop.campaigns(everywhere))
    assert shop.plans(shop.campaigns(everywhere), "2026-03-03T10:00Z").accepted in (1, 2)
    shop.takes("contacts", "id,household\n" + "".join(f"{one},h\n" for one in ("se", "np", "us", "none")))
    renamed = shop.campaigns(everywhere.replace("name: weekly", "name: tuesday\nwas: [weekly]"))
    for _ in range(40):
        shop.plans(renamed)
    assert sorted(q[1] for q in shop.queued()) == ["none", "np", "se", "us"]


@pytest.mark.parametrize(
    ("new", "because"),
    [("name: tuesday\nwas: [weekly]", "campaign renamed"), ("name: weekly\nwas: [monday]", "campaign changed")],
)
def test_what_waits_is_asked_again_when_a_campaigns_old_names_change(shop, new: str, because: str) -> None:
    shop.takes("contacts", CONTACTS)
    shop.plans(shop.campaigns(WEEKLY))
    shop.plans(shop.campaigns(WEEKLY), "2026-03-03T16:00Z")
    with shop.store.write() as conn:
        conn.execute(sa.text("UPDATE message SET asked_at = 0"))
    shop.plans(shop.campaigns(WEEKLY.replace("name: weekly", new)), "2026-03-03T16:00Z")
    assert shop.rows("SELECT DISTINCT ask_because FROM message") == [(because,)]


def test_while_nothing_is_due_planning_writes_nothing(shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.takes("contacts", CONTACTS)
    campaigns = shop.campaigns(WEEKLY)
    awaited = shop.plans(campaigns).next_due
    monkeypatch.setattr(type(shop.store), "write", lambda store: pytest.fail("wrote"))
    assert shop.plans(campaigns, shop.now + HOUR // 2).next_due == awaited


def test_the_zones_of_all_contacts_are_looked_up_once_however_many_pages_an_audience_has(
    shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = "\n".join(f"p{i},p{i}@example.com,Europe/Stockholm" for i in range(8))
    shop.takes("contacts", f"id,email,timezone\n{people}")
    campaigns = shop.campaigns(WEEKLY)
    shop.plans(campaigns)
    monkeypatch.setattr(planning, "PAGE", 1)
    asked, look_up = [], planning.people.zone_texts
    monkeypatch.setattr(planning.people, "zone_texts", lambda conn: asked.append(1) or look_up(conn))
    monkeypatch.setattr(planning, "zones_present", lambda conn, policy: [])  # hourly, whatever is due

    assert shop.plans(campaigns, "2026-03-03T09:00Z").accepted == 8
    assert len(asked) == 1


def test_the_zones_of_all_contacts_are_looked_up_once_however_many_campaigns_there_are(
    shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.takes("contacts", CONTACTS)
    campaigns = shop.campaigns(WEEKLY, *(WEEKLY.replace("name: weekly", f"name: other{n}") for n in range(2)))
    asked, look_up = [], planning.zones_present
    monkeypatch.setattr(planning, "zones_present", lambda conn, policy: asked.append(1) or look_up(conn, policy))

    shop.plans(campaigns)
    shop.plans(campaigns, shop.now + 2 * HOUR)

    assert len(asked) == 2
    shop.takes("contacts", "id,email,timezone\nfar,far@example.com,Asia/Tokyo")
    shop.plans(campaigns, shop.now + 4 * HOUR)
    zones = shop.rows("SELECT campaign FROM campaign_next WHERE zone = 'Asia/Tokyo'")
    assert sorted(name for (name,) in zones) == ["other0", "other1", "weekly"]
