"""`cadence import`: contacts, touches, events and consents from a file, with a report of what was left out and why."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from cadence.calendar import zone_index
from cadence.cli.facts_at_hand import of_circles
from cadence.cli.installation import Installation
from cadence.cli.screen import FINE, NO, counted, errors, print_json, screen
from cadence.daemon import settle_in
from cadence.decide.needs import needs
from cadence.doors.files import KINDS, Report, import_file
from cadence.facts import EventKind
from cadence.policy.load import load_policy
from cadence.store.accounts import Outlook, outlook
from cadence.store.tables import LARGE_CIRCLE

app = typer.Typer(add_completion=False)
SHOWN = 10


@app.command(name="import")
def bring_in(
    kind: Annotated[str, typer.Argument(help="contacts, touches, events or consents.")],
    file: Annotated[Path, typer.Argument(help=".csv, .ndjson, .jsonl or .parquet.")],
    source: Annotated[str, typer.Option(help="The system whose ids the rows carry.")] = "import",
    zone: Annotated[
        str | None, typer.Option(help="Where dates without a time are dates of. Default: the policy's.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="The report as JSON.")] = False,
) -> int:
    """Take in a file. Good rows are taken whatever the others are; a stop is never lifted; twice is once.

    Exit 0: all rows were taken; 1: some were left out; 2: the file can't be read."""
    if kind not in KINDS:
        raise ValueError(f"cadence import {kind}: there is no such kind of file; there are {', '.join(KINDS)}")
    installation = Installation.open(update=True, judged=True)
    policy = load_policy(installation.settings.policy)
    names = frozenset(n for c in policy.categories.values() for n in (c.name, *c.was))
    chosen = zone or policy.defaults.timezone
    zone_index(chosen)
    now, reach = installation.now(), needs(policy).events.get(EventKind.SCREENED)
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
        console=errors(),
        transient=True,
        disable=json or not errors().is_terminal,
    )
    settle_in()
    with bars:
        bar = bars.add_task(f"importing {file.name}", total=None)
        report = import_file(
            installation.store,
            kind,
            file,
            now=now,
            clock=installation.now,
            source=source,
            zone=chosen,
            categories=names,
            lookups_since=None if reach is None else now - reach,
            progress=lambda done, total: bars.update(bar, completed=done, total=total),
        )
    large: tuple[tuple[int, str], ...] = ()
    if report.largest_circle > LARGE_CIRCLE:
        with installation.store.read() as conn:
            large = outlook(conn, over_accounts=False).large
    if json:
        print_json({**report.as_json(), "large_circles": [{"contacts": n, "of": someone} for n, someone in large]})
    else:
        tell(screen(), report)
        for said in of_circles(Outlook(0, large)):
            screen().print(f"[yellow]warning:[/] {escape(said)}")
    return NO if report.bad else FINE


def tell(out: Console, report: Report) -> None:
    """The report in words: what was taken, what was left out, line by line."""
    out.print(
        f"[bold]{escape(report.file)}[/]: {counted(report.rows, 'row')}. {report.accepted:,} taken, "
        f"{report.unchanged:,} known already, {report.bad:,} left out."
    )
    if report.merged:
        out.print(
            f"{counted(report.merged, 'circle')} became one with others, since they share an address, a household or an account."
        )
    if report.kept_stopped:
        lines = ", ".join(str(n) for n in report.kept_lines[:SHOWN])
        out.print(
            f"{counted(report.kept_stopped, 'row opts', 'rows opt')} in to what the contact had stopped: the stop stands "
            f"({'line' if report.kept_stopped == 1 else 'lines'} {lines})."
        )
    if report.old_lookups:
        out.print(
            f"[yellow]warning:[/] {counted(report.old_lookups, 'row tells', 'rows tell')} of look-ups that are too old for this "
            "policy: they let nobody through. Look these people up anew."
        )
    for row in report.bad_rows[:SHOWN]:
        out.print(f"  {escape(str(row))}", soft_wrap=True)
    if len(report.bad_rows) > SHOWN or report.bad > len(report.bad_rows):
        out.print("  ...")
    if report.rejects:
        out.print(f"All rows that were left out, with the reason: {escape(report.rejects)}", soft_wrap=True)
    if report.rejects_failed:
        out.print(f"[yellow]warning:[/] {escape(report.rejects_failed)}")


import_command = typer.main.get_command(app)
