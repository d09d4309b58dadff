"""What is counted apart for each tag: the verifier asks once for each tag of the message, and no other, as the engine does."""

from __future__ import annotations

import json

import pytest

from cadence import policy_of
from cadence.store import Store
from tests.audit.ledger import NOON, POLICY, Ledger

RAILS = {"caps": {"name": "per tag", "max": 2, "per": "7d", "each": "tag"}}


@pytest.mark.parametrize(
    ("before", "tags", "welcome"),
    [
        (["hats", "shoes"], "hats shoes", True),
        (["hats", "hats shoes"], "hats shoes", False),
        (["hats", "hats"], "shoes", True),
        (["hats", "hats shoes"], "shoes", True),
        (["hats shoes", "hats shoes"], "shoes", False),
        (["", ""], "", True),
    ],
)
def test_each_tag_has_its_own_count(store: Store, before: list[str], tags: str, welcome: bool) -> None:
    days = {f"2026-03-0{day}T12:00": tagged.split() for day, tagged in enumerate(before, 1)}
    ledger = Ledger(store, guard_rails=RAILS)
    ann = ledger.contact()
    for when, tagged in days.items():
        ledger.told(ann, when, tags=json.dumps(tagged))
    ledger.sent(ann, NOON, tags=json.dumps(tags.split()))

    said = policy_of({**POLICY, "guard_rails": RAILS}).decide(
        contact={"timezone": "Europe/Stockholm"},
        history=[{"at": when, "touch": "promotion", "tags": tagged} for when, tagged in days.items()],
        message={"category": "promotion", "tags": tags.split()},
        now=NOON,
    )

    assert (ledger.broken() == []) is (said.verdict == "send") is welcome
