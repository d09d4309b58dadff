"""A number that a rule gives for a category and for an old name of it: the larger goes, for the engine and the verifier, in
whatever order they stand."""

from __future__ import annotations

from typing import Any

import pytest

from cadence import policy_of
from cadence.store import Store
from tests.audit.ledger import NOON, POLICY, Ledger

CATEGORIES = {**POLICY["categories"], "promotion": {"consent": "none", "was": ["offers"]}}
ORDERS = [
    {"offers": 1, "promotion": 2},
    {"promotion": 2, "offers": 1},
    {"offers": 2, "promotion": 1},
    {"promotion": 1, "offers": 2},
]
"""The first of a sorted pair isn't always the smaller, nor the last written always the larger."""


def both_refuse(store: Store, rails: dict[str, Any], category: str, *before: str) -> bool:
    policy = {**POLICY, "categories": CATEGORIES, "guard_rails": rails}
    days = [f"2026-03-0{day}T12:00" for day, _ in enumerate(before, 1)]
    said = policy_of(policy).decide(
        contact={"timezone": "Europe/Stockholm"},
        history=[{"at": when, "touch": name} for when, name in zip(days, before, strict=True)],
        message={"category": category},
        now=NOON,
    )
    ledger = Ledger(store, categories=CATEGORIES, guard_rails=rails)
    ann = ledger.contact()
    for when, name in zip(days, before, strict=True):
        ledger.told(ann, when, category=name)
    ledger.sent(ann, NOON, category)
    return said.verdict == "defer" and ledger.broken() == [(1, said.rule)]


@pytest.mark.parametrize("weights", ORDERS, ids=str)
def test_the_larger_weight_goes(store: Store, weights: dict[str, int]) -> None:
    rails = {"fatigue": {"half_life": "7d", "limit": 3.5, "weights": weights}}

    assert both_refuse(store, rails, "promotion", "follow_up", "promotion")


@pytest.mark.parametrize("reserve", ORDERS, ids=str)
def test_the_larger_reserve_goes(store: Store, reserve: dict[str, int]) -> None:
    rails = {"caps": {"name": "reserved", "max": 4, "per": "7d", "reserve": reserve}}

    assert both_refuse(store, rails, "follow_up", "follow_up", "follow_up")
