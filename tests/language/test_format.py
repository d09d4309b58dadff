"""The format of a policy test itself: what a case expects, how cases share a contact, how the command ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from cadence.cli import main
from cadence.workbench.runner import run_text

HEAD = """
policy: {categories: {news: {}, hats: {}}, guard_rails: {caps: {max: 1, per: 7d}}}
contact: {consents: {email: [news], sms: [hats]}, attributes: {a: 1}}
cases:
"""
HELD = (
    '  - {name: x, history: [{at: "2026-03-02T12:00Z", touch: news}], message: {category: news}, '
    'now: "2026-03-06T12:00Z", expect: EXPECT}\n'
)


def outcome(expect: str) -> str:
    (result,) = run_text(HEAD + HELD.replace("EXPECT", expect)).results
    return result.outcome


@pytest.mark.parametrize(
    "expect",
    [
        "{verdict: defer}",
        "{rule: 1 per 7d}",
        '{until: "2026-03-09T12:00Z"}',
        '{until: "2026-03-09T12:00:01Z"}',
        '{until: "2026-03-09T11:59:59Z"}',
        '{until: "2026-03-09T13:00+01:00", verdict: defer, rule: 1 per 7d}',
    ],
)
def test_any_subset_may_be_expected_and_until_matches_within_one_second(expect: str) -> None:
    assert outcome(expect) == "passed"


@pytest.mark.parametrize(
    "expect",
    [
        "{verdict: send}",
        "{rule: 1 per 7D}",
        "{rule: null}",
        "{until: null}",
        '{until: "2026-03-09T12:00:01.5Z"}',
        '{verdict: defer, rule: 1 per 7d, until: "2026-03-10T12:00Z"}',
    ],
)
def test_what_came_otherwise_fails(expect: str) -> None:
    assert outcome(expect) == "failed"


def test_null_only_matches_null() -> None:
    text = HEAD + (
        '  - {name: x, message: {category: news}, now: "2026-03-06T12:00Z", expect: {until: "2026-03-06T12:00Z"}}\n'
    )
    assert [r.outcome for r in run_text(text).results] == ["failed"]


@pytest.mark.parametrize(
    ("own", "category", "channel", "verdict"),
    [
        ("{}", "news", "email", "send"),
        ("{consents: {sms: [news]}}", "news", "email", "send"),
        ("{consents: {sms: [news]}}", "hats", "sms", "suppress"),
        ("{consents: {email: [hats]}}", "news", "email", "suppress"),
        ("{consents: {email: [hats]}}", "hats", "email", "send"),
    ],
)
def test_a_cases_contact_is_laid_over_the_shared_one(own: str, category: str, channel: str, verdict: str) -> None:
    case = (
        f"  - {{name: x, contact: {own}, message: {{category: {category}, channel: {channel}}}, "
        f'now: "2026-03-06T12:00Z", expect: {{verdict: {verdict}}}}}\n'
    )
    assert [r.outcome for r in run_text(HEAD + case).results] == ["passed"]


def test_each_case_stands_alone() -> None:
    free = '  - {name: y, message: {category: news}, now: "2026-03-06T12:00Z", expect: {verdict: send}}\n'
    text = HEAD + HELD.replace("EXPECT", "{verdict: defer}") + free + free.replace("name: y", "name: z")
    assert [r.outcome for r in run_text(text).results] == ["passed"] * 3


def test_the_command_is_content_when_all_come_as_expected(tmp_path: Path) -> None:
    assert ended(tmp_path, "defer") == 0


def test_the_command_exits_1_when_one_fails(tmp_path: Path) -> None:
    assert ended(tmp_path, "send") == 1


def test_the_command_prints_what_was_expected_what_came_and_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended(tmp_path, "send")
    said = " ".join(capsys.readouterr().out.split())
    assert [word for word in ("expected send", "came defer", "this policy allows 1") if word not in said] == []


def ended(folder: Path, verdict: str) -> object:
    """How `cadence test` exits on the one case, with this verdict expected."""
    file = folder / "cases.yaml"
    file.write_text(HEAD + HELD.replace("EXPECT", "{verdict: " + verdict + "}"), "utf-8")
    with pytest.raises(SystemExit) as how:
        main(["test", str(file)])
    return how.value.code
