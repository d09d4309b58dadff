"""What the store's tests share: short ways to tell it facts, and to look at what it then holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from cadence.decide.needs import Needs
from cadence.facts import DAY, EventKind, History
from cadence.policy.policy import Defaults
from cadence.store import Store, accounts
from cadence.store.bulk import fetch
from cadence.store.consents import record_consents
from cadence.store.contacts import upsert_contacts
from cadence.store.events import apply_due, record_events
from cadence.store.known import by_outside_id
from cadence.store.people import history_of
from cadence.store.rows import ConsentRow, ContactRow, EventRow, Recorded, TouchRow
from cadence.store.touches import record_touches

NOW = 20_000 * DAY


@dataclass(frozen=True, slots=True)
class Teller:
    """Tells a store facts, each in a transaction of its own."""

    store: Store

    def contacts(self, *rows: ContactRow, now: int = NOW, join_accounts: bool = False) -> Recorded:
        if join_accounts:
            accounts.join_accounts(self.store, lambda: now, "test")
        with self.store.write() as conn:
            return upsert_contacts(conn, rows, now, "crm")

    def touches(self, *rows: TouchRow, now: int = NOW, source: str = "crm") -> Recorded:
        with self.store.write() as conn:
            return record_touches(conn, rows, now, source)

    def events(self, *rows: EventRow, now: int = NOW, source: str = "crm") -> Recorded:
        with self.store.write() as conn:
            return record_events(conn, rows, now, source)

    def consents(self, *rows: ConsentRow, now: int = NOW) -> Recorded:
        with self.store.write() as conn:
            return record_consents(conn, rows, now, "crm")

    def happened(self, who: str, kind: EventKind, at: int, **more: Any) -> Recorded:
        """One event, told at NOW unless it says otherwise."""
        now = more.pop("now", NOW)
        return self.events(EventRow(who, at, kind, f"{kind.word}@{at}", **more), now=now)

    def due(self, now: int) -> tuple[tuple[int, int], ...]:
        with self.store.write() as conn:
            return apply_due(conn, None, now)

    def rows(self, sql: str, **params: Any) -> list[tuple[Any, ...]]:
        with self.store.read() as conn:
            return fetch(conn, sql, **params)

    def of(self, who: str, columns: str) -> tuple[Any, ...]:
        """Columns of a contact's row."""
        return self.rows(f"SELECT {columns} FROM contact WHERE outside_id = :who", who=who)[0]

    def circle(self, who: str) -> tuple[int, int]:
        """The (shard, id) of somebody's circle."""
        shard, circle = self.of(who, "shard, circle")
        return shard, circle

    def history(self, *who: str, now: int = NOW, **more: Any) -> History:
        """What a decision would see of these people's circles."""
        wanted = Needs(more.get("touches"), more.get("events", {}), frozenset(more.get("attributes", ())))
        with self.store.read() as conn:
            circles = list(dict.fromkeys(self.circle(w) for w in who))
            return history_of(conn, circles, now, wanted, more.get("defaults", Defaults())).history

    def place(self, who: str) -> tuple[int, int]:
        """The (shard, id) of a contact by the directory."""
        with self.store.read() as conn:
            known = by_outside_id(conn, [who])
        return int(known.shard[0]), int(known.contact[0])


@pytest.fixture
def told(store: Store) -> Teller:
    """An empty store to be told things."""
    return Teller(store)


def person(who: str, email: str | None = None, **more: Any) -> ContactRow:
    """A contact with one address of its own."""
    return ContactRow(who, {"email": email or f"{who}@example.com"}, **more)


@pytest.fixture
def someone() -> Callable[..., ContactRow]:
    """Makes contact rows."""
    return person


def sorted_rows(rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Rows in a stable order."""
    return sorted(rows, key=repr)
