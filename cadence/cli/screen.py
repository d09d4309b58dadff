"""What commands share in how they speak: the screen, times in the reader's zone, JSON, and errors in words.

Nothing here knows what is shown.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console, ConsoleOptions, RenderableType
from rich.markup import escape
from rich.segment import Segment
from rich.table import Table

from cadence.calendar import zone_index
from cadence.calendar.shown import FIRST_SHOWN, LAST_SHOWN
from cadence.facts import DAY, HELD, HOUR, MINUTE, SECOND, instant, micros

_NUMBERS = re.compile(r"\[\n\s+(-?[\d.]+(?:,\n\s+-?[\d.]+)*)\n\s+\]")
_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Control characters, but for tab and line break, and what turns the direction of writing."""
FINE, NO, WRONG = 0, 1, 2
"""Exit codes: fine; a check said no; wrong use or input."""


class _Screen(Console):
    """A console that no text can steer: customers' own words come through it, too."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        for segment in super().render(renderable, options):
            if segment.control or not _STEERING.search(segment.text):
                yield segment
            else:
                yield Segment(_STEERING.sub("\ufffd", segment.text), segment.style)

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def screen() -> Console:
    """Standard output: colours only on a terminal, as wide as it is, or 140 columns into a file."""
    return _Screen(width=None if sys.stdout.isatty() else 140, highlight=False, soft_wrap=False)


def errors() -> Console:
    """Standard error."""
    return _Screen(stderr=True, highlight=False, soft_wrap=True)


def print_json(what: Any) -> None:
    """One JSON document on standard output; a list of plain numbers in one line, our own large numbers as texts."""
    text = json.dumps(_exact(what), ensure_ascii=False, indent=2, default=str)
    sys.stdout.write(_NUMBERS.sub(lambda found: f"[{', '.join(found[1].replace(',', ' ').split())}]", text) + "\n")


def _exact(what: Any) -> Any:
    """The same with numbers as texts where JSON's readers, which have 53 bits for one, would round them."""
    if isinstance(what, Mapping):
        return {name: _exact(value) for name, value in what.items()}
    if isinstance(what, list | tuple):
        return [_exact(value) for value in what]
    return str(what) if isinstance(what, int) and abs(what) > 2**53 else what


def wrong(message: str) -> int:
    """Tell what was wrong with the use or the input; the exit code for it."""
    errors().print(f"[bold red]error:[/] {escape(message)}")
    return WRONG


def warn(message: str) -> None:
    """Tell what may not be as it was meant."""
    errors().print(f"[yellow]warning:[/] {escape(message)}")


def tell_wrong(problem: Exception) -> int:
    """Any error that reached the top: in words where a user can do something about it, else raised on."""
    from pydantic import ValidationError

    from cadence.policy.load import PolicyError
    from cadence.store.errors import StoreError, in_words

    if isinstance(problem, OverflowError):
        return wrong(f"a number is too large, or an instant out of reach ({problem})")
    if isinstance(problem, PolicyError | StoreError | ValueError | OSError) and not isinstance(
        problem, ValidationError
    ):
        return wrong(str(problem))
    if isinstance(problem, ValidationError):
        told = ((_setting(problem.title, e["loc"]), e["msg"]) for e in problem.errors(include_input=False))
        return wrong("the settings are wrong: " + "; ".join(f"{name}: {why}" for name, why in told))
    if (sentence := in_words(problem)) is not None:
        return wrong(sentence)
    raise problem


def _setting(prefix: str, place: Iterable[int | str]) -> str:
    """A setting's name in the environment."""
    return (prefix + "__".join(str(part) for part in place).upper()).removesuffix("_")


def reader_zone(name: str | None = None) -> ZoneInfo:
    """The zone times are shown in: the one asked for, else TZ, else the machine's, else UTC. ValueError for one that is none."""
    if name:
        zone_index(name)
        return ZoneInfo(name)
    for known in (os.environ.get("TZ", ""), _machine_zone()):
        try:
            return ZoneInfo(known.lstrip(":"))
        except (ValueError, OSError, KeyError):
            continue
    return ZoneInfo("UTC")


def _machine_zone() -> str:
    try:
        return str(Path("/etc/localtime").resolve()).split("zoneinfo/")[1]
    except (IndexError, OSError):
        return ""


def when(at: int | datetime | None, zone: ZoneInfo, *, seconds: bool = False) -> str:
    """An instant as people read it: Mon 2026-03-09 12:00."""
    at = micros(at) if isinstance(at, datetime) else at
    if at is None or at < FIRST_SHOWN:
        return "-"
    if at == HELD:
        return "not yet known"
    if at > LAST_SHOWN:
        return "never"
    moment = instant(at).astimezone(zone)
    return moment.strftime("%a %Y-%m-%d %H:%M:%S" if seconds else "%a %Y-%m-%d %H:%M")


def lasting(micros: int) -> str:
    """A stretch of time as one says it, in whole units of the largest that fits: 4 s, 12 min, 3 h, 2 d."""
    for unit, name in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if abs(micros) >= unit:
            return f"{int(micros / unit)} {name}"
    return f"{int(micros / SECOND)} s"


def counted(n: int, thing: str, things: str | None = None) -> str:
    """How many of what, in words that agree: 1 row, 2 rows. things: the plural, where it isn't made with an s."""
    return f"{n:,} {thing if n == 1 else things or thing + 's'}"


def table(title: str | None, columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> Table:
    """A plain table; numbers stand to the right."""
    listed = [list(r) for r in rows]
    made = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold", title_style="bold")
    for place, name in enumerate(columns):
        numbers = bool(listed) and all(isinstance(r[place], int | float) for r in listed)
        made.add_column(name, justify="right" if numbers else "left", overflow="fold")
    for row in listed:
        made.add_row(
            *("" if cell is None else f"{cell:,}" if isinstance(cell, int) else escape(str(cell)) for cell in row)
        )
    return made
