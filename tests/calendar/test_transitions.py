"""The rules at the end of tz files, in every form that the format allows, against zoneinfo reading the same file."""

from __future__ import annotations

import io
import struct
import zoneinfo
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from cadence.calendar import transitions

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
RULES = [
    "EST5EDT,M3.2.0,M11.1.0",
    "NZST-12NZDT,M9.5.0,M4.1.0/3",
    "<-02>2<-01>,M3.5.0/-1,M10.5.0/0",
    "IST-1GMT0,M10.5.0,M3.5.0/1",
    "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",
    "IST-2IDT,M3.4.4/26,M10.5.0",
    "AAA3BBB,J60,J365/1:30",
    "AAA3BBB2:15:30,J61/5,J300/+3",
]


def file_with(rule: str, standard: int) -> zoneinfo.ZoneInfo:
    """A zone without any listed change but one in 1970, and this rule (RFC 8536, version 2)."""
    kind = struct.pack(">lbB", standard, 0, 0)
    first = b"TZif2" + bytes(15) + struct.pack(">6l", 0, 0, 0, 0, 1, 4) + kind + b"AAA\0"
    second = b"TZif2" + bytes(15) + struct.pack(">6l", 0, 0, 0, 1, 1, 4) + struct.pack(">qB", 0, 0) + kind + b"AAA\0"
    return zoneinfo.ZoneInfo.from_file(io.BytesIO(first + second + b"\n" + rule.encode() + b"\n"))


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_changes_the_clock_when_zoneinfo_does(rule):
    changes = [change for change in transitions._ruled(rule, 0, 60 * 31_556_952) if change[0] > 2 * 366 * 86_400]
    standard = min(offset for _, offset in changes)
    zone = file_with(rule, standard)

    def offset(second: int) -> int:
        return (EPOCH + timedelta(seconds=second)).astimezone(zone).utcoffset() // timedelta(seconds=1)

    assert len(changes) >= 116
    before = None
    for second, after in changes:
        assert offset(second) == after
        assert before is None or offset(second - 1) == before
        before = after


@pytest.mark.parametrize(
    ("rule", "date", "year"),
    [
        ("J1", "2024-01-01", 2024),
        ("J59", "2024-02-28", 2024),  # CPython 3.11 takes this for the 29th, and counts the form without J from 1
        ("J60", "2024-03-01", 2024),
        ("J60", "2025-03-01", 2025),
        ("J365", "2024-12-31", 2024),
        ("0", "2024-01-01", 2024),
        ("59", "2024-02-29", 2024),
        ("59", "2025-03-01", 2025),
        ("365", "2024-12-31", 2024),
        ("M2.5.4", "2024-02-29", 2024),
        ("M2.5.4", "2025-02-27", 2025),
        ("M3.1.0", "2026-03-01", 2026),
    ],
)
def test_a_rule_names_the_date_that_the_format_says(rule, date, year):
    assert transitions._dates(rule, np.array([year])).astype("datetime64[D]").astype(str).tolist() == [date]


def test_a_rule_that_cannot_be_read_is_an_error_not_a_guess():
    with pytest.raises(ValueError, match="can't be read; it should look like"):
        transitions._ruled("EST5EDT,sometime,later", 0, 1)


def test_the_tz_database_is_that_of_the_package_on_every_machine():
    assert zoneinfo.TZPATH == ()
