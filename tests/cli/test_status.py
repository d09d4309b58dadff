"""`cadence status`: who is at work, how far behind, what is in doubt, what needs attention."""

from __future__ import annotations

from typing import Any

import pytest

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
        conn.execute(
            tables.daemon.update().values(heartbeat_at=0, lease_until=0)
            if "lease_until" in tables.daemon.c
            else tables.daemon.update().values(heartbeat_at=0)
        )
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


@pytest.mark.parametrize(
    "trouble, said",
    [
        (no_daemon, "no daemon is at work, and 1 message is due"),
        (overdue, "1 message is overdue"),
        (threw, "held because a rule threw"),
        (breaker, "provider post office is left alone for now: it is closed"),
        (clock, "the clock jumped ahead"),
        (policies_apart, "different policies"),
    ],
)
def test_trouble_is_told_with_what_to_do(busy: Office, trouble: Any, said: str) -> None:
    trouble(busy)

    assert said in " ".join(attention(busy))
    assert busy.run("status", "--check").code == 1
    assert busy.run("status").code == 0
