"""`cadence audit`: the record held against the promises by the independent verifier, and what was changed by hand.

It only reads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from cadence.audit.verify import verify as judge
from cadence.cli.contact import instant_given
from cadence.cli.installation import Installation
from cadence.cli.screen import FINE, NO, errors, print_json, reader_zone, screen, table, when
from cadence.decide.decision import text_of
from cadence.facts import instant
from cadence.store import changes as changed
from cadence.store import status

app = typer.Typer(
    add_completion=False, help="Check the record against the promises; list changes by hand.", no_args_is_help=True
)
Zone = Annotated[str | None, typer.Option(help="Times are given and shown in this zone.")]
AsJson = Annotated[bool, typer.Option("--json", help="For machines.")]


@app.command()
def verify(
    maildir: Annotated[Path | None, typer.Option(help="Hold the mails delivered into this maildir against it.")] = None,
    drained: Annotated[bool, typer.Option("--drained", help="A run has just ended: nothing due may be left.")] = False,
    at: Annotated[str | None, typer.Option(help="As of this instant. Default: now, or when the daemon ended.")] = None,
    zone: Zone = None,
    json: AsJson = False,
) -> int:
    """Recompute from the record alone that no one was over-contacted, nothing lost or sent twice, and stops were kept.

    Exit 0: every promise was kept; 1: one was broken, each time with its evidence."""
    installation = Installation.open()
    if maildir is not None and not maildir.is_dir():
        raise ValueError(f"--maildir {maildir}: there is no such folder")
    given, latest = instant_given(at, "--at", reader_zone(zone)), _as_of(installation)
    now = latest if given is None else max(given, latest)
    kept = installation.kept()
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,}/{task.total:,} circles"),
        TimeRemainingColumn(),
        console=errors(),
        transient=True,
        disable=json or not errors().is_terminal,
    )
    with bars:
        bar = bars.add_task("judging the record", total=1)
        report = judge(
            installation.store,
            now=now,
            drained=drained,
            maildir=maildir,
            progress=lambda done, total: bars.update(bar, completed=done, total=total),
            kept=min(kept["decision"], kept["message"]),
            at=given if given is not None and given < latest else None,
        )
    if json:
        print_json(report.as_json())
    else:
        screen().print(report.text(), markup=False, soft_wrap=True)
    return FINE if report.ok else NO


@app.command()
def changes(
    since: Annotated[str | None, typer.Option(help="From this instant or date on.")] = None,
    what: Annotated[str | None, typer.Option(help="Only this: release, stop, hold, release_hold...")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="At most so many, the latest.")] = 50,
    zone: Zone = None,
    json: AsJson = False,
) -> int:
    """Who changed what by hand, when and why; the latest first."""
    shown = reader_zone(zone)
    with Installation.open().store.read() as conn:
        rows = changed.changes(conn, instant_given(since, "--since", shown), what, limit)
    if json:
        print_json({"changes": [_as_json(r) for r in rows]})
    elif not rows:
        screen().print("Nothing was changed by hand.")
    else:
        cells = [
            [
                when(r.at, shown),
                r.by,
                _what(r, shown),
                r.outside_id or _number(r.contact),
                _number(r.message),
                r.reason or "",
            ]
            for r in rows
        ]
        screen().print(table(None, ["when", "who", "what", "contact", "message", "why"], cells))
    return FINE


def _as_of(installation: Installation) -> int:
    """Now; where every daemon has ended in order, when that was: what came due since is nobody's fault."""
    with installation.store.read() as conn:
        latest, at_work = status.latest_now(conn), status.daemons(conn)
    return latest if latest is not None and not at_work else installation.now()


def _what(row: changed.Change, zone: ZoneInfo) -> str:
    """What was changed, in a few words: `stop: promotion, sms`, `campaign: letter, running, paused`."""
    told = [when(v, zone) if name == "until" else str(v) for name, v in row.detail.items() if v is not None]
    return row.what.replace("_", " ") + (f": {', '.join(told)}" if told else "")


def _number(id_: int | None) -> str:
    return "" if id_ is None else str(id_)


def _as_json(row: changed.Change) -> dict[str, Any]:
    told = {"at": text_of(instant(row.at)), "by": row.by, "what": row.what, "reason": row.reason}
    return {
        **told,
        "contact": row.outside_id,
        "contact_number": None if row.contact is None else str(row.contact),
        "message": None if row.message is None else str(row.message),
        "detail": dict(row.detail),
    }


audit_command = typer.main.get_command(app)
