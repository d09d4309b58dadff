"""Models held against YAML: every error at its place, in words a person can act on."""

from __future__ import annotations

from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, field_validator

from cadence.policy.places import read, validate


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")

    max: int = Field(ge=1)
    kind: Literal["rolling", "calendar"] = "rolling"

    @field_validator("max")
    @classmethod
    def _lucky(cls, value: int) -> int:
        if value == 13:
            raise ValueError("13 brings bad luck; did you mean 12? allowed are all others")
        return value


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    rules: list[Inner] = []
    one_or_more: Inner | list[Inner] | None = None
    channels: dict[Literal["email", "sms"], bool] = {}
    share: float = 0
    on: bool = False


def errors(text: str, **options: bool) -> list[str]:
    node, _ = read(text, file="x.yaml")
    assert node is not None
    made, findings = validate(Outer, node, name="thing", **options)
    assert (made is None) == bool(findings)
    return [str(f) for f in findings]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", "x.yaml:1:1: error: thing needs the key 'name'; found an empty mapping"),
        ("name: 3", "x.yaml:1:7: error: thing.name must be a text; found 3"),
        ("name: x\non: 1", "x.yaml:2:5: error: thing.on must be true or false; found 1"),
        ("name: x\nshare: '1'", "x.yaml:2:8: error: thing.share must be a number; found '1'"),
        ("name: x\nrules: {}", "x.yaml:2:8: error: thing.rules must be a list; found an empty mapping"),
        ("name: x\nrules: [{max: 0}]", "x.yaml:2:15: error: thing.rules[0].max must be at least 1; found 0"),
        ("name: x\nrules: [{max: true}]", "x.yaml:2:15: error: thing.rules[0].max must be a whole number; found true"),
        ("name: x\nrules: [{max: 1.5}]", "x.yaml:2:15: error: thing.rules[0].max must be a whole number; found 1.5"),
        ("name: x\nrules: [3]", "x.yaml:2:9: error: thing.rules[0] must be a mapping; found 3"),
        (
            "name: x\nrules: [{max: 1, knd: rolling}]",
            "x.yaml:2:18: error: thing.rules[0] has no key 'knd'; found knd; allowed: max, kind; did you mean kind?",
        ),
        (
            "name: x\nrules: [{max: 1, kind: rollin}]",
            "x.yaml:2:24: error: thing.rules[0].kind must be one of the words allowed; found 'rollin'; "
            "allowed: rolling, calendar; did you mean rolling?",
        ),
        (
            "name: x\nrules: [{max: 13}]",
            "x.yaml:2:15: error: thing.rules[0].max: 13 brings bad luck; found 13; allowed: all others; "
            "did you mean 12?",
        ),
        (
            "name: x\nchannels: {emial: true}",
            "x.yaml:2:12: error: thing.channels: the key 'emial' must be one of the words allowed; found emial; "
            "allowed: email, sms; did you mean email?",
        ),
        ("name: x\none_or_more: {max: 0}", "x.yaml:2:20: error: thing.one_or_more.max must be at least 1; found 0"),
        (
            "name: x\none_or_more: [{max: 0}]",
            "x.yaml:2:21: error: thing.one_or_more[0].max must be at least 1; found 0",
        ),
        ("name: x\non:", "x.yaml:2:1: error: thing.on is empty; write a value or leave the key out"),
        ("- name", "x.yaml:1:1: error: thing must be a mapping; found a list"),
    ],
)
def test_an_error_has_its_place_and_says_what_is_allowed(text: str, expected: str) -> None:
    assert errors(text) == [expected]


def test_all_errors_are_told_at_once() -> None:
    assert len(errors("nam: x\non: 1\nshare: x\nrules: [{max: 0}, {}]")) == 6


def test_where_empty_values_mean_something_they_are_values() -> None:
    assert errors("name: x\none_or_more: ", nulls=True) == []
