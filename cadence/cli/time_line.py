"""The time line of an explanation: the contact's days with touches, windows, quiet stretches and the welcome instant.

What is drawn is chosen here; how letters make a drawing is `drawing`'s business, and nothing is decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from cadence.calendar.shown import LAST_SHOWN
from cadence.cli.drawing import CLOSED, OPEN, QUIET, Drawing, Line, Mark, Span, draw
from cadence.cli.screen import when
from cadence.facts import DAY, instant, micros
from cadence.workbench.explain import Explanation, RuleAnswer

_TOUCH, _ASKED, _WELCOME = "●", "▲", "★"
_SIGNS = {_TOUCH: "bold cyan", _ASKED: "bold magenta", _WELCOME: "bold green", QUIET: "blue", CLOSED: "yellow"}
_LETTERS = "abcdef"
_FEW = 4
_BACK, _FURTHEST_BACK, _AHEAD = 3 * DAY, 120 * DAY, 200 * DAY


def print_time_line(out: Console, told: Explanation) -> None:
    """Draw from the first touch that still counts to the welcome instant, in the contact's own time."""
    now, zone = told.scene.now, ZoneInfo(told.zone)
    windows = _windows(told)
    welcome = told.welcome_at if told.welcome_at <= LAST_SHOWN else None
    begin = max(min([now - _BACK, *(oldest for _, oldest in windows)]), now - _FURTHEST_BACK)
    end = min(max(now + DAY, welcome or 0), now + _AHEAD)
    spans = [Span(oldest, min(answer.welcome_at, end + 7 * DAY)) for answer, oldest in windows]
    drawing = draw(told.zone, begin, end, now, told.quiet, told.closed, _marks(told, welcome, zone), spans)
    out.print(f"\n[bold]Time line[/], in the contact's time ({escape(told.zone)})")
    _print(out, drawing, _LETTERS[: len(spans)])
    signs = f"{OPEN} open   {QUIET} quiet   {CLOSED} not welcome, by what is known now   ● touch   ▲ asked   ★ welcome"
    out.print(Text(signs, "dim"))
    for letter, (answer, _) in zip(_LETTERS, windows, strict=False):
        counted = f"{len(answer.touches)} counted, until {when(answer.welcome_at, zone)}"
        out.print(Text(f"{letter}: {answer.rule}, {counted}", "dim"))
    if welcome is not None and welcome > end:
        out.print(Text(f"★ {when(welcome, zone)}, beyond what is drawn", "dim"))


def _windows(told: Explanation) -> list[tuple[RuleAnswer, int]]:
    """The rules whose answer rests on touches, each with the first of those."""
    found = []
    for answer in told.answers:
        at = [micros(told.touches[t]["at"]) for t in answer.touches if t in told.touches]
        if at and answer.welcome_at > told.scene.now and not answer.only_watches:
            found.append((answer, min(at)))
    return found[: len(_LETTERS)]


def _marks(told: Explanation, welcome: int | None, zone: ZoneInfo) -> Sequence[Mark]:
    marks = [Mark(micros(t["at"]), _TOUCH, _touch(t, zone)) for t in told.touches.values()]
    marks.append(Mark(told.scene.now, _ASKED, f"asked {_clock(told.scene.now, zone)}"))
    if welcome is not None:
        late = " (but expired by then)" if told.decision.verdict == "suppress" else ""
        marks.append(Mark(welcome, _WELCOME, f"welcome {_clock(welcome, zone)}{late}"))
    return marks


def _touch(touch: Mapping[str, Any], zone: ZoneInfo) -> str:
    what = touch.get("campaign") or touch.get("category") or "touch"
    by = "" if touch.get("channel") == "email" else f" by {touch.get('channel')}"
    return f"{what}{by} {_clock(micros(touch['at']), zone)}"


def _clock(at: int, zone: ZoneInfo) -> str:
    return f"{instant(at).astimezone(zone):%a %H:%M}"


def _print(out: Console, drawing: Drawing, letters: str) -> None:
    """The lines; of many in a row before the asking on which nothing happened only how many there are."""
    width = len(drawing.lines[0].cells)
    out.print(Text(f"{'':16}{drawing.ruler:<{width + 4}}{' '.join(letters)}", "dim"))
    asked = next(i for i, line in enumerate(drawing.lines) if any(s.startswith(_ASKED) for s in line.said))
    empty: list[Line] = []
    for i, line in enumerate(drawing.lines):
        if i < asked and not line.said:
            empty.append(line)
            continue
        _print_empty(out, empty, width, "weeks" if drawing.weekly else "days")
        empty = []
        _print_line(out, line)


def _print_empty(out: Console, empty: Sequence[Line], width: int, what: str) -> None:
    if len(empty) < _FEW:
        for line in empty:
            _print_line(out, line)
    else:
        said = f"{len(empty)} {what} without a touch"
        out.print(Text(f"{'':16}{said:<{width + 4}}{empty[0].bars}".rstrip(), "dim"), soft_wrap=True)


def _print_line(out: Console, line: Line) -> None:
    text = Text(f"{line.label:<16}")
    for sign in line.cells:
        text.append(sign, _SIGNS.get(sign, ""))
    text.append(f"    {line.bars}  {'  '.join(line.said)}".rstrip())
    out.print(text, soft_wrap=True)
