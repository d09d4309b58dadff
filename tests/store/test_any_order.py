"""Whatever the batches and the order in which things are told, it comes to the same (SQLite; the statements are the same)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cadence.decide.needs import Needs
from cadence.facts import DAY, HOUR, EventKind
from cadence.policy.policy import Defaults
from cadence.store import Store
from cadence.store.bulk import fetch
from cadence.store.consents import record_consents
from cadence.store.contacts import upsert_contacts
from cadence.store.events import record_events
from cadence.store.people import history_of
from cadence.store.rows import ConsentRow, ContactRow, EventRow, TouchRow
from cadence.store.touches import record_touches

NOW = 20_000 * DAY
K = EventKind


@contextmanager
def empty() -> Iterator[Store]:
    with TemporaryDirectory() as folder:
        store = Store.open(f"sqlite:///{folder}/cadence.db")
        store.migrate()
        yield store
        store.close()


def batches(rows: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for i in range(0, len(rows), size):
        yield rows[i : i + size]


# Circles ------------------------------------------------------------------------------------------------------------

_contact = st.builds(
    lambda who, mailbox, home: (f"p{who}", f"m{mailbox}@example.com", home and f"h{home}"),
    st.integers(0, 11),
    st.integers(0, 9),
    st.integers(0, 3),
)


def told_circles(rows: Sequence[tuple[str, str, Any]], size: int) -> set[frozenset[str]]:
    with empty() as store:
        for batch in batches([ContactRow(w, {"email": m}, household=h or None) for w, m, h in rows], size):
            with store.write() as conn:
                upsert_contacts(conn, batch, NOW, "crm")
        with store.read() as conn:
            found: dict[tuple[int, int], set[str]] = {}
            for shard, circle, who in fetch(conn, "SELECT shard, circle, outside_id FROM contact"):
                found.setdefault((shard, circle), set()).add(who)
            sizes = dict(fetch(conn, "SELECT id, size FROM circle WHERE merged_into IS NULL"))
    assert sizes == {circle: len(members) for (_, circle), members in found.items()}
    return {frozenset(members) for members in found.values()}


def shared_circles(rows: Sequence[tuple[str, str, Any]]) -> set[frozenset[str]]:
    """The slow, obvious way: everybody who shares anything with anybody of a group is in it."""
    circles: list[tuple[set[str], set[str]]] = []
    for who, mailbox, home in rows:
        people, things = {who}, {who, mailbox} | ({home} if home else set())
        apart = []
        for others, theirs in circles:
            if theirs & things:
                people |= others
                things |= theirs
            else:
                apart.append((others, theirs))
        circles = [*apart, (people, things)]
    return {frozenset(people) for people, _ in circles}


@settings(max_examples=30, deadline=None)
@given(st.lists(_contact, min_size=1, max_size=14, unique_by=lambda r: r[0]), st.integers(1, 14))
def test_circles_are_who_shares_something_whatever_the_batches(rows: list[tuple[str, str, Any]], size: int) -> None:
    assert told_circles(rows, size) == shared_circles(rows)


# Facts --------------------------------------------------------------------------------------------------------------

_hours = st.integers(-200, -1)
_fact = st.one_of(
    st.builds(lambda h, c: ("touch", h, c), _hours, st.sampled_from(["news", "offers"])),
    st.builds(lambda h, k: ("event", h, k), _hours, st.sampled_from([K.PURCHASE, K.CLICK, K.REPLY, K.OPEN])),
    st.builds(
        lambda h, k, s: ("hold", h, k, s),
        _hours,
        st.sampled_from([K.TICKET_OPENED, K.TICKET_SOLVED]),
        st.sampled_from("ab"),
    ),
    st.builds(lambda h, n: ("wish", h, n), _hours, st.integers(1, 9)),
    st.builds(lambda h, k: ("consent", h, k), _hours, st.sampled_from([K.OPT_IN, K.OPT_OUT, K.COMPLAINT])),
)


def tell(store: Store, number: int, fact: tuple[Any, ...]) -> None:
    what, at, id_ = fact[0], NOW + fact[1] * HOUR, f"f{number}"
    with store.write() as conn:
        if what == "touch":
            record_touches(conn, [TouchRow("a", at, fact[2], source_id=id_)], NOW, "crm")
        elif what == "event":
            record_events(
                conn, [EventRow("a", at, fact[2], id_, amount=2.0 if fact[2] is K.PURCHASE else None)], NOW, "crm"
            )
        elif what == "hold":
            record_events(conn, [EventRow("a", at, fact[2], id_, subject=fact[3])], NOW, "crm")
        elif what == "wish":
            record_events(conn, [EventRow("a", at, K.LESS_OFTEN, id_, subject=f"{fact[2]} per 30d")], NOW, "crm")
        else:
            record_consents(conn, [ConsentRow("a", at, fact[2], None, None, id_)], NOW, "crm")


def seen(facts: Sequence[tuple[int, tuple[Any, ...]]]) -> list[Any]:
    """What a decision sees of somebody after these facts."""
    kinds = dict.fromkeys((K.PURCHASE, K.CLICK, K.REPLY, K.OPEN), 1000 * DAY)
    with empty() as store:
        with store.write() as conn:
            upsert_contacts(conn, [ContactRow("a", {"email": "a@example.com"})], NOW, "crm")
        for number, fact in facts:
            tell(store, number, fact)
        with store.read() as conn:
            circle = fetch(conn, "SELECT shard, circle FROM contact")
            history = history_of(conn, circle, NOW, Needs(None, kinds, frozenset()), Defaults()).history  # type: ignore[arg-type]
    people, touches, events, consents, holds = (
        history.people,
        history.touches,
        history.events,
        history.consents,
        history.holds,
    )
    return [
        (people.orders.tolist(), people.spend.tolist(), people.first_purchase.tolist()),
        sorted((k, v.tolist()) for k, v in people.latest.items()),
        [people.wishes[w] if w >= 0 else None for w in people.wish.tolist()],
        sorted(zip(touches.at.tolist(), touches.category.tolist(), strict=True)),
        sorted(zip(events.at.tolist(), events.kind.tolist(), events.amount.tolist(), strict=True)),
        list(zip(consents.at.tolist(), consents.given.tolist(), strict=True)),
        sorted(zip(holds.kind.tolist(), holds.about.tolist(), strict=True)),
    ]


@settings(max_examples=30, deadline=None)
@given(st.lists(_fact, max_size=8, unique_by=lambda f: f[1]), st.randoms(use_true_random=False))
def test_facts_come_to_the_same_in_whatever_order_they_are_told(facts: list[tuple[Any, ...]], chance: Any) -> None:
    numbered = list(enumerate(facts))
    shuffled = [*numbered, *numbered]
    chance.shuffle(shuffled)
    assert seen(shuffled) == seen(numbered)
