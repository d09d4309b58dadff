"""Several messages for one person: who goes first, what each leaves for the others, and who lets whom pass."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import cadence
from cadence.decide.arbitration import lookahead, ranks
from cadence.decide.round import decide as decide_round
from cadence.decide.round import decide_columns
from cadence.decide.telling import tell
from cadence.decide.told import ToldContact, ToldMessage
from cadence.facts import HOUR, NEVER, NONE, Ints, Push, Verdict
from cadence.policy.moments import moment_of
from tests.decide.reference import World, refusing
from tests.decide.test_welcome import relaxed
from tests.decide.worlds import CATEGORIES, some, worlds
from tests.rules.columns import view

POLICY: dict[str, Any] = {
    "version": 1,
    "defaults": {"timezone": "UTC"},
    "categories": {
        "promotion": {"consent": "none", "priority": 30},
        "newsletter": {"consent": "none"},
        "receipt": {"transactional": True},
    },
    "guard_rails": {"caps": {"name": "one a day", "max": 1, "per": "24h"}},
    "segments": [{"name": "everyone"}],
    "arbitration": {"order": ["priority", "value", "expiry", "age"], "lookahead": "24h"},
}
NOW = "2026-03-06T12:00:00Z"


def decide(
    messages: list[dict[str, Any]], history: list[dict[str, Any]] | None = None, **policy: Any
) -> dict[str, Any]:
    asked = cadence.policy_of({**POLICY, **policy})
    return asked.decide_several(contact={"timezone": "UTC"}, messages=messages, history=history or [], now=NOW)


def test_the_more_important_goes_and_the_other_waits_for_its_touch_to_leave_the_window() -> None:
    found = decide([{"id": "a", "category": "promotion"}, {"id": "b", "category": "newsletter"}])
    assert (found["b"].verdict, found["a"].verdict) == ("send", "defer")
    assert (found["a"].rule, str(found["a"].until)) == ("one a day", "2026-03-07 12:00:00+00:00")
    assert [t["id"] for t in found["a"].evidence[0].touches] == ["b"]


def test_among_equals_the_greater_value_then_the_nearer_expiry_then_the_older_then_the_id_goes_first() -> None:
    base = {"category": "newsletter", "expires": "9d", "at": "2026-03-05T00:00:00Z"}
    for better in ({"value": 2}, {"expires": "8d"}, {"at": "2026-03-04T00:00:00Z"}):
        found = decide([{"id": "a", **base}, {"id": "b", **base, **better}])
        assert found["b"].verdict == "send", better
    assert decide([{"id": "b", **base}, {"id": "a", **base}])["a"].verdict == "send"


def test_transactional_mail_neither_waits_nor_makes_others_wait() -> None:
    found = decide([{"id": "r", "category": "receipt"}, {"id": "n", "category": "newsletter"}])
    assert [d.verdict for d in found.values()] == ["send", "send"]


LATER = {"name": "not before ten tomorrow", "categories": ["newsletter"], "all_day": True, "days": ["fri"]}


def test_a_lesser_message_lets_a_greater_one_pass_that_is_welcome_within_the_lookahead() -> None:
    rails = {**POLICY["guard_rails"], "quiet_hours": LATER}
    found = decide([{"id": "p", "category": "promotion"}, {"id": "n", "category": "newsletter"}], guard_rails=rails)
    assert (found["n"].verdict, str(found["n"].until)) == ("defer", "2026-03-07 00:00:00+00:00")
    assert (found["p"].verdict, found["p"].rule, found["p"].until) == ("defer", "lookahead", found["n"].until)


def test_one_that_would_expire_meanwhile_is_not_held_back() -> None:
    rails = {**POLICY["guard_rails"], "quiet_hours": LATER}
    messages = [{"id": "p", "category": "promotion", "expires": "12h"}, {"id": "n", "category": "newsletter"}]
    assert decide(messages, guard_rails=rails)["p"].verdict == "send"


def test_a_greater_message_that_is_asked_later_is_awaited_until_then_and_no_earlier() -> None:
    policy = cadence.policy_of(POLICY).policy
    messages = [{"id": "n", "category": "newsletter"}, {"id": "p", "category": "promotion"}]
    told = tell(
        policy,
        ToldContact.model_validate({"timezone": "UTC"}),
        [],
        [ToldMessage.model_validate(m) for m in messages],
        moment_of(NOW),
    )
    for hours, verdict, until in ((3, Verdict.DEFER, told.now + 3 * HOUR), (30, Verdict.SEND, told.now)):
        waiting = replace(
            told.candidates, due=np.array([False, True]), due_at=np.array([told.now + hours * HOUR, NONE])
        )
        (outcome,) = decide_round(policy, told.history, waiting, told.now).outcomes
        assert (outcome.verdict, outcome.welcome_at) == (verdict, until)
        assert decide_columns(policy, told.history, waiting, told.now).rule.text(0) == outcome.rule
        if verdict is Verdict.DEFER:
            assert outcome.pushes[-1] == Push("lookahead", "lookahead", until, (), {"why": "lookahead", "message": 1})


def test_a_greater_message_that_is_asked_again_already_is_awaited_from_now_on_not_from_when_it_was_due() -> None:
    rails = {**POLICY["guard_rails"], "quiet_hours": LATER}
    policy = cadence.policy_of({**POLICY, "guard_rails": rails}).policy
    messages = [ToldMessage.model_validate({"category": c}) for c in ("newsletter", "promotion")]
    told = tell(policy, ToldContact.model_validate({}), [], messages, moment_of(NOW))
    waited = replace(told.candidates, due_at=np.array([told.now + 30 * HOUR, NONE]))
    newsletter, promotion = decide_round(policy, told.history, waited, told.now).outcomes
    assert newsletter.welcome_at == promotion.welcome_at == told.now + 12 * HOUR
    assert promotion.rule == "lookahead"


def test_a_round_in_which_nothing_is_due_decides_nothing() -> None:
    policy = cadence.policy_of(POLICY).policy
    contact, message = ToldContact.model_validate({}), ToldMessage.model_validate({"category": "newsletter"})
    told = tell(policy, contact, [], [message], moment_of(NOW))
    waiting = replace(told.candidates, due=np.array([False]))
    assert decide_round(policy, told.history, waiting, told.now).outcomes == []
    columns = decide_columns(policy, told.history, waiting, told.now)
    assert (len(columns.rows), columns.verdict.dtype, columns.rule.codes.dtype) == (0, np.int8, np.int32)


def test_each_circle_has_its_own_turns_whatever_its_number() -> None:
    messages = [{"id": str(i), "category": "newsletter", "value": v} for i, v in enumerate((1, 3, 2, 0, 5))]
    policy = cadence.policy_of(POLICY).policy
    told = tell(
        policy, ToldContact.model_validate({}), [], [ToldMessage.model_validate(m) for m in messages], moment_of(NOW)
    )
    for number in (0, 1, 2):
        circle = np.array([number, number + 2, number, number + 2, number + 2], np.int64)
        rows = np.arange(5)
        turns = ranks(told.candidates, rows, circle, policy.arbitration)
        alone = ranks(told.candidates, rows[:2], circle[:2], policy.arbitration)
        assert (turns.tolist(), alone.tolist()) == ([1, 1, 0, 2, 0], [0, 0])
        assert turns.dtype == alone.dtype == np.int64
        assert ranks(told.candidates, rows[3:], circle[3:], policy.arbitration).tolist() == [1, 0]


def test_nobody_waits_for_a_greater_message_that_it_does_not_make_wait() -> None:
    rails = {"caps": {"max": 1, "per": "24h", "categories": ["newsletter"]}, "quiet_hours": LATER}
    found = decide([{"id": "p", "category": "promotion"}, {"id": "n", "category": "newsletter"}], guard_rails=rails)
    assert (found["p"].verdict, found["n"].verdict) == ("send", "defer")


def test_who_lets_whom_pass_in_many_circles_at_once() -> None:
    """Contacts 0 to 3; the greater the number of a message, the greater its priority; sending makes others wait a day."""
    contact = np.array([2, 0, 1, 2, 0, 2, 1, 3, 0])
    seen = view(circle=[({}, [])] * 3, messages=[{"category": "newsletter", "contact": int(c)} for c in contact])
    candidates = replace(seen.candidates, priority=np.arange(9.0), released=np.arange(9) == 2)
    sending, waiting, now = np.array([0, 1, 2, 7]), np.array([3, 4, 5, 6, 8]), seen.now
    alone = now + np.array([0, 0, 0, 5, 3, 2, 1, 0, 3]) * HOUR

    def welcome_of(rows: Ints, sent: Ints) -> Ints:
        late = np.isin(candidates.contact[rows], candidates.contact[sent])
        return alone[rows] + 24 * HOUR * late

    def asked(reach: int, **changed: Any) -> list[tuple[int, int, int]]:
        marketing = changed.pop("marketing", np.ones(9, bool))
        some = replace(candidates, **changed)
        found = lookahead(some, sending, waiting, marketing, now, reach, welcome_of)
        hours = (found.until - now) // HOUR
        return list(zip(found.rows.tolist(), hours.tolist(), found.favoured.tolist(), strict=True))

    assert asked(24 * HOUR) == [(0, 2, 5), (1, 3, 4)]  # 2 is released, nobody waits beside 7; of equals the first row
    assert asked(2 * HOUR) == [(0, 2, 5)]
    assert asked(2 * HOUR - 1) == asked(0) == []
    expires = np.full(9, NEVER)
    expires[[5, 1]] = now + 2 * HOUR, now + 3 * HOUR
    assert asked(24 * HOUR, expires_at=expires) == [(0, 5, 3)]  # 5 and 1 expire before they could go
    assert asked(24 * HOUR, priority=np.zeros(9)) == []
    assert asked(24 * HOUR, marketing=np.arange(9) != 5) == [(0, 5, 3), (1, 3, 4)]
    assert asked(24 * HOUR, marketing=np.arange(9) > 0) == [(1, 3, 4)]


def test_without_lookahead_nobody_lets_anybody_pass() -> None:
    rails = {**POLICY["guard_rails"], "quiet_hours": LATER}
    messages = [{"id": "p", "category": "promotion"}, {"id": "n", "category": "newsletter"}]
    assert decide(messages, guard_rails=rails, arbitration={})["p"].verdict == "send"
    older = [{**messages[0], "at": "2026-03-05T00:00:00Z"}, messages[1]]
    found = decide(older, arbitration={"order": ["age"]})
    assert (found["p"].verdict, found["n"].verdict) == ("send", "defer")


@relaxed
@given(
    worlds(), st.lists(st.tuples(some(["news", "offers", *CATEGORIES]), some(["email", "sms"])), min_size=2, max_size=5)
)
def test_every_touch_of_a_round_is_accepted_by_all_rules_given_those_before_it(
    world: World, wanted: list[tuple[str, str]]
) -> None:
    messages = [
        {"id": str(i), "category": c, "channel": ch, "expires": f"{400 + i}d"} for i, (c, ch) in enumerate(wanted)
    ]
    decisions = cadence.policy_of(world.policy).decide_several(
        contact=world.contact,
        messages=messages,
        now=world.now,
        history=world.history,
        circle=[{"contact": c, "history": h} for c, h in world.others],
    )
    turn = sorted(messages, key=lambda m: (-CATEGORIES[m["category"]].get("priority", 50), int(m["id"])))
    history = list(world.history)
    for message in turn:
        seen = replace(world, history=history, message=message)
        refused = refusing(seen, world.now)
        assert (decisions[message["id"]].verdict == "send") == (refused == []), (message, refused)
        if not refused:
            history.append({"at": world.now, "touch": message["category"], "channel": message["channel"]})
