"""The language page, sentence by sentence: every case beside this file, through the same runner as `cadence test`."""

from __future__ import annotations

from pathlib import Path

import pytest

from cadence.workbench.case import Broken, Case, read_cases
from cadence.workbench.runner import run_case

FILES = {p.name: read_cases(p) for p in sorted(Path(__file__).parent.glob("*.yaml"))}
CASES = [pytest.param(name, case, id=f"{name}: {case.name}") for name, file in FILES.items() for case in file.cases]


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_cases_can_be_read(name: str) -> None:
    assert [str(f) for f in FILES[name].findings] == []


@pytest.mark.parametrize(("name", "case"), CASES)
def test_the_product_does_what_the_page_says(name: str, case: Case | Broken) -> None:
    assert isinstance(case, Case), [str(f) for f in case.findings]
    policy = FILES[name].policy
    assert policy is not None
    result = run_case(policy, case, name)
    assert result.differences == (), [str(d) for d in result.differences] + list(result.why)
