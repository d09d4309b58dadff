"""`cadence test`: runs policy tests; what fails is told with what was expected, what came, and why."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from tests.cli.office import Office

CASES = """policy: policy.yaml
contact: {timezone: Europe/Stockholm, consents: {email: [news]}}
cases:
  - {name: by day, message: {category: news}, now: "2026-03-03T12:00+01:00", expect: {verdict: send}}
  - {name: by night, message: {category: news}, now: "2026-03-03T23:00+01:00", expect: {verdict: VERDICT}}
"""


@pytest.fixture
def cases(office: Office) -> Office:
    """Two files: one as expected, one where a case fails."""
    (office.folder / "good.yaml").write_text(CASES.replace("VERDICT", "defer"), "utf-8")
    (office.folder / "bad.yaml").write_text(CASES.replace("VERDICT", "send"), "utf-8")
    return office


def test_all_as_expected_is_fine(cases: Office) -> None:
    answer = cases.run("test", "good.yaml")

    assert answer.code == 0
    assert "2 passed, 0 failed" in answer.words


def test_a_case_that_fails_tells_its_place_what_came_and_why(cases: Office) -> None:
    answer = cases.run("test", "bad.yaml")

    assert answer.code == 1
    assert "bad.yaml:5:" in answer.out
    assert "defer" in answer.out
    assert "night" in answer.out


def test_cases_can_be_chosen_by_name(cases: Office) -> None:
    assert cases.run("test", "bad.yaml", "-k", "day").code == 0


def test_a_report_for_machines(cases: Office) -> None:
    told = json.loads(cases.run("test", "bad.yaml", "--json").out)

    assert (told["passed"], told["failed"]) == (1, 1)


def test_a_report_for_build_servers(cases: Office) -> None:
    cases.run("test", "bad.yaml", "--junit", "report.xml")

    root = ElementTree.parse(cases.folder / "report.xml").getroot()
    assert len(list(root.iter("testcase"))) == 2
    assert len(list(root.iter("failure"))) == 1


@pytest.mark.parametrize("content", ["cases: 3", "policy: nowhere.yaml\ncases: [{name: x}]", "{"])
def test_a_file_that_cannot_be_read_is_wrong_input(cases: Office, content: str) -> None:
    (cases.folder / "odd.yaml").write_text(content, "utf-8")

    assert cases.run("test", "odd.yaml").code == 2
