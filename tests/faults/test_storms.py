"""A daemon lives through weeks of faults without being restarted; when the storm is over, every promise was kept.

Each storm is known by its seed: a failure names it, and the seed replays it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from cadence import daemon as running
from cadence.audit.verify import verify
from cadence.clock import VirtualClock
from cadence.daemon import Daemon, Jobs, Options
from cadence.facts import DAY, HOUR, SECOND, EventKind, instant
from cadence.queue.accept import NewMessage
from cadence.queue.outlets import Outlet
from cadence.queue.reload import PolicyFiles
from cadence.queue.states import FINAL
from cadence.store import Store, tables
from tests.faults.storm import Storm, StormyProvider, stormy
from tests.queue.world import World, at

POLICY = """
version: 1
defaults: {timezone: Europe/Stockholm, expires: 30d, spread: 1h}
categories: {news: {consent: opt_in}, receipt: {transactional: true}}
guard_rails:
  caps: {max: 2, per: 7d}
  quiet_hours: {name: night, from: "20:00", to: "08:00"}
segments: [{name: everyone}]
"""
START, CALM, END = at("2026-03-03T06:00"), at("2026-03-15T06:00"), at("2026-03-30T06:00")
CONTACTS, EACH = 8, 5
LEASE = SECOND // 5
"""So short that the daemon looks again and again after what was left, as it does each ten seconds on the real clock."""


@pytest.fixture
def world(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Eight contacts, two of them in one circle, with a receipt and four letters each over a week."""
    monkeypatch.setattr(running, "LONGEST_PAUSE", 0.0)
    (tmp_path / "policy.yaml").write_text(POLICY, "utf-8")
    store = Store.open(database_url)
    store.migrate()
    made = World(store, tmp_path / "mail", PolicyFiles(tmp_path / "policy.yaml").read())
    words = {"letter": {"subject": "Hello", "text": "Hello"}}
    messages = []
    for i in range(CONTACTS):
        made.contact(f"c{i}", circle="c0" if i == 1 else None)
        for k in range(EACH):
            due = START + (i * EACH + k) * 37 % 160 * HOUR
            kind = "receipt" if k == 0 else "news"
            messages.append(NewMessage(kind, "test", outside_id=f"c{i}", variables=words, due_at=due))
    assert not made.accept(instant(START).isoformat(), *messages).errors
    yield made
    store.close()


def live_through(world: World, seed: int, rate: float, can_look: bool) -> tuple[Storm, StormyProvider]:
    """One daemon, from start to end; the storm blows until it is CALM."""
    clock = VirtualClock(START)
    storm = Storm(seed, rate, lambda: START < clock.now() < CALM)
    provider = StormyProvider(world.mail.parent / "ledger", storm, can_look)
    stops = [(START + 4 * DAY, "c2"), (START + 6 * DAY, "c3")]

    def plan(policy: object, now: int) -> int | None:
        while stops and stops[0][0] <= now:
            world.say(stops[0][1], EventKind.OPT_OUT, instant(now).isoformat())
            del stops[0]
        return stops[0][0] if stops else None

    with stormy(world.store, storm) as store:
        options = Options(until=END, lease=LEASE)
        files = PolicyFiles(world.mail.parent / "policy.yaml")
        Daemon(store, clock, files, {"email": Outlet(provider)}, Jobs(world.letters, plan), options).run(signals=False)
    return storm, provider


def judge(world: World, provider: StormyProvider, seed: int) -> None:
    """By plain counting, and by the verifier."""
    messages, taken = world.rows(tables.message), Counter(provider.taken())
    standing = Counter(t["message"] for t in world.touches())
    assert len(messages) == CONTACTS * EACH, seed
    for m in messages:
        marketing = m["category"] == "news"
        assert not marketing or taken[m["id"]] <= 1, f"seed {seed}: marketing was handed over twice: {m}"
        assert m["state"] in FINAL or m["state"] == "in_doubt", f"seed {seed}: left lying: {m}"
        assert m["state"] != "sent" or taken[m["id"]] >= 1, f"seed {seed}: called sent, and nobody took it: {m}"
        assert not taken[m["id"]] or standing[m["id"]] == 1, f"seed {seed}: taken, and no touch: {m}"
        said_no = m["state"] == "refused" and "no such mailbox" in (m["because"] or "")
        gave_up = m["state"] in ("refused", "in_doubt") and m["attempts"] > 5
        assert marketing or taken[m["id"]] >= 1 or said_no or gave_up, f"seed {seed}: a receipt never went: {m}"
    for name, since in (("c2", START + 4 * DAY), ("c3", START + 6 * DAY)):
        after = [t for t in world.touches() if t["contact"] == world.contacts[name][1] and t["at"] > since + HOUR]
        assert not [t for t in after if t["category"] == "news"], f"seed {seed}: written to after a stop"
    report = verify(world.store, now=END, drained=True)
    assert report.ok, f"seed {seed}\n{report.text()}"


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(1, 4))])
def test_a_daemon_lives_through_a_storm(world: World, seed: int) -> None:
    storm, provider = live_through(world, seed, rate=0.05 * (1 + seed % 3), can_look=seed % 2 == 0)

    judge(world, provider, seed)
    assert storm.struck.total() > 20, f"seed {seed} was no storm: {storm.struck}"


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1_000, 1_200))
def test_a_daemon_lives_through_many_storms(world: World, seed: int) -> None:
    _, provider = live_through(world, seed, rate=0.02 * (1 + seed % 10), can_look=seed % 2 == 0)

    judge(world, provider, seed)
