"""YAML with places: what it means, where it stands, and that nothing whatever makes the reader raise."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadence.policy.nodes import MAX_BYTES, read_file, read_text


def plain(text: str) -> object:
    node, findings = read_text(text, "x.yaml")
    assert node is not None, findings
    return node.plain()


def problem(text: str) -> str:
    node, findings = read_text(text, "x.yaml")
    assert node is None
    return str(findings[0])


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("a: NO", "NO"),
        ("a: yes", "yes"),
        ("a: 20:00", "20:00"),
        ("a: 2026-03-02", "2026-03-02"),
        ("a: 1_000", "1_000"),
        ("a: 010", 10),
        ("a: 0o17", 15),
        ("a: 0x1F", 31),
        ("a: 1e3", 1000.0),
        ("a: true", True),
        ("a: 'true'", "true"),
        ("a: !!str 5", "5"),
        ("a: ~", None),
        ("a:", None),
    ],
)
def test_a_scalar_means_what_yaml_1_2_says(text: str, meaning: object) -> None:
    found = plain(text)
    assert found == {"a": meaning}
    assert type(found["a"]) is type(meaning)  # type: ignore[index]


def test_own_keys_override_merged_ones_and_earlier_merged_ones_later_ones() -> None:
    text = "x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz: {<<: [*x, *y], a: 3}"
    assert plain(text)["z"] == {"a": 3, "b": 1, "c": 2}  # type: ignore[index]


def test_a_merged_value_has_the_place_where_it_is_written() -> None:
    node, _ = read_text("x: &x {a: 1}\nz:\n  <<: *x\n", "x.yaml")
    assert node is not None
    assert str(node.place_of(("z", "a"))) == "x.yaml:1:11"


def test_a_key_and_its_value_have_a_place_each() -> None:
    node, _ = read_text("a:\n  - b: 1\n", "x.yaml")
    assert node is not None
    assert str(node.place_of(("a", 0, "b"), key=True)) == "x.yaml:2:5"
    assert str(node.place_of(("a", 0, "b"))) == "x.yaml:2:8"


def test_a_place_skips_what_is_not_in_the_content() -> None:
    node, _ = read_text("a: {b: 1}", "x.yaml")
    assert node is not None
    assert node.place_of(("a", "some branch", "b")) == node.place_of(("a", "b"))


BOMB = "\n".join(
    ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    + [f"{n}: &{n} [{', '.join(['*' + m] * 10)}]" for m, n in zip("abcdef", "bcdefg", strict=True)]
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\nb: 2\na: 3", "x.yaml:3:1: error: the key 'a' stands twice, first in line 1"),
        ("a: &a [*a]", "x.yaml:1:4: error: an alias inside of what it stands for: this never ends"),
        (BOMB, "x.yaml:1:1: error: with its aliases written out it holds more than 200,000 values"),
        ("[" * 60 + "]" * 60, "x.yaml:1:41: error: nested deeper than 40 levels"),
        ("[" * 50_000, "x.yaml:1:1: error: nested deeper than 40 levels"),
        ("a: !foo 3", "x.yaml:1:4: error: a tag that isn't known; found !foo; allowed: no tag"),
        ("a: .inf", "x.yaml:1:4: error: a number must be finite; found .inf"),
        ("a: 12345678901234567890", "x.yaml:1:4: error: a number with more than 18 digits"),
        ("? [a]\n: 1", "x.yaml:1:3: error: a key must be a plain word"),
        ("<<: 3", "x.yaml:1:1: error: '<<' takes a mapping or a list of mappings; found 3"),
        ("%YAML 1.1\n---\na: 1", "x.yaml:1:1: error: another version of YAML is asked for; found 1.1; allowed: 1.2"),
        ("a: 1\n---\nb: 2", "x.yaml:2:1: error: this is not valid YAML: expected a single document"),
        ("a: *x", "x.yaml:1:4: error: this is not valid YAML: found undefined alias 'x'"),
        ("a: [1, 2", "x.yaml:1:9: error: this is not valid YAML: while parsing a flow sequence"),
        ("a: 1\nb: \x01", "x.yaml:2:4: error: a character that YAML doesn't allow (U+0001)"),
        ('a: "\\ud83d"', "x.yaml:1:4: error: an escape for a character that no text can hold (U+D83D)"),
        ('"\\0": 1', "x.yaml:1:1: error: an escape for a character that no text can hold (U+0000)"),
    ],
)
def test_what_cannot_be_read_is_a_finding_at_its_place(text: str, words: str) -> None:
    assert problem(text).startswith(words)


def test_a_sign_that_json_escapes_as_two_halves_is_one() -> None:
    node, _ = read_text(json.dumps({"😀": "a 😀"}))
    assert node is not None
    assert node.plain() == {"😀": "a 😀"}


def test_a_file_in_another_encoding_is_told_by_the_place_of_its_first_wrong_byte(tmp_path: Path) -> None:
    file = tmp_path / "latin.yaml"
    file.write_bytes("a: 1\nb: sm\xf6rg\xe5s".encode("latin-1"))
    node, findings = read_file(file)
    assert node is None
    assert str(findings[0]) == f"{file}:2:6: error: byte 0xF6 is no UTF-8; save the file as UTF-8"


def test_a_byte_order_mark_is_no_content(tmp_path: Path) -> None:
    file = tmp_path / "bom.yaml"
    file.write_bytes("﻿a: 1".encode())
    node, _ = read_file(file)
    assert node is not None
    assert node.plain() == {"a": 1}


def test_a_file_that_is_not_there_is_a_finding(tmp_path: Path) -> None:
    node, findings = read_file(tmp_path / "none.yaml")
    assert node is None
    assert "it can't be read: No such file or directory" in str(findings[0])


def test_a_file_that_is_too_large_is_a_finding(tmp_path: Path) -> None:
    file = tmp_path / "large.yaml"
    file.write_text("#" * (MAX_BYTES + 1))
    assert "larger than 1,000,000 bytes" in str(read_file(file)[1][0])


YAMLISH = st.text(alphabet="abc:-?[]{}&*!|>'\"%@`#,<~ \n\t0189.ex\\_=éU\ud7ff", max_size=60)


@given(YAMLISH)
def test_any_text_is_a_tree_or_findings(text: str) -> None:
    node, findings = read_text(text, "x.yaml")
    assert (node is None) == any(f.level == "error" for f in findings)


@given(st.text(max_size=40))
def test_any_characters_are_a_tree_or_findings(text: str) -> None:
    node, findings = read_text(text, "x.yaml")
    assert node is not None or findings


@given(st.binary(max_size=60))
def test_any_bytes_are_a_tree_or_findings(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    file = tmp_path_factory.mktemp("junk") / "x.yaml"
    file.write_bytes(raw)
    node, findings = read_file(file)
    assert node is not None or findings
