"""From the doors to the touch: thread, channel and content stay with what was sent and with what is imported, and hold
the next message."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cadence.doors.files import import_file
from cadence.queue.release import release
from tests.queue.world import World, at, policy_of

NOW = "2026-03-03T10:00"
LATER = "2026-03-03T12:00"


def rails(**rules: Any) -> Any:
    return policy_of(guard_rails=rules)


def standing(world: World, id_: int) -> tuple[str, str | None, int | None]:
    row = world.row(id_)
    return row["state"], row["rule"], row["until"]


def imported(world: World, kind: str, folder: Path, content: str, now: str) -> None:
    file = folder / f"{kind} {now[11:13]}.csv"
    file.write_text(content, "utf-8")
    report = import_file(world.store, kind, file, now=at(now), zone="Europe/Stockholm")
    assert (report.accepted, report.bad) == (1, 0)


def test_the_content_of_a_message_stays_with_its_touch_and_holds_the_next_campaign(world: World) -> None:
    world.policy = rails(repetition={"window": "60d"})
    world.contact("ann")
    world.message(NOW, "ann", content="hats")
    world.tick(NOW)
    again = world.message(LATER, "ann", "offer", content="hats", expires_at=at("2026-09-01T10:00"))
    other = world.message(LATER, "ann", "offer", content="gloves")
    world.tick(LATER)

    assert [t["content"] for t in world.touches()] == ["hats", "gloves"]
    assert standing(world, again) == ("waiting", "repetition", at("2026-05-02T10:00"))
    assert world.state(other) == "decided"


def test_content_that_was_imported_holds_too_and_a_release_passes_it(world: World, tmp_path: Path) -> None:
    world.policy = rails(repetition={"window": "60d"})
    world.contact("ann")
    imported(world, "touches", tmp_path, "contact,at,category,channel,content\nann,2026-03-01,care,post,hats\n", NOW)
    id_ = world.message(NOW, "ann", content="hats")
    world.tick(NOW)
    assert standing(world, id_)[:2] == ("suppressed", "repetition")

    released = release(world.store, world.policy, id_, "she asked for it", "eva", at(LATER))
    world.tick(LATER)

    assert world.state(released.message) == "decided"


def test_a_touch_that_is_withdrawn_repeats_nothing(world: World) -> None:
    world.policy = rails(repetition={"window": "60d"})
    world.contact("ann")
    first = world.message(NOW, "ann", content="hats", expires_at=at("2026-03-03T10:05"))
    world.tick(NOW)
    second = world.message("2026-03-03T10:01", "ann", "offer", content="hats", expires_at=at("2026-09-01T10:00"))
    world.tick("2026-03-03T10:01")
    assert standing(world, second)[:2] == ("waiting", "repetition")

    world.rescue("2026-03-03T10:30")
    world.send("2026-03-03T10:30")
    world.tick("2026-03-03T10:30")

    assert world.state(first) in ("expired", "suppressed")
    assert world.state(second) == "decided"


def test_a_thread_s_follow_ups_end_until_an_answer_comes_in(world: World, tmp_path: Path) -> None:
    world.policy = rails(follow_ups={"max": 1, "categories": ["care"]})
    world.contact("ann")
    world.message(NOW, "ann", "care", thread="quote-7")
    world.tick(NOW)
    second = world.message(LATER, "ann", "care", thread="quote-7")
    other = world.message(LATER, "ann", "care", thread="quote-8")
    world.tick(LATER)
    assert standing(world, second)[:2] == ("suppressed", "follow_ups")
    assert world.state(other) == "decided"

    imported(world, "events", tmp_path, "contact,at,engagement\nann,2026-03-03T12:30+01:00,reply\n", "2026-03-03T13:00")
    third = world.message("2026-03-03T13:00", "ann", "care", thread="quote-7")
    world.tick("2026-03-03T13:00")

    assert world.state(third) == "decided"


def test_no_release_passes_follow_ups(world: World) -> None:
    world.policy = rails(follow_ups={"max": 1, "categories": ["care"]})
    world.contact("ann")
    world.message(NOW, "ann", "care", thread="t")
    world.tick(NOW)
    second = world.message(LATER, "ann", "care", thread="t")
    world.tick(LATER)

    released = release(world.store, world.policy, second, "she asked for it", "eva", at("2026-03-03T13:00"))
    world.tick("2026-03-03T13:00")

    assert standing(world, released.message)[:2] == ("suppressed", "follow_ups")


def test_a_call_that_was_imported_holds_a_mail_and_an_answer_lets_it_go(world: World, tmp_path: Path) -> None:
    world.policy = rails(channel_hop={"wait": "48h", "max_channels": 2, "per": "7d"})
    world.contact("ann")
    call = "contact,at,category,channel,outcome\nann,2026-03-03T09:00+01:00,offer,phone,voicemail\n"
    imported(world, "touches", tmp_path, call, NOW)
    id_ = world.message(NOW, "ann")
    world.tick(NOW)
    assert standing(world, id_) == ("waiting", "channel_hop", at("2026-03-05T09:00"))

    imported(world, "events", tmp_path, "contact,at,engagement\nann,2026-03-03T11:00+01:00,visit\n", LATER)
    world.tick(LATER)

    assert world.state(id_) == "decided"
