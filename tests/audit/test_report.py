"""What the verifier's report says to people: few enough to read, with how many there are and how to get them."""

from __future__ import annotations

from cadence.audit.verify.report import Breach, Report


def report(breaches: int, unsure: int = 0) -> Report:
    """A report with so many."""
    made = Report(0)
    for n in range(breaches):
        made.found(Breach(1, "caps", "one too many", contact=n))
    for n in range(unsure):
        made.found(Breach(3, "consent", "perhaps", contact=n), sure=False)
    return made


def test_of_many_breaches_people_see_twenty_and_how_to_get_all() -> None:
    lines = report(1_500).text().splitlines()

    assert sum("one too many" in line for line in lines) == 20
    assert "  ... and 1,480 more; --json lists them (at most 1,000)" in lines
    assert "1. No one is over-contacted: BROKEN 1,500 times" in lines


def test_of_what_is_not_sure_too() -> None:
    lines = report(0, 21).text().splitlines()

    assert sum("perhaps" in line for line in lines) == 20
    assert lines[-1] == "  ... and 1 more; --json lists them (at most 1,000)"


def test_twenty_are_all_shown_and_machines_get_all_that_are_kept() -> None:
    assert "more" not in report(20).text()
    assert len(report(1_500).as_json()["breaches"]) == 1_000
