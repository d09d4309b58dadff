"""`cadence status`: who is at work, how far behind, what is in doubt, what needs attention."""

from __future__ import annotations

import json
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console

from cadence.cli.installation import Installation
from cadence.cli.standing import standing_of
from cadence.cli.status import shown_daemons
from cadence.facts import DAY, MINUTE, SECOND
from cadence.store import status, tables
from tests.cli.office import Office
from tests.queue.world import at


def test_it_counts_messages_by_state_and_by_the_rule_that_holds_them(busy: Office) -> None:
    told = busy.json("status")

    assert told["messages"] == {"sent": 2, "waiting": 1, "suppressed": 1}
    assert told["holding"] == {"2 per 7d": 1}


def test_it_tells_what_is_due_next(busy: Office) -> None:
    told = busy.json("status")

    assert (told["next_due"], told["overdue"], told["behind"]) == ("2026-03-10T08:00:00Z", 0, None)


def test_it_tells_which_policy_is_active_and_since_when(busy: Office) -> None:
    told = busy.json("status")

    assert (told["policy"], told["policy_since"]) == (busy.world.policy.hash, "2026-02-28T23:00:00Z")


def test_it_tells_how_far_behind_the_queue_is(busy: Office) -> None:
    busy.world.message("2026-03-03T11:00", "ann")

    told = busy.json("status")

    assert (told["overdue"], told["behind"]) == (1, "2026-03-03T10:00:00Z")


def test_it_tells_what_is_in_doubt_and_since_when(busy: Office) -> None:
    sent = busy.world.rows(tables.message, tables.message.c.state == "sent")[0]["id"]
    with busy.world.store.write() as conn:
        conn.execute(tables.message.update().where(tables.message.c.id == sent).values(state="in_doubt"))

    told = busy.json("status")

    assert (told["in_doubt"], told["in_doubt_since"]) == (1, "2026-03-03T08:00:00Z")
    assert "1 is in doubt" in busy.run("status").words


def test_what_was_decided_or_at_hand_when_the_last_daemon_ended_needs_attention(busy: Office) -> None:
    with busy.world.store.write() as conn:
        sent = tables.message.c.state == "sent"
        first = conn.execute(tables.message.select().where(sent)).first()
        assert first is not None
        conn.execute(tables.daemon.update().values(heartbeat_at=0))
        conn.execute(tables.message.update().where(tables.message.c.id == first.id).values(state="sending"))

    (told,) = busy.json("status")["attention"]

    assert "1 message was being handed over when it ended" in told
    assert "0 messages" not in told


def test_a_daemon_of_this_machine_that_is_at_work_is_told_apart_from_one_that_is_gone(busy: Office) -> None:
    busy.world.me = "daemon-2"
    busy.world.work("2026-03-03T12:00")
    with busy.world.store.write() as conn:
        mine = tables.daemon.c.id == "daemon-1"
        conn.execute(tables.daemon.update().where(mine).values(heartbeat_at=at("2026-03-03T11:00")))

    told = {d["id"]: d["alive"] for d in busy.json("status")["daemons"]}

    assert told == {"daemon-1": False, "daemon-2": True}


def attention(office: Office) -> list[str]:
    """What needs attention."""
    found: list[str] = office.json("status")["attention"]
    return found


def test_all_is_well_when_nothing_is_due(busy: Office) -> None:
    assert attention(busy) == []
    assert busy.run("status", "--check").code == 0


def no_daemon(office: Office) -> None:
    with office.world.store.write() as conn:
        conn.execute(tables.daemon.delete())
    office.world.message("2026-03-03T11:00", "ann")


def overdue(office: Office) -> None:
    office.world.work("2026-03-03T12:00")
    office.world.message("2026-03-03T11:00", "ann")


def threw(office: Office) -> None:
    with office.world.store.write() as conn:
        conn.execute(tables.message.update().where(tables.message.c.state == "waiting").values(rule="error"))


def breaker(office: Office) -> None:
    row: dict[str, Any] = {"name": "post office", "breaker": "open", "failures": 5, "because": "it is closed"}
    with office.world.store.write() as conn:
        conn.execute(tables.provider.insert().values(**row))


def clock(office: Office) -> None:
    with office.world.store.write() as conn:
        status.save_note(conn, "jump", {"expected": at("2026-03-03T12:00"), "found": at("2026-03-09T12:00")})


def policies_apart(office: Office) -> None:
    office.world.me = "daemon-2"
    office.world.work("2026-03-03T12:00")
    with office.world.store.write() as conn:
        conn.execute(tables.daemon.update().where(tables.daemon.c.id == "daemon-2").values(policy="another"))


def campaigns_apart(office: Office) -> None:
    office.world.me = "daemon-2"
    office.world.work("2026-03-03T12:00")
    with office.world.store.write() as conn:
        for id_, its in ("daemon-1", "0123"), ("daemon-2", "4567"):
            mine = tables.daemon.c.id == id_
            conn.execute(tables.daemon.update().where(mine).values(last_tick=f'{{"campaigns": "{its}"}}'))


def stuck(office: Office) -> None:
    office.world.work("2026-03-03T12:00")
    with office.world.store.write() as conn:
        moved = {"state": "decided", "due_at": None, "decided_at": at("2026-03-03T11:49")}
        conn.execute(tables.message.update().where(tables.message.c.state == "waiting").values(**moved))


def in_vain(office: Office) -> None:
    office.world.work("2026-03-03T12:00")
    with office.world.store.write() as conn:
        said = {
            "attempts": 6,
            "due_at": at("2026-03-03T12:30"),
            "ask_because": "try again: 554 5.7.1 Relay access denied",
        }
        conn.execute(tables.message.update().where(tables.message.c.state == "waiting").values(**said))


def unwritten(office: Office) -> None:
    office.world.work("2026-03-03T12:00")
    with office.world.store.write() as conn:
        told = {"rule": "missing template", "due_at": at("2026-03-03T12:30"), "ask_because": "no spring.html"}
        conn.execute(tables.message.update().where(tables.message.c.state == "waiting").values(**told))


def told_by_the_daemon(**told: Any) -> Any:
    def trouble(office: Office) -> None:
        office.world.work("2026-03-03T12:00")
        with office.world.store.write() as conn:
            conn.execute(tables.daemon.update().values(last_tick=json.dumps(told)))

    return trouble


@pytest.mark.parametrize(
    "trouble, said",
    [
        (stuck, "1 message is decided and should have been handed over long ago; does a provider hang"),
        (
            in_vain,
            "1 message was tried 6 times or more, and nobody took it: try again: 554 5.7.1 Relay access denied",
        ),
        (
            told_by_the_daemon(failing={"mailbox": "PermissionError: new"}),
            "daemon-1 fails at its job mailbox, and tries again at each turn: PermissionError: new; its log tells more",
        ),
        (
            told_by_the_daemon(campaigns_broken="spring.yaml:2: subjct is no key"),
            "daemon-1 has broken campaigns, which go on as they were before, or not at all: spring.yaml:2: subjct",
        ),
        (
            unwritten,
            "1 message waits for its template: no spring.html; once the files are there, or mended, it goes on",
        ),
        (no_daemon, "no daemon is at work, and 1 message is due"),
        (overdue, "1 message is overdue"),
        (threw, "held because a rule threw"),
        (breaker, "provider post office is left alone for now: it is closed"),
        (clock, "the clock jumped ahead"),
        (policies_apart, "different policies"),
        (campaigns_apart, "different campaigns (daemon-1 by 0123, daemon-2 by 4567); does each see the same files?"),
    ],
)
def test_trouble_is_told_with_what_to_do(busy: Office, trouble: Any, said: str) -> None:
    trouble(busy)

    assert said in " ".join(attention(busy))
    assert busy.run("status", "--check").code == 1
    assert busy.run("status").code == 0


def died(office: Office, ago: int, leases_end: int | None = None) -> None:
    """The daemon there was died so long ago, on another machine; a second one is at work beside."""
    now = at("2026-03-03T12:00")
    office.world.me = "daemon-2"
    office.world.work("2026-03-03T12:00")
    with office.world.store.write() as conn:
        mine = tables.daemon.c.id == "daemon-1"
        conn.execute(tables.daemon.update().where(mine).values(heartbeat_at=now - ago, host="elsewhere"))
        conn.execute(tables.daemon.update().where(~mine).values(started_at=now - DAY))
        ends = now - ago + 30 * SECOND if leases_end is None else leases_end
        conn.execute(tables.shard.update().where(tables.shard.c.shard < 11).values(holder="daemon-1", lease_until=ends))
        conn.execute(tables.shard.update().where(tables.shard.c.shard >= 11).values(holder="daemon-2"))


def alone(office: Office) -> None:
    """No daemon is at work."""
    with office.world.store.write() as conn:
        conn.execute(tables.daemon.delete())


def waiting_later(office: Office) -> None:
    alone(office)
    with office.world.store.write() as conn:
        status.saw_now(conn, at("2026-03-03T11:59"))


def only_a_campaign(office: Office) -> None:
    alone(office)
    with office.world.store.write() as conn:
        conn.execute(tables.message.delete())
        row = {"name": "spring", "hash": "h", "content": "{}", "state": "running"}
        conn.execute(tables.campaign.insert().values(**row))
        due = {"campaign": "spring", "zone": "Europe/Stockholm", "next_due": at("2026-03-10T08:00")}
        conn.execute(tables.campaign_next.insert().values(**due))


def only_rows_of_the_dead(office: Office) -> None:
    with office.world.store.write() as conn:
        conn.execute(tables.message.delete())
        conn.execute(tables.daemon.update().values(heartbeat_at=at("2026-03-03T11:55"), host="elsewhere"))


@pytest.mark.parametrize(
    "nobody, said",
    [
        (waiting_later, "no daemon is at work, and 1 message waits: without one no campaign is planned"),
        (
            only_a_campaign,
            "no daemon is at work, and a campaign comes due: without one no campaign is planned, nothing is decided",
        ),
        (only_rows_of_the_dead, "no daemon is at work (daemon-1 died, last heard of 5 min ago)"),
    ],
)
def test_no_daemon_at_work_needs_attention_at_once(busy: Office, nobody: Any, said: str) -> None:
    nobody(busy)

    (told,) = attention(busy)

    assert told.startswith(said)
    assert "`cadence run` starts one" in told
    assert busy.run("status", "--check").code == 1


def test_where_no_daemon_ever_ran_and_nothing_waits_all_is_well(office: Office) -> None:
    assert attention(office) == []


def test_a_run_on_a_virtual_clock_that_has_ended_needs_no_daemon(busy: Office) -> None:
    alone(busy)
    with busy.world.store.write() as conn:
        status.saw_now(conn, at("2026-03-09T12:00"))

    assert attention(busy) == []


def test_shards_of_one_that_has_just_died_are_being_taken_over_and_that_is_no_mystery(busy: Office) -> None:
    died(busy, 24 * SECOND)

    (told,) = attention(busy)

    assert "daemon daemon-1 is gone, or asleep: it never ended in order" in told
    assert "no sign of life for 24 s; its 11 shards are being taken over" in told
    assert "this is said for another 23 h" in told
    assert "11 shards are being taken over." in busy.run("status").words


def test_shards_that_were_given_back_a_moment_ago_are_no_mystery(busy: Office) -> None:
    died(busy, 24 * SECOND, at("2026-03-03T12:00") - 2 * SECOND)
    with busy.world.store.write() as conn:
        conn.execute(tables.daemon.delete().where(tables.daemon.c.id == "daemon-1"))
        conn.execute(tables.shard.update().where(tables.shard.c.shard < 11).values(holder=None))

    assert attention(busy) == []
    assert "11 shards are being taken over." in busy.run("status").words


def test_shards_that_nobody_has_taken_for_longer_need_attention(busy: Office) -> None:
    died(busy, 5 * MINUTE)

    assert "11 shards are held by no daemon that is at work; are they all of one release?" in attention(busy)


def test_a_daemon_that_died_needs_attention_until_its_row_is_removed(busy: Office) -> None:
    died(busy, 5 * MINUTE)
    with busy.world.store.write() as conn:
        conn.execute(tables.shard.update().values(holder="daemon-2"))

    (told,) = attention(busy)

    assert "no sign of life for 5 min; others do its work" in told


def test_a_policy_that_one_daemon_refused_is_told_with_its_place(busy: Office) -> None:
    busy.world.work("2026-03-03T12:00")
    with busy.world.store.write() as conn:
        conn.execute(tables.daemon.update().values(last_tick='{"policy_refused": "policy.yaml:2: segmnts is no key"}'))

    (told,) = attention(busy)

    assert told == (
        "daemon-1 refused a changed policy, and goes on by the one before: policy.yaml:2: segmnts is no key; mend its file"
    )


def test_each_daemon_is_one_line_of_at_most_120_columns(busy: Office) -> None:
    names = [f"mailer-{n}.example.net-{3_000_000 + n}-0a1b2c3d" for n in range(3)]
    now = at("2026-03-03T12:00")
    last = '{"job": "tick", "now": "2026-03-03T11:00:00+00:00", "claimed": 20000, "send": 12345, "asked": 3, "seconds": 0.2}'
    with busy.world.store.write() as conn:
        conn.execute(tables.daemon.delete())
        for place, name in enumerate(names):
            row = {"id": name, "host": "elsewhere", "pid": 1, "started_at": now - DAY, "policy": "p", "last_tick": last}
            conn.execute(
                tables.daemon.insert().values(**row, heartbeat_at=now - 4 * SECOND, clock_now=now - 4 * SECOND)
            )
            theirs = tables.shard.c.shard.between(22 * place, 22 * place + 21)
            conn.execute(tables.shard.update().where(theirs).values(holder=name, lease_until=now))
        conn.execute(tables.message.update().values(state="waiting", due_at=now - 3 * MINUTE))

    console = Console(width=120, record=True)
    console.print(shown_daemons(standing_of(Installation.open()), ZoneInfo("UTC")))
    lines = [line.rstrip() for line in console.export_text().splitlines()]

    assert len(lines) == 4
    assert "for 3 min  4 s ago   10:59:56   tick: claimed 20,000" in "\n".join(lines)


def test_lists_of_numbers_are_one_line_of_json(busy: Office) -> None:
    busy.world.work("2026-03-03T12:00")

    answer = busy.run("status", "--json")

    assert f'"holds": [{", ".join(str(n) for n in range(64))}],' in answer.out
    assert json.loads(answer.out)["daemons"][0]["holds"] == list(range(64))
