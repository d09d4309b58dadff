"""A world that is lived in by the front door: contacts and what they say come by import, policies as a daemon takes them in,
and after each round the verifier is asked."""

from __future__ import annotations

from typing import Any

from cadence.audit.verify import verify
from cadence.facts import EventKind
from cadence.queue.reload import take_in
from cadence.store.consents import record_consents
from cadence.store.contacts import upsert_contacts
from cadence.store.rows import ConsentRow, ContactRow
from tests.queue.world import World, at, policy_of

ALL = (("all", "all"),)
ANNA = "anna.berg@gmail.com"


def live_under(world: World, when: str, **rails: Any) -> None:
    """A policy with these guard rails becomes the active one."""
    world.policy = policy_of(guard_rails=rails)
    take_in(world.store, world.policy, lambda: at(when), world.me, "test")


def bring(world: World, when: str, *rows: ContactRow) -> None:
    """Import contacts, as a file of them would be."""
    with world.store.write() as conn:
        upsert_contacts(conn, rows, at(when), "crm")


def said(world: World, when: str, who: str, kind: EventKind, **more: Any) -> None:
    """Import a stop or a consent."""
    with world.store.write() as conn:
        row = ConsentRow(who, at(when), kind, more.pop("category", None), more.pop("channel", None))
        record_consents(conn, [row], at(when), "crm")


def person(who: str, email: str = ANNA, **more: Any) -> ContactRow:
    """A contact who once agreed to everything."""
    return ContactRow(who, {"email": email}, consents=ALL, **more)


def gone_out(world: World, now: str) -> int:
    """Decide and hand over all that is due; how many mails were ever delivered. The record bears it out."""
    for _ in range(2):  # what a last look holds back is decided anew
        world.tick(now)
        world.send(now)
    report = verify(world.store, now=at(now))
    assert report.ok, report.text()
    return world.delivered()
