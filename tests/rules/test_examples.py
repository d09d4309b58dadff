"""Rules as policy tests: each rule's example in the docs, and the language's words case by case, in the files beside this one."""

from __future__ import annotations

from pathlib import Path

import pytest

from cadence.rules.registry import RULES
from cadence.workbench.case import Broken, Case, read_cases
from cadence.workbench.runner import run_case, run_text

FILES = {p.name: read_cases(p) for p in sorted(Path(__file__).parent.glob("*.yaml"))}
CASES = [pytest.param(name, case, id=f"{name}: {case.name}") for name, file in FILES.items() for case in file.cases]


@pytest.mark.parametrize("kind", RULES)
def test_the_example_of_a_rule_comes_as_it_says(kind: str) -> None:
    report = run_text(RULES[kind].EXAMPLE, name=kind)
    assert report.results
    assert report.ok, report.to_json()


@pytest.mark.parametrize("name", FILES)
def test_nothing_is_wrong_with_the_file(name: str) -> None:
    assert [str(f) for f in FILES[name].findings] == []


@pytest.mark.parametrize(("name", "case"), CASES)
def test_the_case_comes_as_the_language_says(name: str, case: Case | Broken) -> None:
    assert isinstance(case, Case), [str(f) for f in case.findings]
    policy = FILES[name].policy
    assert policy is not None
    result = run_case(policy, case, name)
    assert result.differences == (), [str(d) for d in result.differences] + list(result.why)
