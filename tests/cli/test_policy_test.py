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


def test_coverage_names_the_rules_that_no_case_meets_and_the_segments_nobody_is_in(cases: Office) -> None:
    cases.policy(
        segments=[
            {"name": "big", "where": {"spend": {"at_least": 100}}, "cadence": {"caps": {"max": 1, "per": "30d"}}},
            {"name": "everyone"},
        ]
    )

    told = cases.run("test", "good.yaml", "--coverage")

    assert "cases meet 1 of its 3 rules (good.yaml)" in told.words
    assert "no case meets caps '2 per 7d'" in told.words
    assert "no case meets caps '1 per 30d' of segment 'big'" in told.words
    assert "no case has a contact in segment 'big'" in told.words
    assert "night" not in told.words


def test_coverage_of_files_with_one_policy_is_told_together(cases: Office) -> None:
    told = json.loads(cases.run("test", "good.yaml", "bad.yaml", "--coverage", "--json").out)

    (one,) = told["coverage"]
    assert one["files"] == ["good.yaml", "bad.yaml"]
    assert {r["name"]: r["cases"] for r in one["rules"]} == {"2 per 7d": 0, "night": 2}
    assert one["segments"] == [{"name": "everyone", "cases": 4}]
