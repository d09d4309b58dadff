"""A virtual year: memory stays flat, tables stay bounded, the tick stays as fast, and the record holds.

Three campaigns a week go to everybody, with new words each week. Customers go on as they did: what was bought in a week of
the year before is bought in that week again, some click, and a few want no more."""

from __future__ import annotations

import csv
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from random import Random
from unittest import mock

import numpy as np
import pytest
import sqlalchemy as sa

from cadence import daemon as running
from cadence import log
from cadence.audit.verify import verify
from cadence.cli.installation import Installation, options_of
from cadence.clock import VirtualClock
from cadence.daemon import Report
from cadence.doors.files import import_file
from cadence.facts import DAY, instant
from cadence.policy.policy import Policy
from cadence.queue.tick import tick
from cadence.queue.work import Work
from cadence.store import Store
from cadence.store.tables import metadata
from tests.whole.living import shop

WEEK, MONTH = 7 * DAY, 30 * DAY
CAMPAIGNS = {
    "letter": ("newsletter", "0 10 * * TUE", "3d"),
    "offer": ("promotion", "0 16 * * THU", "40h"),
    "weekend": ("newsletter", "0 11 * * SAT", "3d"),
}
"""Category, when (in each reader's own time), and how long what it says is true."""
CLICK, STOP = 0.04, 0.0005
"""The share of all customers that click, and that opt out, in a week."""
NO_SLOWER = 1.3
"""So much longer may the tick of the last weeks take than that of the tenth: what others do on a machine is felt."""
PRUNED = ("decision", "message", "directory")
"""Tables that stop growing once the first of their rows are old enough. Touches are kept for longer than a year."""
WRITTEN = ("circle", "contact")
"""Tables of which each tick writes the same rows again: what those leave behind on PostgreSQL is used again."""


@dataclass
class Week:
    """What was seen of one."""

    began: float = field(default_factory=time.monotonic)
    done: Counter[str] = field(default_factory=Counter)
    decided: list[int] = field(default_factory=list)
    """How many messages, tick by tick."""
    spent: list[float] = field(default_factory=list)
    """Seconds, tick by tick: on SQLite of this process, so that others on the machine don't count."""
    seconds: float = 0.0
    memory: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    megabytes: dict[str, float] = field(default_factory=dict)
    """What there is on disk."""

    @property
    def each(self) -> float:
        """Seconds of the tick for one decision: the median of all of them."""
        return float(np.median(np.repeat(np.array(self.spent) / self.decided, self.decided)))

    def __str__(self) -> str:
        rows = "  ".join(f"{name} {n:,}" for name, n in self.rows.items())
        rows += "  MB: " + "  ".join(f"{name} {n:,.1f}" for name, n in self.megabytes.items())
        done = f"decided {sum(self.decided):,}  sent {self.done['sent']:,}"
        at_each = f"{self.each * 1e6:,.0f} µs each (mean {sum(self.spent) / max(sum(self.decided), 1) * 1e6:,.0f})"
        return f"{done}  {at_each}  {self.memory // 1_000_000} MB  {self.seconds:.0f} s  {rows}"


@dataclass
class Year:
    """An installation that lives through one, watched."""

    installation: Installation
    folder: Path
    start: int
    """A Monday."""
    weeks: list[Week] = field(default_factory=list)

    def live(self, until: int) -> None:
        """A daemon, from the start until then."""
        self.turn(self.start)
        daemon = self.installation.daemon(
            VirtualClock(self.start), options_of(self.installation.settings, until=until), self.watch
        )
        plan = daemon.jobs.plan
        assert plan is not None

        def weekly(policy: Policy, now: int) -> int:
            """Each week begins with what the outside brings."""
            if (now - self.start) // WEEK >= len(self.weeks):
                self.turn(now)
            return min(plan(policy, now) or until, self.start + len(self.weeks) * WEEK)

        daemon.jobs = replace(daemon.jobs, plan=weekly)
        with mock.patch.object(running, "tick", self.timed(tick)):
            daemon.run(signals=False)
        self.close()

    def timed(self, tick: Callable[[Work], Counter[str]]) -> Callable[[Work], Counter[str]]:
        """The same, with an eye on what it takes."""
        clock = time.process_time if self.installation.store.dialect == "sqlite" else time.perf_counter

        def ticking(work: Work) -> Counter[str]:
            began = clock()
            counts = tick(work)
            if counts["claimed"]:
                self.weeks[-1].spent.append(clock() - began)
                self.weeks[-1].decided.append(counts["claimed"])
            return counts

        return ticking

    def watch(self, report: Report) -> None:
        """Hears what each job did."""
        self.weeks[-1].done.update(report.counts)

    def turn(self, now: int) -> None:
        """The week before is told of, and the next begins."""
        if self.weeks:
            self.close()
        number = len(self.weeks)
        self.write_campaigns(number)
        self.customers_go_on(number, now)
        for mail in (self.folder / "maildir/new").glob("*"):
            mail.unlink()  # somebody reads it
        self.weeks.append(Week())

    def close(self) -> None:
        """The week is over."""
        week = self.weeks[-1]
        week.seconds, week.memory = time.monotonic() - week.began, resident()
        week.rows, week.megabytes = rows_of(self.installation.store), megabytes_of(self.installation.store)
        print(f"week {len(self.weeks) - 1:2}  {instant(self.start).date() + (len(self.weeks) - 1) * timedelta(7)}  {week}", flush=True)  # fmt: skip

    def write_campaigns(self, number: int) -> None:
        """As marketing does: the same three, in new words."""
        folder = self.installation.settings.campaigns
        folder.mkdir(exist_ok=True)
        for name, (category, cron, lasts) in CAMPAIGNS.items():
            lines = [
                f"name: {name}",
                f"category: {category}",
                "audience: {where: {}}",
                f'schedule: {{cron: "{cron}", zone: contact}}',
                f"expires: {lasts}",
                f'template: {{subject: "{name} {number}{{% if first_name %}}, {{{{ first_name }}}}{{% endif %}}", text: words.txt}}',
            ]
            (folder / f"{name}.yaml").write_text("\n".join(lines), "utf-8")
        (folder / "words.txt").write_text(
            f"Hello {{{{ first_name or 'there' }}}},\n\nnews of week {number}.\n", "utf-8"
        )

    def customers_go_on(self, number: int, now: int) -> None:
        """What they did in the week that ended."""
        if number == 0:
            return
        dice, today = Random(number), instant(now).date()
        yesterday = (today - timedelta(days=1)).isoformat()
        with (self.folder / "sample/contacts.csv").open(encoding="utf-8", newline="") as file:
            ids = [row["id"] for row in csv.DictReader(file)]
        with (self.folder / "sample/purchases.csv").open(encoding="utf-8", newline="") as file:
            ago = {(today - timedelta(days=364 + n)).isoformat() for n in range(1, 8)}
            bought = [{**r, "at": later(r["at"])} for r in csv.DictReader(file) if r["at"] in ago]
        clicked = [{"contact": i, "at": yesterday, "engagement": "click"} for i in ids if dice.random() < CLICK]
        stopped = [{"contact": i, "at": yesterday, "opt_out": "all"} for i in ids if dice.random() < STOP]
        for kind, told in (("events", bought), ("events", clicked), ("consents", stopped)):
            file_ = self.folder / "week.csv"
            with file_.open("w", encoding="utf-8", newline="") as out:
                writer = csv.DictWriter(out, list(told[0]) if told else ["contact", "at"])
                writer.writeheader()
                writer.writerows(told)
            report = import_file(self.installation.store, kind, file_, now=now)
            assert (report.bad, report.rows) == (0, len(told)), report


def later(day: str) -> str:
    """The same weekday, 52 weeks on."""
    return (date.fromisoformat(day) + timedelta(days=364)).isoformat()


def resident() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * 4096


def rows_of(store: Store) -> dict[str, int]:
    """How many rows each table has that has any."""
    with store.read() as conn:
        counts = {
            t.name: int(conn.scalar(sa.select(sa.func.count()).select_from(t)) or 0) for t in metadata.sorted_tables
        }
    return {name: n for name, n in counts.items() if n}


def megabytes_of(store: Store) -> dict[str, float]:
    """On SQLite of the file and its log, on PostgreSQL of each table that has some, with its indexes."""
    if store.dialect == "sqlite":
        file = Path(store.url.database or "")
        both = {"file": file, "log": file.with_name(f"{file.name}-wal")}
        return {name: path.stat().st_size / 1e6 for name, path in both.items() if path.exists()}
    with store.read() as conn:
        sizes = {
            t.name: int(conn.scalar(sa.select(sa.func.pg_total_relation_size(t.name))) or 0)
            for t in metadata.sorted_tables
        }
    return {name: size / 1e6 for name, size in sizes.items() if size > 100_000}


def live_a_year(project: Path, folder: Path, url: str, customers: int) -> None:
    log.configure(level="error")
    installation, begins = shop(project, folder, customers, url)
    settings = installation.settings.model_copy(update={"campaigns": folder / "campaigns"})
    start = begins + (-instant(begins).weekday() % 7) * DAY
    year = Year(replace(installation, settings=settings), folder, start)
    until = start + 365 * DAY
    year.live(until)

    third, last = MONTH * 3 // WEEK, len(year.weeks) - 2  # the very last is but a day
    early, late = year.weeks[third], year.weeks[last]
    assert late.memory < 1.25 * early.memory, [w.memory // 1_000_000 for w in year.weeks]
    assert max(w.memory for w in year.weeks) < 500_000_000
    for table in PRUNED:
        assert late.rows[table] < 1.5 * early.rows[table], (table, [w.rows[table] for w in year.weeks])
    for table in (*PRUNED, *WRITTEN) if installation.store.dialect == "postgresql" else ():
        told = [round(w.megabytes.get(table, 0.0), 1) for w in year.weeks]
        assert told[last] < 1.5 * told[third] + 1, (table, told)
    # A week alone may be one in which the machine was slow: the middle one of five.
    tenth, last_ones = (
        float(np.median([w.each for w in weeks])) for weeks in (year.weeks[8:13], year.weeks[last - 4 : last + 1])
    )
    assert last_ones < NO_SLOWER * tenth, [f"{w.each * 1e6:.0f} µs" for w in year.weeks]
    report = verify(installation.store, now=until, drained=True, kept=35 * DAY)
    assert report.ok, report.text()


@pytest.mark.soak
@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
@pytest.mark.parametrize("customers", [250, 2_000, 20_000])
def test_a_virtual_year_shows_flat_memory_bounded_tables_and_a_tick_as_fast_as_ever(
    project: Path, tmp_path: Path, database_url: str, customers: int
) -> None:
    live_a_year(project, tmp_path, database_url, customers)
