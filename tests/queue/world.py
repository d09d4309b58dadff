"""A small world to try the queue in: a real database, a real maildir, contacts by name, and a clock told the time."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

from cadence.addresses import mailbox_of
from cadence.facts import EventKind, micros
from cadence.policy.load import from_mapping
from cadence.policy.policy import Policy
from cadence.providers import maildir
from cadence.providers.letter import Mailbox
from cadence.queue import again, leases, rescue
from cadence.queue.accept import Accepted, NewMessage, accept
from cadence.queue.active import Active
from cadence.queue.handover import hand_over
from cadence.queue.leases import this_process
from cadence.queue.outlets import Outlet
from cadence.queue.tick import drain
from cadence.queue.work import Work
from cadence.send.letters import Letters
from cadence.send.wayout import WayOut
from cadence.store import Store, tables
from cadence.store.bulk import insert_rows
from cadence.store.engine import lock_shards
from cadence.store.ids import new_id, shard_of
from cadence.store.numbers import take_numbers

POLICY = {
    "version": 1,
    "defaults": {"timezone": "Europe/Stockholm", "expires": "14d"},
    "categories": {
        "news": {"consent": "opt_in"},
        "offer": {"consent": "opt_in", "priority": 80},
        "care": {"consent": "none"},
        "receipt": {"transactional": True},
    },
    "guard_rails": {
        "caps": [{"max": 2, "per": "7d"}],
        "quiet_hours": [{"name": "night", "from": "20:00", "to": "08:00"}],
    },
    "segments": [{"name": "everyone", "cadence": {}}],
}


def policy_of(**changes: Any) -> Policy:
    """The small policy with some sections replaced."""
    return from_mapping({**POLICY, **changes}).required()


def at(text: str) -> int:
    """An instant written as local time of Stockholm in winter, or with its own offset."""
    return micros(datetime.fromisoformat(text if "+" in text or text.endswith("Z") else f"{text}+01:00"))


@dataclass
class World:
    """A database with contacts, one daemon's share of it (all), and a maildir."""

    store: Store
    mail: Path
    policy: Policy = field(default_factory=policy_of)
    me: str = "daemon-1"
    rate: Any = None
    contacts: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    """By name: (shard, id, circle)."""
    provider: Any = None
    clock: Any = None
    """What the provider's speed and pauses are counted by; None: by the times that are told."""

    def __post_init__(self) -> None:
        if self.provider is None:
            self.provider = maildir.open(maildir.Settings(path=self.mail))
        self.letters = Letters({}, Mailbox("shop@example.com"), WayOut("out@example.com", {1: b"k" * 32}), "en", "UTC")

    def work(self, now: str, **changes: Any) -> Work:
        """One daemon's share at an instant; it takes what leases there are."""
        moment = at(now)
        held, _ = leases.hold(self.store, self.me, this_process(), moment, self.policy.hash)
        ways = {"email": Outlet(self.provider, self.rate, self.clock)}
        work = Work(
            self.store,
            self.me,
            Active.of(self.policy),
            ways,
            held.shards,
            moment,
            lacks=lambda name: self.letters.lacks(name),
        )
        return replace(work, **changes)

    def tick(self, now: str, **changes: Any) -> Counter[str]:
        """Ask again what time and policy changed, and decide all that is due."""
        work = self.work(now, **changes)
        again.because_of_policy(work, 1_000_000)
        again.because_of_time(work)
        return drain(work)

    def send(self, now: str, **changes: Any) -> Counter[str]:
        """Hand over all that is decided."""
        work, done = self.work(now, **changes), Counter[str]()
        while counts := hand_over(work, self.letters):
            done += counts
        return done

    def rescue(self, now: str, living: frozenset[str] = frozenset()) -> Counter[str]:
        """Settle what the dead left."""
        work = self.work(now)
        return rescue.rescue(work, living) + rescue.settle(work, living)

    def contact(self, name: str, circle: str | None = None, **columns: Any) -> tuple[int, int, int]:
        """A contact with an address and consent to everything, long since."""
        long_ago = at("2020-01-01T00:00")
        if circle is None:
            id_ = circle_id = new_id()
            shard = shard_of(circle_id)
        else:
            shard, _, circle_id = self.contacts[circle]
            id_ = new_id()
        place = {"shard": shard, "circle": circle_id}
        email = columns.pop("email", f"{name}@example.com")
        consents = columns.pop("consents", True)
        with self.store.write() as conn:
            lock_shards(conn, [shard])
            if circle is None:
                conn.execute(tables.circle.insert().values(shard=shard, id=circle_id))
            row = {**place, "id": id_, "outside_id": name, "created_at": long_ago, "recorded_at": long_ago, **columns}
            conn.execute(tables.contact.insert().values(**row))
            known = {"value": name, "kind": "outside", "slot": 0, "contact": id_, "shard": shard}
            conn.execute(tables.directory.insert().values(**known))
            if email:
                where = {"channel": "email", "address": email, "mailbox": mailbox_of("email", email)}
                row = {**place, **where, "contact": id_, "at": long_ago, "recorded_at": long_ago}
                conn.execute(tables.address.insert().values(**row))
        self.contacts[name] = (shard, id_, circle_id)
        if consents:
            self.say(name, EventKind.OPT_IN, "2020-01-01T00:00")
        return self.contacts[name]

    def say(self, name: str, kind: EventKind, when: str, category: str | None = None) -> None:
        """A consent or a stop of a contact, recorded when it is said; what waits for its circle is asked again."""
        from cadence.store.ask import ask_circles

        shard, id_, circle = self.contacts[name]
        with self.store.write() as conn:
            lock_shards(conn, [shard])
            insert_rows(
                conn,
                tables.consent,
                {
                    "shard": [shard], "id": [new_id()], "circle": [circle], "contact": [id_], "number": take_numbers(conn, np.array([shard]), np.array([circle])),
                    "at": [at(when)], "recorded_at": [at(when)], "kind": [int(kind)], "category": [category],
                    "channel": [None], "source": ["test"], "source_id": [str(new_id())],
                },
            )  # fmt: skip
            ask_circles(conn, [(shard, circle)], at(when), "stop")

    def accept(self, now: str, *messages: NewMessage) -> Accepted:
        """Put messages into the queue."""
        with self.store.write() as conn:
            return accept(conn, self.policy, messages, at(now))

    def message(self, now: str, name: str, category: str = "news", **fields: Any) -> int:
        """One message for a contact by name; its id."""
        words = {"letter": {"subject": f"{category} for {name}", "text": "Hello"}}
        accepted = self.accept(now, NewMessage(category, "test", outside_id=name, variables=words, **fields))
        assert not accepted.errors, accepted.errors
        (id_,) = accepted.ids
        assert id_ is not None
        return id_

    def campaign(self, name: str, state: str = "running", **content: Any) -> None:
        """A campaign, or another state of one."""
        with self.store.write() as conn:
            conn.execute(tables.campaign.delete().where(tables.campaign.c.name == name))
            row = {"name": name, "hash": name, "content": json.dumps(content), "state": state}
            conn.execute(tables.campaign.insert().values(**row))

    def row(self, id_: int) -> dict[str, Any]:
        """A message as it stands."""
        return self.rows(tables.message, tables.message.c.id == id_)[0]

    def state(self, id_: int) -> str:
        """A message's state."""
        return str(self.row(id_)["state"])

    def rows(self, table: sa.Table, *where: Any) -> list[dict[str, Any]]:
        """Rows of a table, by id."""
        with self.store.read() as conn:
            return [dict(r) for r in conn.execute(sa.select(table).where(*where).order_by(table.c.id)).mappings()]

    def touches(self, standing: bool = True) -> list[dict[str, Any]]:
        """Touches; standing: those not withdrawn."""
        only = [tables.touch.c.withdrawn_at.is_(None)] if standing else []
        return self.rows(tables.touch, *only)

    def decisions(self, message: int) -> list[dict[str, Any]]:
        """The decisions of a message, in order."""
        return self.rows(tables.decision, tables.decision.c.message == message)

    def delivered(self) -> int:
        """How many mails lie in the maildir."""
        return sum(1 for _ in (self.mail / "new").glob("*")) if (self.mail / "new").is_dir() else 0
