"""Checking a template before it is due, and what makes content the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadence.send.render import load_template
from cadence.send.templates import check_template, content_of, content_of_template

KNOWN = {"first_name", "town", "contact"}
MEMBERS = {"contact": {"first_name", "orders"}}


def findings(
    subject: str = "s", html: str | None = None, text: str | None = "x", folder: Path | None = None
) -> list[str]:
    found = check_template(subject, html, text, folder, known=KNOWN, members=MEMBERS)
    return [f"{finding.severity}: {finding}" for finding in found]


def test_a_good_template_has_no_findings() -> None:
    good = "{% set n = contact.orders %}{% for x in [n] %}{{ x }}{% endfor %}{{ first_name | upper }}"
    assert findings("Hej {{ first_name }}", f"<p>{good}</p>", good) == []


def test_an_unknown_variable_is_found_with_place_and_the_nearest_word() -> None:
    assert findings(text="a\n{{ frist_name }}") == [
        "error: text, line 2: unknown variable frist_name; did you mean first_name?"
    ]


def test_each_place_of_an_unknown_variable_is_found() -> None:
    assert [finding.partition(":")[2][:14] for finding in findings(text="{{ zzz }}\n{{ zzz }}")] == [
        " text, line 1:",
        " text, line 2:",
    ]


def test_an_unknown_attribute_is_found() -> None:
    assert findings(text="{{ contact.order }}") == [
        "error: text, line 1: unknown variable contact.order; did you mean contact.orders?"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "{{ nick | default('x') }}",
        "{% if nick is defined %}x{% endif %}",
        "{% if nick %}{{ nick }}{% endif %}",
        "{{ nick if nick else 'x' }}",
    ],
)
def test_what_is_provided_for_is_a_warning(text: str) -> None:
    (finding,) = findings(text=text)
    assert finding.startswith("warning: text, line 1: unknown variable nick")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{% if last_name %}{{ last_name }}{% endif %}", []),
        ("{{ last_name | default('x') }}", []),
        (
            "{{ last_name }}",
            ["unknown variable last_name: no contact has it; ask first, {% if last_name %}, or import it"],
        ),
        ("{{ lst_name }}", ["unknown variable lst_name; did you mean last_name?"]),
    ],
)
def test_what_nobody_has_yet_may_be_asked_for(text: str, said: list[str]) -> None:
    found = check_template("Hej", None, text, known={"town"}, perhaps=["last_name"])
    assert [finding.sentence for finding in found] == said


def test_all_parts_are_checked_at_once() -> None:
    found = findings("{{ a_a }}", "{{ b_b }", "{% if %}")
    assert [finding.split(",")[0] for finding in found] == ["error: html", "error: subject", "error: text"]


def test_an_unknown_filter_is_found() -> None:
    assert findings(text="{{ town | uper }}") == [
        "error: text, line 1: the template can't be read: No filter named 'uper'."
    ]


def test_what_is_drawn_in_is_checked_too(tmp_path: Path) -> None:
    (tmp_path / "foot.txt").write_text("a\n{{ twon }} {{ given }}")
    assert findings(text="{% set given = 1 %}{% include 'foot.txt' %}", folder=tmp_path) == [
        "error: foot.txt, line 2: unknown variable twon; did you mean town?"
    ]


def test_files_that_draw_in_each_other_end(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("{% include 'b.txt' %}")
    (tmp_path / "b.txt").write_text("{% include 'a.txt' %}{{ x_x }}")
    assert [finding.split(",")[0] for finding in findings(text="a.txt", folder=tmp_path)] == ["error: b.txt"]


def test_a_missing_file_is_found_where_it_is_named(tmp_path: Path) -> None:
    (finding,) = findings(text="a\n{% include 'no.txt' %}", folder=tmp_path)
    assert finding.startswith("error: text, line 2:")


def test_a_file_that_may_be_missing_is_no_finding(tmp_path: Path) -> None:
    assert findings(text="{% include 'no.txt' ignore missing %}", folder=tmp_path) == []


def test_a_template_of_nothing_is_found() -> None:
    (finding,) = findings(text=None)
    assert "neither html nor text" in finding


@given(st.text("{}%# abxif'\n|.", max_size=60))
def test_checking_never_raises(text: str) -> None:
    findings(text=text)


def test_the_same_content_has_the_same_hash_whatever_the_order_of_variables() -> None:
    assert content_of("s", ["t"], {"a": 1, "b": 2}) == content_of("s", ["t"], {"b": 2, "a": 1})


@pytest.mark.parametrize(
    "other", [("S", ["t"], {"a": 1}), ("s", ["T"], {"a": 1}), ("s", ["t"], {"a": 2}), ("s", [], {"a": 1})]
)
def test_other_content_has_another_hash(other: tuple[str, list[str], dict[str, object]]) -> None:
    assert content_of("s", ["t"], {"a": 1}) != content_of(*other)


def test_a_file_that_is_drawn_in_is_part_of_the_content(tmp_path: Path) -> None:
    (tmp_path / "foot.txt").write_text("one")
    before = content_of_template(load_template("s", None, "{% include 'foot.txt' %}", tmp_path), {})
    (tmp_path / "foot.txt").write_text("two")
    after = content_of_template(load_template("s", None, "{% include 'foot.txt' %}", tmp_path), {})
    assert before != after
