"""`cadence demo`: what `make run` shows. Real customers, real policies, the real daemon; only the clock is virtual.

It makes its database anew in `var/demo`, or with `--live` keeps `var/live` and runs on the real clock until it is stopped.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from cadence import log
from cadence.cli.installation import Installation, options_of
from cadence.cli.screen import FINE, NO, counted, print_json, screen, table
from cadence.clock import Clock, VirtualClock, system_micros
from cadence.daemon import Report, settle_in
from cadence.doors.files import import_file
from cadence.doors.sample import FILES, run_begins, shifted
from cadence.facts import DAY, instant, micros
from cadence.policy.load import load_policy
from cadence.settings import Settings, read
from cadence.store import Store, summary
from cadence.store.campaigns import next_of_running

app = typer.Typer(add_completion=False)
SAMPLE = Path("config/sample")
_KINDS = {"contacts.csv": "contacts", "consents.csv": "consents", "purchases.csv": "events"}


@app.command()
def demo(
    weeks: Annotated[int, typer.Option(min=1, max=60, help="How many virtual weeks.")] = 4,
    live: Annotated[bool, typer.Option(help="The real clock, in var/live, until stopped.")] = False,
    json: Annotated[bool, typer.Option("--json", help="The summary as JSON.")] = False,
) -> int:
    """Watch the daemon write to real customers only when it is welcome, and say why it held or stopped the rest."""
    var = Path("var/live" if live else "var/demo")
    fresh = not live or not (var / "cadence.db").exists()
    if fresh:
        shutil.rmtree(var, ignore_errors=True)
    settings = read(Settings, var=var, database_url=f"sqlite:///{var / 'cadence.db'}", provider="maildir")
    var.mkdir(parents=True, exist_ok=True)
    out = screen() if not json else Console(quiet=True)
    with (var / "cadence.log").open("a", encoding="utf-8") as lines:
        log.configure(level=settings.log_level, json=True, stream=lines)
        installation = Installation.open(settings, update=True)
        begins = _begins(live)
        if fresh:
            _import(out, installation, var, begins)
        if live:
            out.print(
                f"{'' if fresh else f'Going on with what is in {var}. '}It runs on the real clock until you stop it "
                f"(Ctrl-C); its log is {var}/cadence.log."
            )
        clock: Clock = installation.real_clock() if live else VirtualClock(begins)
        until = None if live else begins + weeks * 7 * DAY
        view = Board(installation.store, begins, until)
        _live_through(out, installation, clock, until, view)
    return _end(out, installation, view, json)


def _begins(live: bool) -> int:
    """When the run begins: the latest midnight (UTC) for which whole weeks put the last purchase on the day before."""
    if live:
        return system_micros()
    return micros(datetime.combine(run_begins(instant(system_micros()).date(), SAMPLE), time(), UTC))


def _import(out: Console, installation: Installation, var: Path, begins: int) -> None:
    """The sample's files, moved to the present, through the same door as any other file."""
    policy = load_policy(installation.settings.policy)
    categories = frozenset(n for c in policy.categories.values() for n in (c.name, *c.was))
    moved = shifted(SAMPLE, var / "sample", instant(begins).date())
    out.print(
        f"[bold]{moved.contacts:,} customers of a record shop and their {moved.purchases:,} purchases[/] (CDNOW 1997-98, "
        "real; names and addresses are invented, all under example.com).\n"
        f"All dates are moved by {moved.weeks:,} whole weeks, so that the last purchase lies on "
        f"{moved.last_purchase:%A, %d %B %Y}, the day before the run begins."
    )
    with Progress(console=out, transient=True, disable=not out.is_terminal) as bars:
        for name in FILES:
            bar = bars.add_task(f"importing {name}", total=1.0)

            def moved_on(done: int, total: int, bar: object = bar) -> None:
                bars.update(bar, completed=done, total=max(total, 1))  # type: ignore[arg-type]

            report = import_file(
                installation.store,
                _KINDS[name],
                moved.folder / name,
                now=begins,
                source="sample",
                zone=policy.defaults.timezone,
                categories=categories,
                progress=moved_on,
            )
            if report.bad:
                raise ValueError(
                    f"{name}: {counted(report.bad, 'row was', 'rows were')} refused, the first: {report.bad_rows[0]}"
                )


class Board:
    """What a watcher sees while the daemon lives: what was sent, held and stopped, by which rule, and what is next."""

    def __init__(self, store: Store, begins: int, until: int | None) -> None:
        self.store, self.begins, self.until = store, begins, until
        self.now = begins
        self.totals: Counter[str] = Counter()
        self.shown_day = -1

    def hear(self, report: Report) -> bool:
        """Take in what a job did; whether a new day has begun."""
        self.now = report.now
        self.totals.update(report.counts)
        day = (report.now - self.begins) // DAY
        turned, self.shown_day = day != self.shown_day, day
        return turned

    def drawn(self) -> Group:
        """The board: a line of totals, and a table of the rules that held or stopped something."""
        with self.store.read() as conn:
            seen = summary.of(conn)
            begins = next_of_running(conn)
        done = (
            "" if self.until is None else f" · {100 * (self.now - self.begins) // max(1, self.until - self.begins)} %"
        )
        rules = Counter({**seen.deferring}) + Counter(seen.suppressing)
        rows = [[rule, seen.deferring.get(rule, 0), seen.suppressing.get(rule, 0)] for rule, _ in rules.most_common(12)]
        next_due = f"next due {instant(seen.next_due):%a %d %b %H:%M} UTC" if seen.next_due else "nothing is waiting"
        if begins is not None:
            next_due += f" · next campaign {instant(begins):%a %d %b %H:%M} UTC"
        title = (
            f"{instant(self.now):%A %d %B %Y %H:%M} UTC{done} · sent {seen.sent:,} · waiting {seen.waiting:,} · "
            f"suppressed {seen.suppressed:,} · {next_due}"
        )
        return Group(*_titled(title, ["rule", "times it held a message", "messages it stopped"], rows))

    def line(self) -> str:
        """The board as one line, for where there is no terminal."""
        with self.store.read() as conn:
            seen = summary.of(conn)
        return (
            f"{instant(self.now):%a %Y-%m-%d}  sent {seen.sent:>6,}  waiting {seen.waiting:>6,}  "
            f"suppressed {seen.suppressed:>6,}"
        )


def _live_through(out: Console, installation: Installation, clock: Clock, until: int | None, view: Board) -> None:
    """The daemon's life, drawn as it goes."""
    options = options_of(installation.settings, until=until)
    settle_in()
    if out.is_terminal:
        with Live(console=out, refresh_per_second=8, transient=True) as drawn:
            last = [0.0]

            def watch(report: Report) -> None:
                view.hear(report)
                if out.get_time() - last[0] > 0.25:
                    last[0] = out.get_time()
                    drawn.update(view.drawn())

            installation.daemon(clock, options, watch).run()
        return

    def tell(report: Report) -> None:
        if view.hear(report):
            out.print(view.line())

    installation.daemon(clock, options, tell).run()


def _end(out: Console, installation: Installation, view: Board, json: bool) -> int:
    """The summary: what became of everything, why, and whether the promises held."""
    from cadence.audit.verify import verify

    store, var = installation.store, installation.settings.var
    with store.read() as conn:
        seen = summary.of(conn)
        campaigns = summary.by_campaign(conn)
        busiest = summary.most_touched(conn, 7 * DAY)
    verdict = verify(store, now=view.now, drained=view.until is not None)
    if json:
        print_json(
            {
                "sent": seen.sent,
                "waiting": seen.waiting,
                "suppressed": seen.suppressed,
                "deferring": seen.deferring,
                "suppressing": seen.suppressing,
                "campaigns": campaigns,
                "most_in_seven_days": busiest,
                "breaches": len(verdict.breaches),
            }
        )
        return NO if verdict.breaches else FINE
    states = sorted({state for counts in campaigns.values() for state in counts})
    out.print()
    counts = [[n, *(c.get(s, 0) for s in states)] for n, c in campaigns.items()]
    out.print(*_titled("What became of the messages", ["campaign", *states], counts), sep="\n")
    out.print()
    rules = Counter(seen.deferring) + Counter(seen.suppressing)
    rows = [[rule, seen.deferring.get(rule, 0), seen.suppressing.get(rule, 0)] for rule, _ in rules.most_common()]
    columns = ["rule", "times it held a message", "messages it stopped"]
    out.print(*_titled("Why others had to wait, or will not go", columns, rows), sep="\n")
    out.print()
    out.print(f"The most messages that anyone got in seven days: {busiest}.")
    words = (
        "[green]all promises kept[/]"
        if not verdict.breaches
        else f"[red]{counted(len(verdict.breaches), 'breach', 'breaches')}[/]"
    )
    out.print(f"The record, recomputed by the independent verifier: {words}.")
    out.print(f"\nMail lies in {var}/maildir, the log in {var}/cadence.log. To look closer:")
    prefix = f"CADENCE_DATABASE_URL={installation.settings.database_url}"
    for command in ("suppressed --by rule", "queue", "contact 00021", "explain 00021"):
        out.print(f"    {prefix} .venv/bin/cadence {command}", soft_wrap=True)
    return NO if verdict.breaches else FINE


def _titled(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[Text | Table]:
    """A heading as wide as it is, and the table under it; one without rows says so."""
    return [Text(title, style="bold"), table(None, columns, rows) if rows else Text("nothing yet", style="dim")]


demo_command = typer.main.get_command(app)
