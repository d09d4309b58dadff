"""Drawing time: a line a day or a week, in local time, whatever the clocks do."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest

from cadence.cli.drawing import CLOSED, OPEN, QUIET, Drawing, Mark, Span, draw
from cadence.facts import DAY, Bools, Ints, micros


def at(text: str) -> int:
    return micros(datetime.fromisoformat(text))


def never(t: Ints) -> Bools:
    return np.zeros(len(t), bool)


def always(t: Ints) -> Bools:
    return np.ones(len(t), bool)


def of(begin: str, end: str, *marks: Mark, **more: object) -> Drawing:
    """A drawing of Stockholm, asked at its beginning."""
    given = {"quiet": never, "closed": never, "spans": (), "now": at(begin), **more}
    return draw("Europe/Stockholm", at(begin), at(end), marks=marks, **given)  # type: ignore[arg-type]


def test_each_day_is_a_line_of_half_hours() -> None:
    drawing = of("2026-03-02T00:00+01:00", "2026-03-04T12:00+01:00")

    assert [line.label for line in drawing.lines] == ["Mon 2026-03-02", "Tue 2026-03-03", "Wed 2026-03-04"]
    assert {line.cells for line in drawing.lines} == {48 * OPEN}


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"])
def test_a_day_of_23_or_25_hours_has_its_noon_in_the_middle(day: str) -> None:
    noon = "T12:00+02:00" if day.startswith("2026-03") else "T12:00+01:00"
    drawing = of(f"{day}T00:00+01:00", f"{day}T20:00+01:00", Mark(at(day + noon), "★", "noon"))

    assert drawing.lines[0].cells.index("★") == 24


def test_what_is_quiet_stands_before_what_is_closed() -> None:
    drawing = of("2026-03-02T00:00+01:00", "2026-03-02T12:00+01:00", quiet=always, closed=always)

    assert drawing.lines[0].cells == 48 * QUIET


def test_only_what_is_still_to_come_is_closed() -> None:
    noon = at("2026-03-02T12:00+01:00")
    drawing = of("2026-03-02T00:00+01:00", "2026-03-02T12:00+01:00", closed=always, now=noon)

    assert drawing.lines[0].cells == 24 * OPEN + 24 * CLOSED


def test_a_mark_is_drawn_in_its_half_hour_and_said_at_the_lines_end() -> None:
    drawing = of("2026-03-02T00:00+01:00", "2026-03-03T00:00+01:00", Mark(at("2026-03-03T10:29+01:00"), "●", "news"))

    assert drawing.lines[1].cells[20] == "●"
    assert (drawing.lines[0].said, drawing.lines[1].said) == ((), ("● news",))


def test_marks_in_one_cell_are_all_said() -> None:
    noon = at("2026-03-02T12:00+01:00")
    drawing = of(
        "2026-03-02T00:00+01:00", "2026-03-02T20:00+01:00", Mark(noon, "▲", "asked"), Mark(noon, "★", "welcome")
    )

    assert drawing.lines[0].said == ("▲ asked", "★ welcome")


def test_a_mark_outside_is_left_out() -> None:
    drawing = of("2026-03-02T00:00+01:00", "2026-03-02T20:00+01:00", Mark(at("2026-02-01T12:00+01:00"), "●", "news"))

    assert drawing.lines[0].said == ()


def test_a_window_is_a_bar_beside_the_days() -> None:
    window = Span(at("2026-03-02T10:00+01:00"), at("2026-03-04T10:00+01:00"))
    drawing = of("2026-03-02T00:00+01:00", "2026-03-05T00:00+01:00", spans=[window])

    assert [line.bars for line in drawing.lines] == ["┐", "│", "┘", " "]


def test_a_long_stretch_is_drawn_a_week_a_line_from_its_monday() -> None:
    drawing = of("2026-03-04T00:00+01:00", "2026-05-20T00:00+01:00", Mark(at("2026-03-08T23:00+01:00"), "●", "news"))

    assert drawing.weekly
    assert (drawing.lines[0].label, drawing.lines[-1].label) == ("Mon 2026-03-02", "Mon 2026-05-18")
    assert drawing.lines[0].cells.index("●") == 41


def test_however_long_it_is_the_drawing_is_bounded() -> None:
    begin = at("2026-03-02T00:00+01:00")
    drawing = draw("Europe/Stockholm", begin, begin + 4_000 * DAY, begin, never, never, (), ())

    assert len(drawing.lines) == 60
