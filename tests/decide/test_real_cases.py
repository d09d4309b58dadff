"""Cases from outside through the whole core: real series through rolling caps, nights and changes of clocks, other
products.

They stand beside the project, each with its origin and licence; see tests/conftest.py for what happens without them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cadence
from cadence.decide.api import DecidingPolicy
from cadence.decide.telling import tell
from cadence.decide.told import ToldContact, ToldMessage
from cadence.facts import NEVER, Candidates, Codes, History, Ints, Ragged, Touches, Verdict, key
from cadence.policy.moments import moment_of
from cadence.workbench.runner import run_text

NOW = 1_800_000_000 * 1_000_000
"""Any instant will do: rolling windows look alike everywhere."""


def cases(shared: Path, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((shared / "data" / "cases" / f"{name}.json").read_text())["cases"]
    return found


def capped(caps: list[dict[str, int]]) -> DecidingPolicy:
    rails = {"caps": [{"max": c["max"], "per": f"{c['per_seconds']}s"} for c in caps]}
    segments = [{"name": "everyone"}]
    categories = {"call": {"consent": "none"}}
    return cadence.policy_of({"version": 1, "categories": categories, "guard_rails": rails, "segments": segments})


def many(policy: DecidingPolicy, histories: list[Ints]) -> tuple[History, Candidates]:
    """As many contacts as there are histories of touches (microseconds, ascending), each with one message due."""
    moment = moment_of("2027-01-15T08:00+00:00")
    assert moment is not None
    one = tell(policy.policy, ToldContact(), [], [ToldMessage(category="call")], moment)
    n, none = len(histories), np.zeros(len(histories), np.int64)
    rows = np.arange(n, dtype=np.int64)
    people = one.history.people
    wide = {
        name: _wide(getattr(people, name), none)
        for name in people.__slots__
        if name not in ("wishes", "attributes", "latest")
    }
    at = np.concatenate([np.zeros(0, np.int64), *histories])
    nought = np.zeros(len(at), np.int64)
    touches = Touches(
        id=np.arange(len(at), dtype=np.int64),
        contact=np.repeat(rows, [len(h) for h in histories]),
        at=at,
        channel=nought + key("phone"),
        category=nought + key("call"),
        campaign=nought,
        thread=nought,
        topic=nought,
        content=nought,
        mailbox=nought,
        triggered=nought > 0,
        tags=Ragged.of([[]] * len(at)),
    )
    contacts = replace(people, **{**wide, "id": rows + 1, "circle": rows.astype(np.int32)})
    candidates = replace(one.candidates.take(none), id=rows + 1, contact=rows, expires_at=none + NEVER)
    return replace(one.history, people=contacts, touches=touches), candidates


def _wide(column: Any, rows: Ints) -> Any:
    if isinstance(column, Ragged):
        return column.take(rows)
    if hasattr(column, "codes"):
        codes: Codes = column.codes[rows]
        return replace(column, codes=codes)
    return column[rows]


def answers(caps: list[dict[str, int]], before: list[list[int]], at: list[int]) -> tuple[list[bool], list[int]]:
    """For touches `before` (seconds), is another welcome `at`, and else when? All at once: time is moved to one now."""
    policy = capped(caps)
    histories = [NOW + (np.array(b, np.int64) - t) * 1_000_000 for b, t in zip(before, at, strict=True)]
    history, candidates = many(policy, histories)
    found = policy.decide_batch(history, candidates, NOW)
    order = np.argsort(found.rows)
    sent = (found.verdict[order] == Verdict.SEND).tolist()
    return sent, [t + (int(w) - NOW) // 1_000_000 for t, w in zip(at, found.welcome_at[order], strict=True)]


def by_caps(found: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for case in found:
        groups.setdefault(json.dumps(case["caps"]), []).append(case)
    return groups


def test_real_series_pass_rolling_caps_as_a_count_by_hand_says(shared: Path) -> None:
    for caps, group in by_caps(cases(shared, "rolling_caps_real_histories")).items():
        before, at, expected = [], [], []
        for case in group:
            sent: list[int] = []
            for attempt, passes in zip(case["attempts"], case["drop_mode_sent"], strict=True):
                before.append(list(sent))
                at.append(attempt)
                expected.append(bool(passes))
                sent += [attempt] if passes else []
        assert answers(json.loads(caps), before, at)[0] == expected, caps


def test_real_series_that_wait_their_turn_go_at_the_very_second(shared: Path) -> None:
    for caps, group in by_caps(cases(shared, "rolling_caps_real_histories")).items():
        before, at, expected = [], [], []
        for case in group:
            for i, release in enumerate(case["defer_mode_release"]):
                gone = case["defer_mode_release"][:i]
                before.append(gone)
                at.append(max([case["attempts"][i], *gone]))
                expected.append(release)
        assert answers(json.loads(caps), before, at)[1] == expected, caps


def test_nights_end_when_they_should_whatever_the_clocks_do(shared: Path) -> None:
    for case in cases(shared, "quiet_hours_dst"):
        whole = case["from"] == case["to"]
        quiet = {"all_day": True} if whole else {"from": case["from"], "to": case["to"]}
        if case["days"]:
            quiet["days"] = case["days"]
        policy = cadence.policy_of(
            {
                "version": 1,
                "categories": {"news": {"consent": "none"}},
                "guard_rails": {"quiet_hours": quiet},
                "segments": [{"name": "everyone"}],
            }
        )
        now, welcome = (datetime.fromisoformat(case[k]) for k in ("now_utc", "welcome_at_utc"))
        decision = policy.decide(contact={"timezone": case["zone"]}, message={"category": "news"}, now=now)
        assert (decision.until or now) == welcome, case
        assert (decision.verdict == "defer") == (now != welcome), case


HEAD = """
policy:
  version: 1
  categories: {{news: {{consent: none}}, offers: {{consent: none, priority: 80}}}}
  guard_rails: {rails}
  segments: [{{name: everyone}}]
  arbitration: {{lookahead: 24h}}
contact: {{timezone: Europe/Stockholm}}
cases:
"""
MONDAY = datetime.fromisoformat("2026-03-02T00:00+01:00")


def at(day: int, hour: float) -> str:
    return (MONDAY + timedelta(days=day, hours=hour)).isoformat()


def case(history: list[Any], message: Any, now: str, **expect: Any) -> str:
    told = {"name": "case", "history": history, "now": now, "expect": expect}
    told["messages" if isinstance(message, list) else "message"] = message
    return "  - " + json.dumps(told) + "\n"


def touch(when: str, **more: Any) -> dict[str, Any]:
    return {"at": when, "touch": "news", **more}


def news(**more: Any) -> dict[str, Any]:
    return {"category": "news", **more}


PUSH = {"channel": "push", "tags": ["promotional"]}
PEERS: dict[str, list[tuple[str, str]]] = {
    "braze-midnight": [
        ("{caps: {max: 1, per: calendar day}}", case([touch(at(0, 23))], news(), at(1, 0), verdict="send")),
        ("{caps: {max: 1, per: 24h}}", case([touch(at(0, 23))], news(), at(1, 0), verdict="defer", until=at(1, 23))),
    ],
    "braze-channels-not-counted": [
        (
            "{caps: {max: 3, per: 7d, channels: [push]}}",
            case([touch(at(0, h), channel="push") for h in (1, 2)], news(channel="push"), at(0, 3), verdict="send")
            + case(
                [touch(at(0, h), channel="push") for h in (1, 2, 3)], news(channel="push"), at(0, 4), verdict="defer"
            )
            + case([touch(at(0, h), channel="push") for h in (1, 2, 3)], news(channel="sms"), at(0, 4), verdict="send"),
        )
    ],
    "braze-most-restrictive-wins": [
        (
            "{caps: [{max: 1, per: 7d, channels: [push]}, {max: 3, per: 7d, channels: [push], tags: [promotional]}]}",
            case([], news(**PUSH), at(0, 9), verdict="send")
            + case([touch(at(0, 9), **PUSH)], news(**PUSH), at(1, 9), verdict="defer", until=at(7, 9), rule="1 per 7d"),
        )
    ],
    "braze-tag-removed": [
        (
            "{caps: {max: 1, per: 7d, channels: [push], tags: [promotional]}}",
            case([touch(at(0, 9), **PUSH)], news(**PUSH), at(2, 9), verdict="defer", until=at(7, 9)),
        )
    ],
    "braze-multichannel": [
        (
            "{caps: [{name: push, max: 1, per: 1d, channels: [push]},"
            " {name: mail, max: 1, per: 1d, channels: [email]}]}",
            case(
                [],
                [news(id=f"{c}-{ch}", campaign=c, channel=ch) for c in ("1", "2") for ch in ("push", "email")],
                at(0, 9),
                **{"1-push": {"verdict": "send"}, "1-email": {"verdict": "send"}},
                **{"2-push": {"verdict": "defer", "rule": "push"}, "2-email": {"verdict": "defer", "rule": "mail"}},
            ),
        )
    ],
    "braze-reeligible-month": [
        (
            "{gap: {wait: 30d}}",
            case([touch(at(0, 9))], news(), at(29, 9), verdict="defer", until=at(30, 9))
            + case([touch(at(0, 9))], news(), at(30, 9), verdict="send"),
        )
    ],
    "klaviyo-window-changed": [("{gap: {wait: 10h}}", case([touch(at(0, 9))], news(), at(0, 21), verdict="send"))],
    "klaviyo-channels-apart": [
        (
            "{gap: {wait: 16h, channels: [email]}}",
            case([touch(at(0, 9), channel="sms")], news(), at(0, 10), verdict="send"),
        ),
        (
            "{gap: {wait: 16h}}",
            case([touch(at(0, 9), channel="sms")], news(), at(0, 10), verdict="defer", until=at(1, 1)),
        ),
    ],
    "moengage-min-delay-off": [
        ("{caps: {max: 2, per: 24h}}", case([touch(at(0, 13))], news(), at(0, 13.25), verdict="send"))
    ],
    "moengage-dnd": [
        ('{quiet_hours: {from: "22:00", to: "08:00"}}', case([], news(), at(1, 0), verdict="defer", until=at(1, 8)))
    ],
    "mautic-1-per-day": [
        ("{caps: {max: 1, per: 24h}}", case([touch(at(0, 9))] * 2, news(), at(0, 9), verdict="defer", until=at(1, 9)))
    ],
    "mautic-campaign-ignores-rule": [
        (
            "{caps: {max: 2, per: 7d}}",
            case(
                [touch(at(0, h), campaign="list") for h in (8, 9)], news(campaign="journey"), at(0, 10), verdict="defer"
            ),
        )
    ],
    "mautic-sms-used-email-rule": [
        (
            "{caps: [{max: 1, per: 24h, channels: [sms]}, {max: 5, per: 24h, channels: [email]}]}",
            case([touch(at(0, 9), channel="sms")], news(channel="sms"), at(0, 10), verdict="defer", rule="1 per 24h"),
        )
    ],
    "infobip-reserve-for-higher": [
        (
            "{caps: {max: 2, per: 7d}, gap: {wait: 12h, categories: [offers]}}",
            case(
                [{"at": at(0, 9), "touch": "offers"}],
                [news(id="lower"), {"id": "higher", "category": "offers"}],
                at(0, 15),
                lower={"verdict": "defer", "until": at(0, 21), "rule": "lookahead"},
                higher={"verdict": "defer", "until": at(0, 21), "rule": "1 per 12h"},
            ),
        )
    ],
}
NOT_RULES = {
    "braze-canvas-step": "journeys of steps",
    "braze-speed-limit-with-failure": "the speed of sending",
    "braze-next-saturday": "schedules",
    "novu-throttle": "workflows of steps",
}


def test_every_case_of_other_products_is_tried_or_said_to_be_no_matter_of_rules(shared: Path) -> None:
    assert {c["id"] for c in cases(shared, "frequency_peers")} == {*PEERS, *NOT_RULES}


@pytest.mark.parametrize("name", PEERS)
def test_what_other_products_show_comes_as_our_language_says(name: str) -> None:
    for rails, written in PEERS[name]:
        report = run_text(HEAD.format(rails=rails) + written, name=name)
        assert report.results
        assert report.ok, report.to_json()
