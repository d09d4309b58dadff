"""From the doors to the touch: what triggered a message stays with it, and a look-up that is imported asks again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cadence.doors.files import Report, import_file
from cadence.queue.accept import NewMessage
from tests.queue.world import World, at, policy_of

NOW = "2026-03-03T10:00"


def rails(**rules: Any) -> Any:
    return policy_of(guard_rails=rules)


def imported(world: World, folder: Path, content: str, now: str) -> Report:
    file = folder / f"look-ups {now[:13]}.csv"
    file.write_text(content, "utf-8")
    return import_file(world.store, "events", file, now=at(now), zone="Europe/Stockholm")


def standing(world: World, id_: int) -> tuple[str, str | None, int | None]:
    row = world.row(id_)
    return row["state"], row["rule"], row["until"]


def test_who_was_never_looked_up_waits_and_goes_once_a_look_up_is_imported(world: World, tmp_path: Path) -> None:
    world.policy = rails(screened={"register": "nix", "within": "31d"})
    world.contact("ann")
    id_ = world.message(NOW, "ann")
    world.tick(NOW)
    assert standing(world, id_) == ("waiting", "screened", None)

    report = imported(
        world, tmp_path, "contact,at,register,listed\nann,2026-03-04T09:00+01:00,nix,no\n", "2026-03-04T10:00"
    )
    world.tick("2026-03-04T10:00")

    assert (report.accepted, report.bad) == (1, 0)
    assert world.state(id_) == "decided"


def test_the_columns_may_be_called_as_in_policy_tests(world: World, tmp_path: Path) -> None:
    world.policy = rails(screened={"register": "nix", "within": "31d"})
    world.contact("ann")
    id_ = world.message(NOW, "ann")
    content = "contact,at,screened.register,screened.listed\nann,2026-03-02,nix,true\n"
    assert imported(world, tmp_path, content, NOW).accepted == 1
    world.tick(NOW)
    assert standing(world, id_)[:2] == ("suppressed", "screened")


def test_a_register_s_file_that_is_a_year_old_lets_nobody_through(world: World, tmp_path: Path) -> None:
    world.policy = rails(screened={"register": "nix", "within": "31d"})
    world.contact("ann")
    id_ = world.message(NOW, "ann")
    report = imported(world, tmp_path, "contact,at,register,listed\nann,2025-03-03,nix,no\n", NOW)
    world.tick(NOW)
    assert report.accepted == 1
    assert standing(world, id_) == ("waiting", "screened", None)


def test_who_is_found_on_it_while_a_message_waits_is_not_written_to(world: World, tmp_path: Path) -> None:
    world.policy = rails(
        screened={"register": "nix", "within": "31d"}, quiet_hours={"name": "night", "from": "20:00", "to": "08:00"}
    )
    world.contact("ann")
    imported(world, tmp_path, "contact,at,register,listed\nann,2026-03-02,nix,no\n", NOW)
    id_ = world.message("2026-03-03T21:00", "ann")
    world.tick("2026-03-03T21:00")
    assert standing(world, id_) == ("waiting", "night", at("2026-03-04T08:00"))

    imported(world, tmp_path, "contact,at,register,listed\nann,2026-03-03T22:00+01:00,nix,yes\n", "2026-03-03T23:00")
    world.tick("2026-03-03T23:00")

    assert standing(world, id_)[:2] == ("suppressed", "screened")


def test_what_is_triggered_says_when_that_happened_for_else_no_guard_could_judge_it(world: World) -> None:
    world.contact("ann")
    accepted = world.accept(NOW, NewMessage("news", "test", outside_id="ann", trigger_kind="visit"))
    assert accepted.errors == {0: "trigger_kind 'visit' comes without trigger_at: say when that happened"}


def test_what_triggered_a_message_stays_with_its_touch_and_fills_the_window(world: World) -> None:
    world.policy = rails(surveillance={"wait": "1h", "max": 1, "per": "7d", "needs_consent": "none"})
    world.contact("ann")
    seen = {"trigger_kind": "visit", "trigger_at": at("2026-03-03T09:30")}
    plain, first = world.message(NOW, "ann"), world.message(NOW, "ann", **seen)
    world.tick(NOW)
    assert standing(world, first) == ("waiting", "surveillance", at("2026-03-03T10:30"))

    world.tick("2026-03-03T10:30")
    second = world.message("2026-03-03T11:00", "ann", **seen)
    world.tick("2026-03-03T11:00")

    assert {t["message"]: bool(t["triggered"]) for t in world.touches()} == {plain: False, first: True}
    assert standing(world, second) == ("waiting", "surveillance", at("2026-03-10T10:30"))
