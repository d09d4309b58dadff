"""Six processes at once on one database, over overlapping circles: two daemons decide and hand over while others import, merge
households and mailboxes, say stop, hold, release, queue letters and change the policy. The judge is the verifier."""

from __future__ import annotations

import os
import signal
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from cadence.audit.verify import verify
from cadence.facts import SECOND, EventKind
from cadence.queue import release
from cadence.queue.accept import NewMessage, accept
from cadence.queue.release import ByHandError
from cadence.queue.reload import PolicyFiles
from cadence.store import Store, StoreBusy, status, tables
from cadence.store.bulk import fetch
from cadence.store.consents import record_consents
from cadence.store.contacts import upsert_contacts
from cadence.store.engine import now_of
from cadence.store.events import record_events
from cadence.store.rows import ConsentRow, ContactRow, EventRow, TouchRow
from cadence.store.touches import record_touches
from tests.crash.victim import Ledger, Scene, fork, wait
from tests.queue.world import World

PEOPLE = 120
POLICIES = (
    "caps: {max: 3, per: 20s}",
    "caps: {max: 1, per: 4s}\n  gap: {wait: 2s}",
    "caps: [{max: 2, per: 10s}, {max: 2, per: 15s, across: household}]",
    "caps: {max: 4, per: 30s}\n  silence: {base: 2s, factor: 2, max: 10s}",
)
WORDS = {"letter": {"subject": "Hello", "text": "Hello"}}


def policy(guard_rails: str) -> str:
    """Windows of seconds, so that much happens in little time."""
    return f"""
version: 1
defaults: {{timezone: UTC, expires: 12s}}
categories: {{news: {{consent: opt_in}}, offer: {{consent: opt_in, priority: 80}}, receipt: {{transactional: true}}}}
guard_rails:
  {guard_rails}
segments: [{{name: everyone}}]
"""


@dataclass
class Writer:
    """One process that does one thing again and again until its time is over."""

    scene: Scene
    ends: float
    dice: Random
    store: Store = field(init=False)

    def someone(self) -> str:
        """Anybody, the first ones more often: they are where things meet."""
        return f"p{min(self.dice.randrange(PEOPLE), self.dice.randrange(PEOPLE))}"

    def now(self) -> int:
        """The database's clock, as everybody goes by it."""
        with self.store.read() as conn:
            return max(now_of(conn), status.latest_now(conn) or 0)

    def imports(self) -> None:
        """Contacts with ever other households and mailboxes of their neighbours', and what happened to them elsewhere."""
        d = self.dice
        rows = [
            ContactRow(
                f"p{i}",
                {"email": f"p{i // 4 * 4 + d.randrange(4)}@example.com"}
                if d.random() < 0.1
                else {"email": f"p{i}@example.com"},
                household=f"h{(i + d.randrange(3)) // 3}" if d.random() < 0.3 else None,
            )
            for i in sorted(d.sample(range(PEOPLE + 40), 12))
        ]
        with self.store.write() as conn:
            upsert_contacts(conn, rows, now_of(conn), "crm")
        told, now = [self.someone() for _ in range(5)], self.now()
        with self.store.write() as conn:
            touches = [
                TouchRow(who, now - d.randrange(10 * SECOND), "news", source_id=f"t{d.random()}") for who in told
            ]
            record_touches(conn, touches, now, "crm")
        with self.store.write() as conn:
            events = [EventRow(who, now, EventKind.PURCHASE, f"e{d.random()}", amount=1.0) for who in told]
            record_events(conn, events, now, "crm")

    def speaks(self) -> None:
        """Somebody says stop, or yes again; an admin stops, holds and releases."""
        d, who, now = self.dice, self.someone(), self.now()
        kind = EventKind.OPT_OUT if d.random() < 0.3 else EventKind.OPT_IN
        row = ConsentRow(who, now, kind, d.choice(["news", "offer", None]), source_id=f"c{d.random()}")
        with self.store.write() as conn:
            record_consents(conn, [row], now, "crm")
        with self.store.read() as conn:
            found = fetch(conn, "SELECT shard, id FROM contact WHERE outside_id = :who", who=who)
            held = fetch(conn, "SELECT id FROM message WHERE state IN ('waiting', 'suppressed') LIMIT 40")
        try:
            if found and d.random() < 0.3:
                release.hold(self.store, tuple(found[0]), "waits for an answer", "eva", now, until=now + 3 * SECOND)
            if held and d.random() < 0.5:
                chosen = PolicyFiles(self.scene.policy).read()
                release.release(self.store, chosen, d.choice(held)[0], "asked for it", "eva", self.now())
        except ByHandError:
            return  # it moved on meanwhile

    def queues(self) -> None:
        """Letters and receipts to anybody."""
        chosen, now = PolicyFiles(self.scene.policy).read(), self.now()
        kinds = self.dice.choices(["news", "offer", "receipt"], [5, 3, 1], k=8)
        told = [NewMessage(kind, "test", outside_id=self.someone(), variables=WORDS) for kind in kinds]
        with self.store.write() as conn:
            accept(conn, chosen, told, now)

    def rules(self) -> None:
        """Another policy every second or so."""
        new = self.scene.policy.with_suffix(".new")
        new.write_text(policy(self.dice.choice(POLICIES)), "utf-8")
        new.replace(self.scene.policy)
        time.sleep(1.0)

    def start(self, what: Callable[[Writer], None]) -> int:
        """Do it in a process of its own; its id."""
        pid = os.fork()
        if pid:
            return pid
        code = 1
        try:
            self.store = Store.open(self.scene.url)
            while time.monotonic() < self.ends:
                try:
                    what(self)
                except StoreBusy:
                    continue
                time.sleep(0.02)
            code = 0
        except BaseException:  # noqa: BLE001 - a forked child must never return into the test
            (self.scene.policy.parent / f"{what.__name__}.log").write_text(traceback.format_exc())
        finally:
            os._exit(code)


def race(url: str, folder: Path, seed: int, seconds: float) -> tuple[World, Scene]:
    """All of them at once, for so long; then the daemons alone, until nothing is left to do."""
    (folder / "policy.yaml").write_text(policy(POLICIES[0]), "utf-8")
    store = Store.open(url)
    store.migrate()
    world = World(store, folder / "mail", PolicyFiles(folder / "policy.yaml").read())
    with store.write() as conn:
        rows = [
            ContactRow(f"p{i}", {"email": f"p{i}@example.com"}, consents=(("email", "news"), ("email", "offer")))
            for i in range(PEOPLE)
        ]
        upsert_contacts(conn, rows, now_of(conn), "crm")
    store.close()
    scene = Scene(url, folder / "policy.yaml", Ledger(folder / "ledger", can_look=False), None, None, 6 * SECOND)
    dice = Random(seed)
    daemons = [fork(scene), fork(scene)]
    ends = time.monotonic() + seconds
    works = [Writer.imports, Writer.speaks, Writer.queues, Writer.queues, Writer.rules]
    writers = {Writer(scene, ends, Random(dice.random())).start(work): work.__name__ for work in works}
    try:
        failed = [name for pid, name in writers.items() if wait(pid) != 0]
        said = [(folder / f"{name}.log").read_text() for name in failed if (folder / f"{name}.log").exists()]
        assert failed == [], said
        _drained(world, 80.0)
    finally:
        for pid in daemons:
            os.kill(pid, signal.SIGTERM)
        codes = [wait(pid) for pid in daemons]
    assert codes == [0, 0], (folder / "victim.log").read_text()
    return world, scene


def _drained(world: World, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with world.store.read() as conn:
            left = status.counts_by_state(conn)
        if not left.keys() & {"waiting", "decided", "sending"}:
            return
        time.sleep(0.5)
    raise AssertionError(f"not drained: {left}")


def judged(world: World, scene: Scene, seed: int) -> Counter[str]:
    """Every promise was kept, by the verifier and by the provider's own account; how many messages ended how."""
    marketing = {m["id"] for m in world.rows(tables.message, tables.message.c.category != "receipt")}
    twice = [id_ for id_, n in Counter(scene.ledger.taken()).items() if n > 1 and id_ in marketing]
    assert twice == [], f"seed {seed}: handed over twice"
    with world.store.read() as conn:
        now = max(now_of(conn), status.latest_now(conn) or 0)
    report = verify(world.store, now=now, drained=True)
    assert report.ok, f"seed {seed}\n{report.text()}"
    return Counter(m["state"] for m in world.rows(tables.message))


def looked_at(url: str, folder: Path, seed: int, seconds: float) -> None:
    """One race, and that it was one."""
    world, scene = race(url, folder, seed, seconds)
    ended = judged(world, scene, seed)
    assert ended["sent"] > 100, ended
    assert ended["suppressed"] + ended["expired"] > 10, ended
    with world.store.read() as conn:
        ((merges, uses),) = fetch(
            conn, "SELECT (SELECT count(*) FROM change WHERE what = 'merge'), (SELECT count(*) FROM policy_use)"
        )
    assert merges > 5, "no circles merged"
    assert uses > 3, "the policy stayed the same"
    assert len({d["daemon"] for d in world.rows(tables.decision)}) == 2
    world.store.close()


@pytest.mark.slow
def test_six_at_once_keep_every_promise(database_url: str, tmp_path: Path) -> None:
    looked_at(database_url, tmp_path, 7, 15.0)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(20, 30))
def test_six_at_once_keep_every_promise_for_minutes(database_url: str, tmp_path: Path, seed: int) -> None:
    looked_at(database_url, tmp_path, seed, 180.0)
