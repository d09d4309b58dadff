"""What is said of texts that are no duration, window, interval, hours or zone: read over once, and recorded beside this file.

CADENCE_RECORD=1 writes there what comes now; read the difference before you commit it."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from cadence.calendar import (
    Duration,
    QuietInterval,
    Window,
    all_categories,
    parse_days,
    parse_hours,
    parse_wait,
    to_local,
    tz_version,
    zone_index,
    zone_name,
    zone_names,
)

PAGE = Path(__file__).parent / "recorded" / "words.txt"
MANY: dict[str, tuple[Callable[[Any], Any], list[Any]]] = {
    "duration": (
        Duration.parse,
        ["", "7", "d", "7 d", "-7d", "+7d", "1.5h", "7D", "7days", "1h30m", "\u0667d", "7d\n", 7, None, True, "0d", "0mo",
         "00s", "1001y", "12001mo", "999999999w", "9999999999999d", "3 months", "1 Year", " 30 seconds ", "0 days",
         "2 weeks", "calendar month", "ever", "7 local days"],
    ),
    "window": (
        Window.parse,
        ["1mo", "2y", "0d", "0 local days", "366001 local days", "calendar fortnight", "calendar mouth", "calendar ", "calendula", "7",
         "never", "evr", "EVER", "calender week", "7 days", "3 months", "1 year", "12 minutes", "seven days", 7, None],
    ),
    "wait": (parse_wait, ["calendar month", "0 local days", "2 local day s", "7 days", 3]),
    "hours": (
        parse_hours,
        [["09:00"], ["12:00-09:00"], ["09:00-09:00"], ["24:00-24:00"], ["09:00-24:01"], ["9-12"], ["9:60-12:00"],
         ["09:00-12:00", "x-y"], ["09:00-12:00-15:00"], "09:00-12:00", [9]],
    ),
    "days": (parse_days, [["sunday"], ["Mo"], [1], ["xyzzy"], ["saturday"], ["Wednesday"], "sun", ["mon", "tues"], ["MON"]]),
    "holidays": (
        lambda holidays: QuietInterval.parse(holidays=holidays),
        [["publik"], ["public", "xyzzy"], "public", [], 1, {"public": True}, ["defacto"]],
    ),
    "zone": (zone_index, ["Europe/Stokholm", "america/new york", "xyzzy", "", None, "CET time", "Kathmandu", "New York"]),
    "zone's code": (zone_name, [-1, len(zone_names())]),
    "column of zones": (lambda codes: to_local([0] * len(codes), codes), [[-1, 3], [0, len(zone_names())]]),
}  # fmt: skip
INTERVALS: list[dict[str, Any]] = [
    {"from_": "08:00", "to": "08:00"}, {"from_": "8", "to": "08:00"}, {"from_": "24:00", "to": "08:00"},
    {"from_": "20:00", "to": "24:01"}, {"from_": "20:60", "to": "08:00"}, {"from_": 20, "to": "08:00"},
    {"from_": "20:00"}, {"to": "20:00"}, {"from_": "20:00", "to": "08:00", "all_day": True}, {"all_day": False},
    {"days": []},
]  # fmt: skip


def said(parse: Callable[[], Any]) -> str:
    try:
        return f"is fine: {parse()}"
    except ValueError as wrong:
        return str(wrong)


def steady(line: str) -> str:
    """Without what another release of a data package would change."""
    plain = line.replace(tz_version(), "RELEASE").replace(", ".join(all_categories()), "KINDS")
    return plain.replace(str(len(zone_names()) - 1), "LAST").replace(str(len(zone_names())), "BEYOND")


def test_every_sentence_is_the_one_that_was_read_over() -> None:
    lines = [
        f"{kind} {text!r}: {said(partial(parse, text))}" for kind, (parse, texts) in MANY.items() for text in texts
    ]
    lines += [f"interval {keys}: {said(partial(QuietInterval.parse, **keys))}" for keys in INTERVALS]
    lines = [steady(line) for line in lines]
    if os.environ.get("CADENCE_RECORD"):
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text("\n".join(lines) + "\n", "utf-8")
    assert lines == PAGE.read_text("utf-8").splitlines()
