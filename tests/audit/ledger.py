"""A record written row by row, as a daemon would leave it, or as a broken one would: nothing of the engine decides here."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from cadence.audit.verify import Report, verify
from cadence.facts import EventKind, Verdict, micros
from cadence.policy.load import from_mapping
from cadence.store import Store, tables

POLICY: Mapping[str, Any] = {
    "version": 1,
    "defaults": {"timezone": "Europe/Stockholm", "country": "SE"},
    "categories": {
        "promotion": {"consent": "none"},
        "follow_up": {"consent": "none"},
        "news": {"consent": "opt_in"},
        "receipt": {"transactional": True},
    },
    "segments": [{"name": "everyone"}],
}
NOON = "2026-03-03T12:00"


def at(text: str) -> int:
    """An instant, in Stockholm's winter time unless it says otherwise."""
    return micros(datetime.fromisoformat(text if "+" in text or text.endswith("Z") else f"{text}+01:00"))


class Ledger:
    """One circle's record (more with `circle=`), written by hand."""

    def __init__(self, store: Store, **policy: Any) -> None:
        self.store = store
        self._ids = itertools.count(100)
        self.numbers: dict[int, int] = {}
        self.policy = self.use(**policy)

    def use(self, **changes: Any) -> str:
        """A version of the policy becomes active; its hash."""
        loaded = from_mapping({**POLICY, **changes}).required()
        self.insert(tables.policy_version, hash=loaded.hash, content=loaded.content, first_at=0)
        self.insert(tables.policy_use, id=next(self._ids), hash=loaded.hash, at=next(self._ids))
        return loaded.hash

    def raw_policy(self, content: Mapping[str, Any]) -> str:
        """A version that this release might refuse, as it would be stored."""
        hash_ = f"raw-{next(self._ids)}"
        self.insert(tables.policy_version, hash=hash_, content=json.dumps(content), first_at=0)
        self.insert(tables.policy_use, id=next(self._ids), hash=hash_, at=next(self._ids))
        self.policy = hash_
        return hash_

    def insert(self, table: sa.Table, **values: Any) -> None:
        """One row."""
        with self.store.write() as conn:
            conn.execute(table.insert().values(**values))

    def change(self, table: sa.Table, id_: int, **values: Any) -> None:
        """Other values in one row."""
        with self.store.write() as conn:
            conn.execute(table.update().where(table.c.id == id_).values(**values))

    def contact(self, circle: int | None = None, email: str = "ann@example.com", **columns: Any) -> int:
        """A contact with an address, known for long."""
        id_ = next(self._ids)
        home = id_ if circle is None else circle
        if circle is None:
            self.insert(tables.circle, shard=1, id=id_)
        row = {"shard": 1, "id": id_, "circle": home, "created_at": 0, "recorded_at": 0, **columns}
        self.insert(tables.contact, **row)
        self.address(id_, home, email)
        return id_

    def address(self, contact: int, circle: int, email: str, recorded_at: int = 0) -> None:
        """One more address of a contact."""
        row = {"channel": "email", "address": email, "mailbox": f"email:{email}", "at": recorded_at}
        self.insert(tables.address, shard=1, contact=contact, circle=circle, recorded_at=recorded_at, **row)

    def number(self, circle: int) -> int:
        """The circle's next."""
        self.numbers[circle] = self.numbers.get(circle, 0) + 1
        return self.numbers[circle]

    def _fact(self, contact: int, when: str, circle: int | None, recorded: str | None) -> dict[str, Any]:
        home, id_ = contact if circle is None else circle, next(self._ids)
        return {
            "shard": 1,
            "id": id_,
            "circle": home,
            "contact": contact,
            "number": self.number(home),
            "at": at(when),
            "recorded_at": at(recorded or when),
            "source": "test",
            "source_id": str(id_),
        }

    def said(
        self,
        contact: int,
        kind: EventKind,
        when: str,
        circle: int | None = None,
        recorded: str | None = None,
        **more: Any,
    ) -> None:
        """A consent or a stop."""
        self.insert(tables.consent, **self._fact(contact, when, circle, recorded), kind=int(kind), **more)

    def event(
        self,
        contact: int,
        kind: EventKind,
        when: str,
        circle: int | None = None,
        recorded: str | None = None,
        **more: Any,
    ) -> None:
        """Anything else that happened."""
        self.insert(tables.event, **self._fact(contact, when, circle, recorded), kind=int(kind), **more)

    def told(self, contact: int, when: str, category: str = "promotion", circle: int | None = None, **more: Any) -> int:
        """A touch that somebody else made; its id."""
        fact = self._fact(contact, when, circle, None)
        self.insert(tables.touch, **{**fact, "channel": "email", "category": category, **more})
        return int(fact["id"])

    def sent(
        self, contact: int, when: str, category: str = "promotion", circle: int | None = None, **message: Any
    ) -> tuple[int, int, int]:
        """A message decided, touched and handed over at one instant: its id, its decision's and its touch's."""
        home, moment = contact if circle is None else circle, at(when)
        m, d, t = next(self._ids), next(self._ids), next(self._ids)
        number = self.number(home)
        place = {"shard": 1, "circle": home, "contact": contact}
        words = {
            k: message.pop(k, None) for k in ("campaign", "content", "thread", "topic", "tags") if k in message
        } | {"channel": message.pop("channel", "email"), "category": category}
        mailbox = message.pop("mailbox", "email:ann@example.com")
        segment = message.pop("segment", "everyone")
        self.insert(
            tables.decision, **place, id=d, message=m, at=moment, verdict=int(Verdict.SEND), policy=self.policy,
            segment=segment, seen_number=number - 1,
        )  # fmt: skip
        self.insert(
            tables.touch, **place, **words, id=t, number=number, at=moment, recorded_at=moment, message=m,
            mailbox=mailbox, triggered=message.get("trigger_at") is not None, outcome="sent", source="cadence",
            source_id=str(d),
        )  # fmt: skip
        row = {
            "state": "sent", "decision": d, "decided_at": moment, "touch": t, "hand_over_at": moment,
            "outcome_at": moment, "created_at": moment, "recorded_at": moment, "provider": "test",
        }  # fmt: skip
        self.insert(tables.message, **{**place, **words, "id": m, **row, **message})
        return m, d, t

    def waiting(self, contact: int, category: str = "promotion", **message: Any) -> int:
        """A message that waits; its id."""
        id_ = next(self._ids)
        row = {"shard": 1, "circle": contact, "contact": contact, "id": id_, "state": "waiting", "channel": "email"}
        times = {"created_at": 0, "recorded_at": 0, "asked_at": 0, "rule": "held", "category": category}
        self.insert(tables.message, **{**row, **times, **message})
        return id_

    def verify(self, now: str = "2026-06-01T12:00+02:00", **more: Any) -> Report:
        """What the verifier says of it."""
        return verify(self.store, now=at(now), **more)

    def broken(self, now: str = "2026-06-01T12:00+02:00", **more: Any) -> list[tuple[int, str]]:
        """Promise and rule of each breach."""
        return [(b.promise, b.rule) for b in self.verify(now, **more).breaches]
