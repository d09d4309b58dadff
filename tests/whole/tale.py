"""A tale: contacts, what happens to them and what wants to be sent over some days, lived through by the real daemon.

One and the same tale is told to the store and the daemon (through the doors' row readers and the queue's own entry), and
to those who judge what came of it: the slow reference and `policy.decide`, which never see the store."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import sqlalchemy as sa

import cadence
from cadence.clock import VirtualClock
from cadence.daemon import Daemon, Jobs, Options
from cadence.doors.rows import consents, events, touches
from cadence.doors.rows.cells import Context, Row
from cadence.facts import instant, micros
from cadence.policy.policy import Policy
from cadence.providers.letter import Letter, Mailbox
from cadence.providers.provider import Awake, Outcome, Receipt, always
from cadence.queue.accept import NewMessage, accept
from cadence.queue.handover import Outgoing, Rendered
from cadence.queue.outlets import Outlet
from cadence.queue.reload import PolicyFiles
from cadence.send.letters import Letters
from cadence.send.wayout import WayOut
from cadence.store import Store, tables
from cadence.store.consents import record_consents
from cadence.store.contacts import upsert_contacts
from cadence.store.events import record_events
from cadence.store.rows import ContactRow
from cadence.store.touches import record_touches
from tests.conformance.copies import stale_copies
from tests.crash.victim import Ledger

LETTERS = Letters({}, Mailbox("shop@example.com"), WayOut("out@example.com", {1: b"k" * 32}), "en", "UTC")
CONSENTS = ("opt_in", "opt_out", "do_not_contact", "complaint")


class Moody(Ledger):
    """A provider that takes most letters, refuses some, wants some again later, and leaves some in doubt: by what they
    say, so that it is the same each time."""

    def __init__(self, path: Path, messages: dict[int, dict[str, Any]]) -> None:
        super().__init__(path, can_look=False)
        self.messages, self.asked = messages, set[int]()

    def send(self, letters: Sequence[Letter], awake: Awake = always, /) -> list[Receipt]:
        return [self._answer(letter) for letter in letters]

    def _answer(self, letter: Letter) -> Receipt:
        mood, id_ = int(self.messages[letter.message_id]["content"][1:]) % 20, letter.message_id
        if mood == 3:
            return Receipt(id_, Outcome.REFUSED, detail="no such mailbox")
        if mood in (7, 8) and id_ not in self.asked:
            self.asked.add(id_)
            return Receipt(id_, Outcome.RETRY, detail="come again", retry_after=60.0 if mood == 7 else 7200.0)
        (receipt,) = super().send([letter])
        return Receipt(id_, Outcome.IN_DOUBT, detail="it hung up") if mood == 11 else receipt


def letters_for(conn: Any, messages: Sequence[Outgoing]) -> Rendered:
    """Letters, those for telephones written as mail: what they look like is not the question."""
    return LETTERS(conn, [replace(m, address="phone@example.com") if m.channel == "sms" else m for m in messages])


@dataclass(frozen=True)
class Step:
    """What happens at one instant: a fact told of a contact, a message for one, or a new policy."""

    at: datetime
    who: str = ""
    fact: dict[str, Any] | None = None
    message: dict[str, Any] | None = None
    policy: dict[str, Any] | None = None


@dataclass(frozen=True)
class Tale:
    """All that is told. contacts: by name, as in a policy test. past: facts told at the start."""

    contacts: dict[str, dict[str, Any]]
    policy: dict[str, Any]
    start: datetime
    days: int
    past: list[Step]
    steps: list[Step]
    batch: int = 5_000

    @property
    def end(self) -> datetime:
        """Where it ends."""
        return self.start + timedelta(days=self.days)


@dataclass
class Lived:
    """What came of a tale: the store, what was told of each contact up to when, and which policies there were."""

    tale: Tale
    store: Store
    folder: Path
    ledger: Moody
    ids: dict[str, int] = field(default_factory=dict)
    """Contacts' ids by name."""
    told: dict[str, list[tuple[datetime, dict[str, Any]]]] = field(default_factory=dict)
    """By contact: (when it was recorded, the fact)."""
    messages: dict[int, dict[str, Any]] = field(default_factory=dict)
    """By id: what a policy test would say of it."""
    policies: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By hash."""

    def rows(self, table: sa.Table, *where: Any) -> list[dict[str, Any]]:
        """Rows of a table, by id."""
        with self.store.read() as conn:
            return [dict(r) for r in conn.execute(sa.select(table).where(*where).order_by(table.c.id)).mappings()]

    def policy_of(self, mapping: dict[str, Any]) -> Policy:
        """A policy, and its mapping kept by its hash."""
        policy = cadence.policy_of(mapping)
        self.policies[policy.hash] = mapping
        return policy.policy


_folder = TemporaryDirectory(prefix="cadence-tale-")


@lru_cache(maxsize=1)
def empty_database() -> Path:
    """A database with this release's tables and nothing in it, to be copied."""
    path = Path(_folder.name) / "empty.db"
    store = Store.open(f"sqlite:///{path}")
    store.migrate()
    store.close()
    return path


class living:
    """Lives through a tale in a folder of its own, which is gone afterwards."""

    def __init__(self, tale: Tale) -> None:
        self.tale, self.folder = tale, TemporaryDirectory(prefix="cadence-tale-", ignore_cleanup_errors=True)

    def __enter__(self) -> Lived:
        folder = Path(self.folder.name)
        shutil.copy(empty_database(), folder / "cadence.db")
        store = Store.open(f"sqlite:///{folder / 'cadence.db'}")
        messages: dict[int, dict[str, Any]] = {}
        lived = Lived(self.tale, store, folder, Moody(folder / "ledger", messages), messages=messages)
        begin(lived)
        live(lived, self.tale.start, self.tale.end)
        self.lived = lived
        return lived

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        stale = stale_copies(self.lived.store) if kind is None else []
        self.lived.store.close()
        self.folder.cleanup()
        assert stale == []


def begin(lived: Lived) -> None:
    """Write down who there is, and what happened to them before."""
    tale = lived.tale
    rows = [
        ContactRow(
            name,
            c["addresses"],
            tuple(c["timezones"]),
            hours=tuple(c.get("hours", ())),
            days=tuple(c.get("days", ())),
            consents=tuple((channel, k) for channel, said in c.get("consents", {}).items() for k in said),
        )
        for name, c in tale.contacts.items()
    ]
    with lived.store.write() as conn:
        upsert_contacts(conn, rows, micros(tale.start), "tale")
    lived.ids = {r["outside_id"]: r["id"] for r in lived.rows(tables.contact)}
    lived.told = {name: [] for name in tale.contacts}
    for step in tale.past:
        tell(lived, step, tale.start)
    set_policy(lived, tale.policy)


def set_policy(lived: Lived, mapping: dict[str, Any]) -> None:
    """Write the policy's file: JSON is YAML too."""
    lived.policy_of(mapping)
    (lived.folder / "policy.yaml").write_text(json.dumps(mapping), "utf-8")


def live(lived: Lived, start: datetime, end: datetime | None, *, once: bool = False) -> Daemon:
    """Let a daemon live from start to end, everything told as it comes."""
    left = sorted((s for s in lived.tale.steps if start <= s.at), key=lambda s: s.at)

    def plan(policy: Policy, now: int) -> int | None:
        while left and micros(left[0].at) <= now:
            happen(lived, left.pop(0), policy, instant(now))
        return micros(left[0].at) if left else None

    ways = {channel: Outlet(lived.ledger) for channel in ("email", "sms")}
    options = Options(until=None if end is None else micros(end), once=once, batch=lived.tale.batch)
    jobs = Jobs(letters_for, plan=None if once else plan)
    daemon = Daemon(
        lived.store, VirtualClock(micros(start)), PolicyFiles(lived.folder / "policy.yaml"), ways, jobs, options
    )
    daemon.run(signals=False)
    assert not daemon.problems, daemon.problems
    return daemon


def happen(lived: Lived, step: Step, policy: Policy, now: datetime) -> None:
    """One step, at the instant that the daemon's clock shows."""
    if step.fact is not None:
        tell(lived, step, now)
    if step.policy is not None:
        set_policy(lived, step.policy)
    if step.message is not None:
        said = {k: v for k, v in step.message.items() if k != "lasts"}
        expires = now + step.message["lasts"] if step.message.get("lasts") is not None else None
        words = {"letter": {"subject": "Hello", "text": "Hello"}}
        new = NewMessage(
            said["category"], "tale", outside_id=step.who, channel=said["channel"], thread=said.get("thread"),
            content=said["content"], variables=words, expires_at=None if expires is None else micros(expires),
        )  # fmt: skip
        with lived.store.write() as conn:
            accepted = accept(conn, policy, [new], micros(now))
        assert not accepted.errors, accepted.errors
        (id_,) = accepted.ids
        assert id_ is not None
        row = lived.rows(tables.message, tables.message.c.id == id_)[0]
        until = {} if row["expires_at"] is None else {"expires": instant(row["expires_at"])}
        lived.messages[id_] = {**said, **until}


def tell(lived: Lived, step: Step, now: datetime) -> None:
    """One fact, through the reader of files' rows, which take none of more than a day ahead."""
    fact, contact = dict(step.fact or {}), lived.tale.contacts[step.who]
    fact["at"] = min(fact["at"], now + timedelta(days=1))
    n = sum(len(told) for told in lived.told.values())
    cells = {"contact": step.who, **{k: v.isoformat() if isinstance(v, datetime) else v for k, v in fact.items()}}
    if (looked_up := cells.pop("screened", None)) is not None:
        cells |= {f"screened.{name}": value for name, value in looked_up.items()}
    if "ticket" not in fact:
        cells["id"] = f"fact {n}"
    row = Row(cells, Context(micros(now), contact["timezones"][0]))
    with lived.store.write() as conn:
        if "touch" in fact:
            done = record_touches(conn, [_read(touches, row)], micros(now), "tale")
        elif any(word in fact for word in CONSENTS):
            done = record_consents(conn, [_read(consents, row)], micros(now), "tale")
        else:
            done = record_events(conn, [_read(events, row)], micros(now), "tale")
    assert done.new == 1 or "ticket" in fact, (fact, done)
    lived.told[step.who].append((now, fact))


def _read(reader: Any, row: Row) -> Any:
    found = reader.read(row, {})
    assert found is not None, row.problems
    return found


def known_to(lived: Lived, who: str, now: datetime, before: int, circle: int) -> list[dict[str, Any]]:
    """What was known of a contact when facts of its circle were counted up to `before`, our own touches among it."""
    name = {id_: n for n, id_ in lived.ids.items()}
    out = [fact for recorded, fact in lived.told[who] if recorded <= now]
    for t in lived.rows(tables.touch, tables.touch.c.source == "cadence", tables.touch.c.circle == circle):
        gone = t["withdrawn_number"] is not None and t["withdrawn_number"] < before
        if name[t["contact"]] == who and t["number"] < before and not gone:
            own = {"at": instant(t["at"]), "touch": t["category"], "channel": t["channel"], "content": t["content"]}
            out.append({**own, "thread": t["thread"]} if t["thread"] else own)
    return out


def seen_by(lived: Lived, who: str, now: datetime, before: int, circle: int) -> dict[str, Any]:
    """A contact and all others as a decision saw them, in the words of a policy test."""
    others = [n for n in lived.tale.contacts if n != who]
    return {
        "contact": lived.tale.contacts[who],
        "history": known_to(lived, who, now, before, circle),
        "circle": [
            {"contact": lived.tale.contacts[n], "history": known_to(lived, n, now, before, circle)} for n in others
        ],
    }


def touched(lived: Lived) -> Sequence[tuple[str, str, str]]:
    """Our own standing touches: to whom, of what, when."""
    name = {id_: n for n, id_ in lived.ids.items()}
    ours = lived.rows(tables.touch, tables.touch.c.source == "cadence", tables.touch.c.withdrawn_at.is_(None))
    return sorted((name[t["contact"]], t["content"], instant(t["at"]).isoformat()) for t in ours)
