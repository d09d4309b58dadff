"""Durations and windows: what is read, what is refused and how, and how editors see them."""

from __future__ import annotations

import re
from typing import Annotated

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from cadence.calendar import Duration, DurationField, WaitField, Window, WindowField, WindowKind, parse_wait
from cadence.calendar.spans import _field
from cadence.facts import DAY, HOUR, SECOND


@pytest.mark.parametrize(
    ("text", "micros", "months"),
    [
        ("90s", 90 * SECOND, 0),
        ("15m", 900 * SECOND, 0),
        ("36h", 36 * HOUR, 0),
        ("7d", 7 * DAY, 0),
        ("2w", 14 * DAY, 0),
        ("000000000014d", 14 * DAY, 0),
        ("366000d", 366_000 * DAY, 0),
        ("12000mo", 0, 12_000),
        ("6mo", 0, 6),
        ("2y", 0, 24),
    ],
)
def test_a_duration_is_exact_or_by_the_calendar(text, micros, months):
    length = Duration.parse(text)
    assert (length.micros, length.months, length.text, length.exact) == (micros, months, text, months == 0)


@pytest.mark.parametrize(
    ("text", "kind", "micros", "days", "unit"),
    [
        ("7d", WindowKind.ROLLING, 7 * DAY, 0, ""),
        ("24h", WindowKind.ROLLING, DAY, 0, ""),
        ("7 local days", WindowKind.LOCAL_DAYS, 0, 7, "day"),
        ("1 local day", WindowKind.LOCAL_DAYS, 0, 1, "day"),
        ("366000 local days", WindowKind.LOCAL_DAYS, 0, 366_000, "day"),
        ("calendar day", WindowKind.CALENDAR, 0, 0, "day"),
        ("calendar quarter", WindowKind.CALENDAR, 0, 0, "quarter"),
        ("ever", WindowKind.EVER, 0, 0, ""),
    ],
)
def test_a_window_is_rolling_local_by_the_calendar_or_for_ever(text, kind, micros, days, unit):
    assert Window.parse(text) == Window(kind, micros, days, unit, text)


def test_how_long_a_window_is_on_average():
    texts = {"36h": 36 * HOUR, "3 local days": 3 * DAY, "calendar day": DAY, "calendar week": 7 * DAY}
    texts |= {
        "calendar month": 365.2425 / 12 * DAY,
        "calendar quarter": 365.2425 / 4 * DAY,
        "calendar year": 365.2425 * DAY,
    }
    assert {text: Window.parse(text).mean_micros() for text in texts} == texts
    assert Window.parse("ever").mean_micros() is None


def test_only_a_window_for_ever_has_no_reach():
    assert Window.parse("ever").reach_micros() is None
    assert Window.parse("36h").reach_micros() == 36 * HOUR


def test_a_month_is_31_days_at_the_most_and_clocks_may_move_by_two_more():
    assert Duration.parse("36h").at_most_micros() == 36 * HOUR
    assert Duration.parse("2mo").at_most_micros() == 64 * DAY


def test_a_wait_is_a_duration_or_local_days():
    assert parse_wait("1mo") == Duration.parse("1mo")
    assert parse_wait("7 local days") == Window.parse("7 local days")
    with pytest.raises(ValueError, match="is not a duration"):
        parse_wait("calendar month")


class Written(BaseModel):
    lasts: DurationField = Duration.parse("2y")
    per: WindowField
    wait: WaitField


def test_models_read_texts_and_write_them_back():
    read = Written.model_validate({"per": "7 local days", "wait": "48h"})
    assert (read.per, read.wait) == (Window.parse("7 local days"), Duration.parse("48h"))
    assert read.model_dump() == {"lasts": "2y", "per": "7 local days", "wait": "48h"}


def test_a_field_reads_once_and_writes_the_text_back():
    field = TypeAdapter(Annotated[Duration, _field((Duration,), Duration.parse)])
    length = field.validate_python("36h")
    assert field.validate_python(length) is length
    assert field.dump_python(length) == "36h"


def test_models_take_what_was_read_already():
    assert Written(per=Window.parse("ever"), wait=Duration.parse("1d")).per.kind is WindowKind.EVER


def test_models_tell_the_plain_sentence():
    with pytest.raises(ValidationError, match="'1mo' can't be a window"):
        Written.model_validate({"per": "1mo", "wait": "48h"})


def test_the_schema_takes_what_is_read_and_refuses_what_is_not():
    schema = Written.model_json_schema()["properties"]
    pattern = {name: re.compile(schema[name]["pattern"]) for name in ("lasts", "per", "wait")}
    assert {schema[name]["type"] for name in pattern} == {"string"}
    for name, parse in (("lasts", Duration.parse), ("per", Window.parse), ("wait", parse_wait)):
        for example in schema[name]["examples"]:
            assert pattern[name].search(example)
            assert parse(example)
    assert not pattern["per"].search("1mo")
    assert not pattern["lasts"].search("0d")
