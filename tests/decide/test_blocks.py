"""A round in parts decides the same as whole, and as circle by circle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cadence
from cadence.decide import blocks
from cadence.decide.round import Answers, decide_columns
from cadence.decide.telling import Telling, tell
from cadence.decide.told import ToldContact, ToldEvent, ToldMember, ToldMessage
from cadence.facts import CHANNELS, Candidates, Coded, EventKind, History, People, Ragged, Wish
from cadence.policy.moments import moment_of
from cadence.policy.policy import Policy
from tests.decide.test_welcome import relaxed
from tests.decide.worlds import NOWS, SUBJECTS, facts, messages, persons, policies, some
from tests.rules.columns import at, view

NOW = NOWS[0]


def joined(columns: Sequence[Any]) -> Any:
    """One column after another."""
    if isinstance(columns[0], Coded):
        return Coded.of([c.text(i) for c in columns for i in range(len(c))])
    if isinstance(columns[0], Ragged):
        rows = [c.row(i).tolist() for c in columns for i in range(len(c))]
        return Ragged.of(rows, columns[0].values.dtype)
    return np.concatenate(columns)


def beside(tables: Sequence[Any], **shifted: Sequence[int]) -> dict[str, Any]:
    """The columns of all these tables; `shifted` says by how much the numbers of each table's column grow."""
    names = [f.name for f in fields(tables[0]) if f.name not in ("wishes", "attributes", "latest")]
    found = {name: joined([getattr(t, name) for t in tables]) for name in names}
    for name, steps in shifted.items():
        wide = [np.where(getattr(t, name) >= 0, getattr(t, name) + s, -1) for t, s in zip(tables, steps, strict=True)]
        found[name] = np.concatenate(wide).astype(found[name].dtype)
    return found


def before(tables: Sequence[Any], count: Any = len) -> list[int]:
    """How many rows stand before each table."""
    return [0, *np.cumsum([count(t) for t in tables]).tolist()][:-1]


def together(told: Sequence[Telling]) -> tuple[History, Candidates]:
    """The circles that were told, in one round."""
    people = [t.history.people for t in told]
    first = before(people)
    wide: dict[str, Any] = beside(people, circle=range(len(told)), wish=before(people, lambda p: len(p.wishes)))
    wide["wishes"] = tuple(w for p in people for w in p.wishes)
    wide["attributes"] = {}
    wide["latest"] = {k: joined([_latest(p, k) for p in people]) for k in EventKind}
    tables = {
        f.name: replace(
            getattr(told[0].history, f.name), **beside([getattr(t.history, f.name) for t in told], contact=first)
        )
        for f in fields(History)
        if f.name not in ("people", "campaigns")
    }
    candidates = [t.candidates for t in told]
    return History(people=People(**wide), **tables), Candidates(**beside(candidates, contact=first))


def _latest(people: People, kind: EventKind) -> Any:
    return people.latest.get(kind, np.full(len(people), -(2**63), np.int64))


def of_each(answers: Answers) -> dict[int, tuple[int, int, str | None]]:
    """By row what became of it."""
    told = zip(answers.rows.tolist(), answers.verdict.tolist(), answers.welcome_at.tolist(), strict=True)
    return {row: (verdict, at, answers.rule.text(i)) for i, (row, verdict, at) in enumerate(told)}


def read(model: Any, given: dict[str, Any]) -> Any:
    plain = {k: v.isoformat() if hasattr(v, "isoformat") else v for k, v in given.items()}
    if "trigger" in plain:
        plain["trigger"] = {**plain["trigger"], "at": plain["trigger"]["at"].isoformat()}
    return model.model_validate(plain)


def addresses(place: int, who: int) -> dict[str, str]:
    """On each channel one: who has none told is given one that is the same in each telling. The circle shares its mailbox."""
    own = {
        channel: f"+46{place:04}{who:04}" if channel in ("sms", "phone") else f"{place}-{who}" for channel in CHANNELS
    }
    return {**own, "email": f"{place}@example.com"}


@st.composite
def circles(draw: st.DrawFn, policy: Policy, place: int) -> Telling:
    """A contact, perhaps others of its circle, and one message or several; no other circle has an address of theirs."""
    subject = draw(some(SUBJECTS))
    now = moment_of(NOW.isoformat())
    assert now is not None
    others = [
        ToldMember(
            contact=read(ToldContact, {"addresses": addresses(place, 1 + i)}),
            history=[read(ToldEvent, e) for e in draw(st.lists(facts(NOW), max_size=2))],
        )
        for i in range(draw(st.integers(0, 1)))
    ]
    return tell(
        policy,
        read(ToldContact, {**draw(persons(subject)), "addresses": addresses(place, 0)}),
        [read(ToldEvent, e) for e in draw(st.lists(facts(NOW), max_size=8))],
        [read(ToldMessage, m) for m in draw(st.lists(messages(subject, NOW), min_size=1, max_size=3))],
        now,
        others,
    )


@relaxed
@given(st.data())
def test_parts_decide_as_circles_alone_do(data: st.DataObject) -> None:
    policy = cadence.policy_of(data.draw(policies())).policy
    told = [data.draw(circles(policy, place)) for place in range(data.draw(st.integers(1, 4)))]
    history, candidates = together(told)
    order = np.array(data.draw(st.permutations(range(len(candidates)))), np.int64)
    alone, place = {}, 0
    for one in told:
        answers = of_each(decide_columns(policy, one.history, one.candidates, one.now))
        alone |= {place + row: answer for row, answer in answers.items()}
        place += len(one.candidates)
    with pytest.MonkeyPatch.context() as patched:
        for size in (1, 40, 1 << 20):
            patched.setattr(blocks, "SIZE", size)
            found = of_each(decide_columns(policy, history, candidates.take(order), told[0].now))
            assert {int(order[row]): answer for row, answer in found.items()} == alone


def test_parts_are_whole_circles_and_each_row_is_in_one() -> None:
    policy = cadence.policy_of({"version": 1, "segments": [{"name": "everyone"}]}).policy
    moment = moment_of("2026-03-06T12:00Z")
    assert moment is not None
    other = ToldMember(contact=ToldContact(addresses={"email": "a@example.com"}))
    one = tell(policy, ToldContact(addresses={"email": "a@example.com"}), [], [], moment, [other])
    history, _ = together([one] * 5)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(blocks, "SIZE", 40)
        people = [part.people for part, _, _ in blocks.blocks(history, one.candidates)]
    assert [some.circle.tolist() for some in people] == [[0, 0, 1, 1, 2, 2], [0, 0, 1, 1]]
    assert [len(some.zones) for some in people] == [6, 4]


def test_a_part_has_the_wishes_of_its_own_contacts() -> None:
    wishes = [Wish(days=frozenset({day})) for day in range(4)]
    first, *others = ({"wish": wish} for wish in wishes)
    seen = view(contact=first, circle=[(other, []) for other in others])
    people = replace(seen.people, circle=np.arange(4, dtype=np.int32))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(blocks, "SIZE", 1)
        parts = [part.people for part, _, _ in blocks.blocks(replace(seen.history, people=people), seen.candidates)]
    assert [[some.wishes[wish] for wish in some.wish] for some in parts] == [[wish] for wish in wishes]


def test_in_parts_conditions_see_the_attributes_of_their_own_contacts() -> None:
    where = {"shoe_size": 41, "country": "SE"}
    categories, cap = {"newsletter": {"consent": "none"}}, {"max": 1, "per": "7d", "where": where}
    policy = cadence.policy_of({"categories": categories, "guard_rails": {"caps": cap}}).policy
    now = NOW.isoformat()
    sent = [{"at": now, "touch": "newsletter"}]
    first, *others = ({"country": c} for c in ("SE", "SE", "SE", "NO", "SE", "SE"))
    seen = view(
        sent,
        now=at(now),
        contact=first,
        circle=[(other, sent) for other in others],
        messages=[{"category": "newsletter", "contact": i} for i in range(6)],
    )
    sizes = np.array([41, 40, None, 41, 40, 41], object)
    people = replace(seen.people, circle=np.arange(6, dtype=np.int32), attributes={"shoe_size": sizes})
    with pytest.MonkeyPatch.context() as patched:
        for size in (1, 20, 1 << 20):
            patched.setattr(blocks, "SIZE", size)
            answers = of_each(decide_columns(policy, replace(seen.history, people=people), seen.candidates, at(now)))
            assert [answers[row][2] for row in range(6)] == ["1 per 7d", None, None, None, None, "1 per 7d"]
