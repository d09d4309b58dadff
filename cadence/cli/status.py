"""`cadence status`: who is at work, how far behind, what is in doubt, and what needs somebody's attention.

It only looks. The words of what needs attention say what to do."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cadence.cli.installation import Installation
from cadence.cli.screen import FINE, NO, counted, lasting, print_json, reader_zone, screen, table, when
from cadence.cli.standing import Daemon, Standing, standing_of
from cadence.decide.decision import text_of
from cadence.facts import DAY, instant
from cadence.queue.states import State

app = typer.Typer(add_completion=False)


@app.command("status")
def tell_status(
    check: Annotated[bool, typer.Option("--check", help="Exit 1 where something needs attention.")] = False,
    zone: Annotated[str | None, typer.Option(help="Show times in this zone.")] = None,
    json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> int:
    """Who is at work, how far behind, what is in doubt, and what needs attention."""
    shown = reader_zone(zone)
    standing = standing_of(Installation.open())
    if json:
        print_json(_as_json(standing))
    else:
        _tell(screen(), standing, shown)
    return NO if check and standing.attention else FINE


def _tell(out: Console, standing: Standing, zone: ZoneInfo) -> None:
    policy = (
        f"policy {standing.policy[:12]} since {when(standing.policy_since, zone)}"
        if standing.policy
        else "no policy yet"
    )
    out.print(f"{when(standing.now, zone)}  {policy}, {standing.database} at version {standing.version}", markup=False)
    for sentence in standing.attention:
        out.print(f"[bold red]attention:[/] {escape(sentence)}", soft_wrap=True)
    out.print()
    if standing.daemons:
        out.print(shown_daemons(standing, zone))
        if standing.being_taken_over and any(d.alive for d in standing.daemons):
            out.print(f"{counted(standing.being_taken_over, 'shard is', 'shards are')} being taken over.")
    else:
        out.print("No daemon is at work.")
    out.print()
    if standing.messages:
        order = {state.value: i for i, state in enumerate(State)}
        rows = [[s, n] for s, n in sorted(standing.messages.items(), key=lambda item: order[item[0]])]
        out.print(table(None, ["messages", ""], rows))
        out.print()
    _tell_queue(out, standing, zone)
    rows = [[p["name"], p["breaker"].replace("_", " "), p["failures"], p["because"] or ""] for p in standing.providers]
    if rows:
        out.print()
        out.print(table(None, ["provider", "breaker", "failures", ""], rows))


def shown_daemons(standing: Standing, zone: ZoneInfo) -> Table:
    """Who is at work, in lines that fit 120 columns."""
    rows: list[list[Any]] = [
        [
            d.id,
            "at work" if d.alive else "gone",
            d.release or "",
            ranges(d.holds),
            f"{d.overdue:,} for {lasting(standing.now - (d.behind or standing.now))}" if d.overdue else "",
            _ago(standing.heard_now - d.heard_at),
            _clock(d, zone),
            _last(d),
        ]
        for d in standing.daemons
    ]
    return table(None, ["daemon", "", "release", "shards", "behind", "heard of", "its clock", "last"], rows)


def _ago(passed: int) -> str:
    return f"{lasting(passed)} ago" if passed >= 0 else f"{lasting(-passed)} ahead"


def _clock(daemon: Daemon, zone: ZoneInfo) -> str:
    """What its clock said at its last sign of life; the day too where it goes by a virtual one."""
    moment = instant(daemon.clock_at).astimezone(zone)
    return moment.strftime("%H:%M:%S" if abs(daemon.clock_at - daemon.heard_at) < DAY else "%Y-%m-%d %H:%M:%S")


def _tell_queue(out: Console, standing: Standing, zone: ZoneInfo) -> None:
    if standing.overdue:
        out.print(
            f"{counted(standing.overdue, 'is', 'are')} due to be asked, the first since {when(standing.behind, zone)}."
        )
    elif standing.next_due is not None:
        out.print(f"Next due: {when(standing.next_due, zone)}.")
    else:
        out.print("Nothing waits for an instant.")
    if standing.in_doubt:
        out.print(
            f"{counted(standing.in_doubt, 'is', 'are')} in doubt, the first since {when(standing.in_doubt_since, zone)}: "
            "handed over, and nobody knows what became of it. `cadence queue --state in_doubt` tells which."
        )
    if standing.holding:
        out.print()
        rows = sorted(standing.holding.items(), key=lambda item: -item[1])
        out.print(table(None, ["what waits is held by", "messages"], [list(r) for r in rows]))


def ranges(numbers: tuple[int, ...]) -> str:
    """Ascending numbers in few characters: `0-5, 9`."""
    runs: list[list[int]] = []
    for n in numbers:
        if runs and n == runs[-1][-1] + 1:
            runs[-1].append(n)
        else:
            runs.append([n])
    return ", ".join(str(r[0]) if len(r) == 1 else f"{r[0]}-{r[-1]}" for r in runs)


def _last(daemon: Daemon) -> str:
    """What it did last, in a few words; --json has it all."""
    told = daemon.last or {}
    done = [f"{name} {n:,}" for name, n in told.items() if isinstance(n, int) and name != "now"]
    return ": ".join(t for t in (str(told.get("job", "")), *done[:1]) if t)


_TIMES = (
    "now",
    "heard_now",
    "policy_since",
    "behind",
    "next_due",
    "next_campaign",
    "latest_now",
    "in_doubt_since",
    "started_at",
    "heard_at",
    "clock_at",
)
_PROVIDER_TIMES = ("next_at", "opened_at", "reopen_at", "updated_at")


def _as_json(standing: Standing) -> dict[str, Any]:
    told = _dated({name: getattr(standing, name) for name in Standing.__slots__}, _TIMES)
    told["daemons"] = [_dated(asdict(d), _TIMES) for d in standing.daemons]
    told["providers"] = [_dated(p, _PROVIDER_TIMES) for p in standing.providers]
    return told


def _dated(row: dict[str, Any], times: tuple[str, ...]) -> dict[str, Any]:
    return {
        name: text_of(instant(value)) if name in times and value is not None else value for name, value in row.items()
    }


status_command = typer.main.get_command(app)
