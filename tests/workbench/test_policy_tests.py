"""Policy tests: read with places, run apart, and told with what was expected, what came and why."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadence.workbench.junit import junit_xml
from cadence.workbench.runner import CaseResult, Report, run, run_text

HEAD = """\
policy:
  version: 1
  categories: {newsletter: {consent: opt_in}, promotion: {consent: opt_in}}
  guard_rails: {caps: [{max: 2, per: 7d}]}
  segments: [{name: everyone}]
contact: {timezone: Europe/Stockholm, country: SE, consents: {email: [newsletter, promotion]}}
cases:
"""
THIRD = """\
  - name: the third promotion of a week waits for the first to leave the window
    contact: {timezone: Asia/Kathmandu}
    history:
      - {at: "2026-03-02T12:00+05:45", touch: promotion, channel: email, content: spring}
      - {at: "2026-03-04T12:00+05:45", touch: promotion, content: hats}
      - {at: "2026-03-04T13:00+05:45", engagement: click}
      - {at: "2026-03-04T14:00+05:45", opt_out: newsletter}
    message: {category: promotion, content: shoes, expires: 30d}
    now: "2026-03-06T12:00+05:45"
    expect: {verdict: defer, until: "2026-03-09T12:00+05:45", rule: "2 per 7d"}
"""


def only(report: Report) -> CaseResult:
    assert not report.findings, [str(f) for f in report.findings]
    (result,) = report.results
    return result


def case(expect: str, message: str = "message: {category: newsletter}", more: str = "") -> CaseResult:
    text = f'  - name: case\n    {message}\n    now: "2026-03-06T12:00"\n    expect: {expect}\n{more}'
    return only(run_text(HEAD + text))


def test_the_languages_own_example_passes() -> None:
    assert only(run_text(HEAD + THIRD)).outcome == "passed"


def test_a_failing_case_says_what_was_expected_what_came_and_why() -> None:
    result = only(run_text(HEAD + THIRD.replace("verdict: defer", "verdict: send").replace('"2 per 7d"', "null")))
    assert result.outcome == "failed"
    assert [str(d) for d in result.differences] == [
        "verdict: expected send, came defer",
        "rule: expected null, came 2 per 7d",
    ]
    assert "this policy allows 2" in result.why[0]


@pytest.mark.parametrize(("until", "outcome"), [("11:59:59", "passed"), ("12:00:01", "passed"), ("12:00:02", "failed")])
def test_an_until_matches_within_one_second(until: str, outcome: str) -> None:
    assert only(run_text(HEAD + THIRD.replace("2026-03-09T12:00", f"2026-03-09T{until}"))).outcome == outcome


def test_null_matches_only_null() -> None:
    assert case("{verdict: send, until: null, rule: null}").outcome == "passed"
    assert only(run_text(HEAD + THIRD.replace('"2026-03-09T12:00+05:45"', "null"))).outcome == "failed"


def test_keys_that_are_not_named_are_not_compared() -> None:
    assert case("{verdict: send}").outcome == "passed"


def test_the_cases_contact_is_laid_over_the_shared_one_and_lists_are_replaced() -> None:
    contact = "    contact: {consents: {email: [promotion], sms: [newsletter]}}\n"
    assert case("{verdict: suppress, rule: consent}", more=contact).outcome == "passed"
    assert case("{verdict: send}", "message: {category: newsletter, channel: sms}", contact).outcome == "passed"


def test_a_case_may_give_several_zones_over_a_shared_one() -> None:
    assert case("{verdict: send}", more="    contact: {timezones: [Asia/Kathmandu, Europe/Oslo]}\n").outcome == "passed"


def test_several_messages_are_expected_by_id() -> None:
    each = "{id: a, category: newsletter}, {id: b, category: newsletter, priority: 90}, {id: c, category: newsletter}"
    messages = f"messages: [{each}]"
    result = case("{b: {verdict: send}, a: {verdict: send}, c: {verdict: defer, rule: 2 per 7d}}", messages)
    assert result.outcome == "passed"
    worse = case("{c: {verdict: send}}", messages)
    assert str(worse.differences[0]) == "c: verdict: expected send, came defer"


def test_a_circle_is_decided_together() -> None:
    circle = """\
    contact: {addresses: {email: anna@example.com}}
    circle:
      - contact: {addresses: {email: Anna@example.com}}
        history: [{at: "2026-03-05T12:00", opt_out: all}]
"""
    assert case("{verdict: suppress, rule: evasion}", more=circle).outcome == "passed"


def findings(text: str) -> list[str]:
    report = run_text(text, name="t.yaml")
    assert not report.ok
    return [str(f) for f in (*report.findings, *(f for r in report.results for f in r.findings))]


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        ("touch: promotion, channel", "tuoch: promotion, channel", "t.yaml:11:40", "has no key 'tuoch'"),
        ("channel: email, content", "channel: e-mail, content", "t.yaml:11:67", "did you mean email"),
        ("opt_out: newsletter", "note: hello", "t.yaml:14:40", "has no key 'note'"),
        ("Asia/Kathmandu", "Asia/Katmando", "t.yaml:9:25", "did you mean"),
        ("message:", "mesage:", "t.yaml:15:5", "did you mean message"),
        ("verdict: defer", "verdict: deferred", "t.yaml:17:23", "did you mean defer"),
        ("expires: 30d", "expires: a month", "t.yaml:15:61", "neither a duration"),
        ("contact: {timezone: Eur", "contacts: {timezone: Eur", "t.yaml:6:1", "did you mean contact"),
        ("max: 2", "max: 0", "t.yaml:4:30", "max"),
        ("version: 1", "version: 1\n  segmets: []", "t.yaml:3:3", "did you mean segments"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(old: str, new: str, place: str, words: str) -> None:
    assert any(f.startswith(place) and words in f for f in findings((HEAD + THIRD).replace(old, new, 1))), findings(
        (HEAD + THIRD).replace(old, new, 1)
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "cases: []",
        "policy: {version: 1}\ncases: {}",
        HEAD,
        HEAD + "  - 5\n",
        "policy: nowhere.yaml\ncases: [{name: a}]",
        HEAD + "  - {name: a, now: 2026-03-01, message: {category: newsletter}}\n",
        HEAD + "  - {name: a, now: 2026-03-01, message: {category: newsletter}, expect: {}}\n",
        HEAD + "  - {name: a, now: 2026-03-01, expect: {verdict: send}}\n",
        HEAD + "  - {name: a, now: 2026-03-01, messages: [{category: newsletter}], expect: {a: {verdict: send}}}\n",
        HEAD
        + "  - {name: a, now: 2026-03-01, messages: [{id: b, category: promotion}], expect: {a: {verdict: send}}}\n",
        "policy: {",
    ],
)
def test_a_file_that_is_none_is_a_finding(text: str) -> None:
    assert findings(text)


def test_a_broken_case_keeps_no_other_from_running() -> None:
    report = run_text(HEAD + THIRD + THIRD.replace("touch: promotion", "touch: 5", 1))
    assert [r.outcome for r in report.results] == ["passed", "broken"]
    assert not report.readable


@pytest.mark.parametrize("at", ["0001-01-01T00:00+14:00", "9999-12-31T23:59-12:00"])
def test_an_instant_that_no_calendar_shows_keeps_no_other_from_running(at: str) -> None:
    history = f'history: [{{at: "{at}", touch: newsletter}}]'
    asked = 'message: {category: newsletter}, now: "2026-03-06T12:00", expect: {verdict: send}'
    report = run_text(f"{HEAD}{THIRD}  - {{name: odd, {history}, {asked}}}")
    assert [r.outcome for r in report.results] == ["passed", "passed"]


def test_a_message_in_an_unknown_category_is_a_warning_not_an_error() -> None:
    report = run_text(HEAD + THIRD.replace("message: {category: promotion", "message: {category: promotions"))
    assert [(f.level, f.suggestion) for f in report.findings] == [("warning", "promotion")]
    assert report.results[0].outcome == "failed"


def test_unknown_names_in_what_happened_are_warnings_at_their_places() -> None:
    odd = "{at: '2026-03-01T12:00Z', opt_out: promotoin}, {at: '2026-03-01T12:00Z', touch: promtion}"
    fine = "{at: '2026-03-01T12:00Z', opt_in: profiling}, {at: '2026-03-01T12:00Z', opt_in: email}"
    case = (
        f"  - {{name: a, history: [{odd}, {fine}], circle: [{{contact: {{}}, history: [{odd}]}}], message: {{category: promotion}}, "
        'now: "2026-03-06T12:00+05:45", expect: {verdict: send}}\n'
    )
    report = run_text(HEAD + case)
    assert [(f.level, f.found, f.suggestion) for f in report.findings] == [
        ("warning", "promotoin", "promotion"),
        ("warning", "promtion", "promotion"),
    ] * 2


def test_files_folders_and_keywords(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("\n".join(line[2:] for line in HEAD.splitlines()[1:5]))
    inside = tmp_path / "tests"
    inside.mkdir()
    body = (
        "policy: ../policy.yaml\ncontact: {timezone: Asia/Kathmandu, consents: {email: [promotion]}}\ncases:\n" + THIRD
    )
    (inside / "a.yaml").write_text(body + THIRD.replace("the third", "A THIRD"))
    (inside / "b.yaml").write_text("no: cases\n")
    seen: list[str] = []
    report = run([inside, tmp_path / "missing.yaml"], keyword="a third", progress=lambda r: seen.append(r.name))
    assert len(seen) == len(report.results) == 1
    assert report.left_out == 1
    assert report.ok is False
    assert str(report.findings[0]) == f"{tmp_path / 'missing.yaml'}: error: there is no such file"
    assert run([inside]).ok


def test_a_report_as_json_and_as_junit_says_the_same(tmp_path: Path) -> None:
    text = HEAD + THIRD + THIRD.replace("verdict: defer", "verdict: send") + "  - {name: bro\x85ken <&>}\n"
    report = run_text(text, name="t.yaml")
    told = json.loads(json.dumps(report.to_json()))
    assert (told["passed"], told["failed"], told["broken"]) == (1, 1, 1)
    assert told["results"][1]["differences"] == [
        {"message": None, "key": "verdict", "expected": "send", "came": "defer"}
    ]
    root = ElementTree.fromstring(junit_xml(report))
    (suite,) = root.findall("testsuite")
    assert {k: suite.attrib[k] for k in ("tests", "failures", "errors")} == {
        "tests": "3",
        "failures": "1",
        "errors": "1",
    }
    failure = suite.findall("testcase")[1].find("failure")
    assert failure is not None
    assert "expected send, came defer" in failure.attrib["message"]


LINES = (HEAD + THIRD).splitlines()


@given(
    st.lists(
        st.tuples(
            st.integers(0, len(LINES) - 1), st.sampled_from(["drop", "twice", "cut", "junk"]), st.integers(0, 90)
        ),
        min_size=1,
        max_size=4,
    ),
    st.text(max_size=6),
)
def test_whatever_a_file_holds_it_is_run_or_findings_say_why_not(
    changes: list[tuple[int, str, int]], junk: str
) -> None:
    lines = list(LINES)
    for place, how, column in changes:
        line = lines[place]
        changed = {
            "drop": "",
            "twice": line + "\n" + line,
            "cut": line[:column],
            "junk": line[:column] + junk + line[column:],
        }
        lines[place] = changed[how]
    report = run_text("\n".join(lines))
    assert report.results or report.findings
    assert junit_xml(report)
    json.dumps(report.to_json())
