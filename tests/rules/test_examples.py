"""Each rule's example in the docs is a policy test, and it passes."""

from __future__ import annotations

import pytest

from cadence.rules.registry import RULES
from cadence.workbench.runner import run_text


@pytest.mark.parametrize("kind", RULES)
def test_the_example_of_a_rule_comes_as_it_says(kind: str) -> None:
    report = run_text(RULES[kind].EXAMPLE, name=kind)
    assert report.results
    assert report.ok, report.to_json()
