"""A daemon lives through weeks of faults without being restarted; when the storm is over, every promise was kept.

Each storm is known by its seed: a failure names it, and the seed replays it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from cadence.audit.verify import verify
from cadence.daemon import Daemon, Jobs, Options
from cadence.facts import DAY, HOUR, EventKind, instant
from cadence.queue import leases, patience
from cadence.queue.accept import NewMessage
from cadence.queue.outlets import Outlet
from cadence.queue.reload import PolicyFiles
from cadence.queue.states import FINAL
from cadence.store import Store, ids, tables
from tests.faults.storm import Storm, StormyProvider, UnsteadyClock, stormy
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
FIRST_ID = 1 << 47
"""Far ahead of what the clock would make it."""


@pytest.fixture
def world(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Eight contacts, two of them in one circle, with a receipt and four letters each over a week."""
    monkeypatch.setattr(patience, "LONGEST_PAUSE", 0.0)
    made = prepared(database_url, tmp_path, monkeypatch)
    yield made
    made.store.close()


def prepared(url: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """The same, with the same ids each time: what is decided first is decided by them, and the dice fall in that order."""
    maker = ids._Maker()
    maker._tag, maker._next = 1, FIRST_ID
    monkeypatch.setattr(ids, "_maker", maker)
    (folder / "policy.yaml").write_text(POLICY, "utf-8")
    store = Store.open(url)
    store.migrate()
    made = World(store, folder / "mail", PolicyFiles(folder / "policy.yaml").read())
    words = {"letter": {"subject": "Hello", "text": "Hello"}}
    messages = []
    for i in range(CONTACTS):
        made.contact(f"c{i}", circle="c0" if i == 1 else None)
        for k in range(EACH):
            due = START + (i * EACH + k) * 37 % 160 * HOUR
            kind = "receipt" if k == 0 else "news"
            messages.append(NewMessage(kind, "test", outside_id=f"c{i}", variables=words, due_at=due))
    assert not made.accept(instant(START).isoformat(), *messages).errors
    return made


def live_through(world: World, seed: int, rate: float, can_look: bool) -> tuple[Storm, StormyProvider]:
    """One daemon, from start to end; the storm blows until it is CALM."""
    print(f"storm of seed {seed}, rate {rate}")
    clock = UnsteadyClock(START)
    storm = clock.storm = Storm(seed, rate, lambda: START < clock.true() < CALM)
    storm.pass_time = lambda micros: clock.advance(clock.now() + micros)
    provider = StormyProvider(world.mail.parent / "ledger", storm, can_look)
    stops = [(START + 4 * DAY, "c2"), (START + 6 * DAY, "c3")]

    def plan(policy: object, now: int) -> int | None:
        while stops and stops[0][0] <= now:
            world.say(stops[0][1], EventKind.OPT_OUT, instant(now).isoformat())
            del stops[0]
        return stops[0][0] if stops else None

    # Signs of life by the virtual clock, so that the same storm strikes at the same turns.
    with stormy(world.store, storm) as store, mock.patch.object(leases, "passed_micros", clock.true):
        options = Options(until=END)
        files = PolicyFiles(world.mail.parent / "policy.yaml")
        Daemon(store, clock, files, {"email": Outlet(provider)}, Jobs(world.letters, plan=plan), options).run(
            signals=False
        )
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


@pytest.mark.parametrize("seed", [1_006])
def test_a_storm_that_once_left_something_lying(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "LONGEST_PAUSE", 0.0)
    world = prepared(f"sqlite:///{tmp_path / 'cadence.db'}", tmp_path, monkeypatch)

    _, provider = live_through(world, seed, rate=0.02 * (1 + seed % 10), can_look=seed % 2 == 0)

    judge(world, provider, seed)
    world.store.close()


def test_the_seed_of_a_storm_replays_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "LONGEST_PAUSE", 0.0)
    struck, taken = [], []
    for name in ("first", "again"):
        (tmp_path / name).mkdir()
        world = prepared(f"sqlite:///{tmp_path / name / 'cadence.db'}", tmp_path / name, monkeypatch)
        storm, provider = live_through(world, 11, rate=0.05, can_look=False)
        struck.append(storm.struck)
        taken.append(provider.taken())
        world.store.close()

    assert struck[0] == struck[1]
    assert taken[0] == taken[1]
    assert len(struck[0]) > 8, struck[0]


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1_000, 1_200))
def test_a_daemon_lives_through_many_storms(world: World, seed: int) -> None:
    _, provider = live_through(world, seed, rate=0.02 * (1 + seed % 10), can_look=seed % 2 == 0)

    judge(world, provider, seed)
