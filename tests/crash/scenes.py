"""What daemons that are killed live through, and what must hold whatever was killed when."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

from cadence.audit.verify import verify
from cadence.facts import DAY
from cadence.queue.accept import NewMessage
from cadence.queue.reload import PolicyFiles
from cadence.queue.states import FINAL
from cadence.store import Store, tables
from cadence.store.contacts import upsert_contacts
from cadence.store.rows import ContactRow
from tests.crash.victim import Ledger, Scene
from tests.queue.world import World, at

POLICY = """
version: 1
defaults: {timezone: Europe/Stockholm, expires: 30d}
categories: {news: {consent: opt_in}, receipt: {transactional: true}}
guard_rails:
  caps: {max: 2, per: 7d}
  quiet_hours: {name: night, from: "20:00", to: "08:00"}
segments: [{name: everyone}]
"""
START, END = "2026-03-03T06:00", "2026-04-14T12:00"


def scene(
    url: str, folder: Path, can_look: bool, contacts: int = 40, each: int = 7, hours: int = 13
) -> tuple[Scene, World]:
    """So many contacts, a fifth of them in a circle with another, with so many messages each (one a receipt), of which two a
    week may go; they come in over so many hours."""
    (folder / "policy.yaml").write_text(POLICY, "utf-8")
    store = Store.open(url)
    store.migrate()
    world = World(store, folder / "mail", PolicyFiles(folder / "policy.yaml").read())
    people = [
        ContactRow(
            f"c{i}",
            {"email": f"c{i}@example.com"},
            household=f"h{i // 5}" if i % 5 >= 3 else None,
            consents=(("email", "news"),),
        )
        for i in range(contacts)
    ]
    with store.write() as conn:
        upsert_contacts(conn, people, at("2020-01-01T00:00"), "test")
    words = {"letter": {"subject": "Hello", "text": "Hello"}}
    messages = [
        NewMessage(
            "receipt" if k == 0 else "news",
            "test",
            outside_id=f"c{i}",
            variables=words,
            due_at=at(START) + (i * each + k) % hours * 3_600_000_000,
        )
        for i in range(contacts)
        for k in range(each)
    ]
    assert not world.accept(START, *messages).errors
    store.writer.dispose()
    store.reader.dispose()
    ledger = Ledger(folder / "ledger", can_look)
    return Scene(url, folder / "policy.yaml", ledger, at(START), at(END)), world


def judge(scene: Scene, world: World, exactly_once: bool, accepted: int = 280) -> None:
    """What must hold whatever was killed when, by plain counting in the record, and by the verifier. exactly_once: every
    message was handed over, and known to be."""
    messages = world.rows(tables.message)
    taken = Counter(scene.ledger.taken())
    touches = world.touches()
    standing = Counter(t["message"] for t in touches)
    assert len(messages) == accepted, "a message is gone, or there is one too many"
    for m in messages:
        marketing = m["category"] == "news"
        assert not marketing or taken[m["id"]] <= 1, "marketing was handed over twice"
        assert m["state"] in FINAL or m["state"] == "in_doubt", f"left lying: {m}"
        assert standing[m["id"]] == (m["state"] in ("sent", "in_doubt")), f"touch and state differ: {m}"
        assert m["state"] != "sent" or taken[m["id"]] >= 1, "called sent, and nobody took it"
        assert not exactly_once or m["state"] == "sent", f"not sent: {m}"
        assert marketing or taken[m["id"]] >= 1, "a receipt was not handed over"
    times = defaultdict(list)
    for t in touches:
        if t["category"] == "news":
            times[t["contact"]].append(t["at"])
    for of_one in map(sorted, times.values()):
        for first, third in zip(of_one, of_one[2:], strict=False):
            assert third - first >= 7 * DAY, "more than two in seven days"
    numbers = [(t["circle"], t["number"]) for t in world.rows(tables.touch)]
    assert len(set(numbers)) == len(numbers), "two facts of a circle have one number"
    report = verify(world.store, now=at(END), drained=True)
    assert report.ok, report.text()
