"""Runs all benchmarks and writes docs/performance.md out of what they print.

python benchmarks/page.py [CONTACTS]
"""

from __future__ import annotations

import ast
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "performance.md"
LIMITS = {
    "bench_core.py": """\
Wanted: 350,000 decisions a second without guards at a million contacts, half of that with all of them, a batch of one within
2 ms, and 15 times the caps alone through `limits` (its moving window, in memory, its clock standing still). What limits it: each
rule passes over the touches of a part of the batch (some 75,000 contacts, so that they stay in the processor's cache); a third of
that is the pressure that `fatigue` adds up. For one message: some twenty steps a rule, each of them a call into numpy.""",
    "bench_mail.py": "Wanted: 2,000 mails a second. What limits it: rendering two parts, and their encoding.",
    "bench_tick.py": """\
Wanted: 12,000 decisions a second at a million contacts on each database, four times the usual way on PostgreSQL and not slower
on SQLite, and at most 1.5 times the time of its statements alone, through the bare driver. What limits it: seven tables are
read and five written, so two thirds of the time is the database's own; on SQLite 4 KB of log for each page that changes, and
one tick in three also takes the log into the file. Of the rest, a third is deciding, and the other two thirds are Python
objects on the way in (a message has 27 columns, a contact 38) and evidence on the way out. The usual way writes no evidence
and looks for no later instant, so it does less. Three or four transactions side by side are slower on two cores than two. At a
million contacts (2026-11-30, the machine and the hour of the figures above): SQLite 15,261 a second [10,163 to 15,717], 2.3
times the usual way, 1.43 times its statements alone; PostgreSQL 18,509 [17,240 to 19,577], 15.0 times the usual way, in one
transaction 12,947, 1.33 times its statements alone. Another such machine, on the morning before, made 12,154 and 12,910. Beside
its statements alone a tick takes 1.3 to 1.55 times as long, from pair to pair.""",
    "bench_growth.py": """\
Wanted: at most 3 times the tick with 100 times the contacts (pages, not rules), at most 1.2 times with 5,000,000 messages
waiting instead of 50,000, and less than 500 MB. What limits it: with more contacts, those that are due share fewer pages. From
10,000 contacts to a million (2026-11-30): SQLite 1.3 times, 166 MB; PostgreSQL 1.2 times, 93 ms for 1,250 messages, 108 MB. From
50,000 waiting messages to 5,000,000 at a million contacts, 50,000 of them due either way (2026-11-30): PostgreSQL 0.9 times in
each of three alternated pairs, 107 MB; SQLite 1.0 times (0.95, 1.01 and 1.10 in three pairs), 165 MB. How many are due makes
the difference: with 10,000 of 5,000,000 due, whose pages hardly any tick before has read, it takes PostgreSQL 1.8 times as long
as with 10,000 in all, for the server has 2 GB for pages of 9.4 GB.""",
    "bench_daemons.py": """\
Wanted: at least 1.3 times the throughput at a million contacts. What limits it: server and daemons share two cores. One daemon
that is alone uses both in its large ticks, in two transactions side by side; of two on one machine each has one at a time, and
then hardly a core rests. Two such transactions in each of two daemons are a tenth slower than one. At a million contacts
(2026-11-30, in hours in which this machine did everything a quarter slower than in those of the other figures): 13,263 decisions
a second [12,548 to 14,572] with one daemon, 17,253 [13,919 to 19,589] with two, in five pairs 1.30 times [1.08 to 1.39], two
hours before 1.28 times [1.20 to 1.40]; beside a daemon that has one transaction at a time (8,628) that is 2.00 times.""",
    "bench_verify.py": """\
Wanted: millions of rows in minutes, in less than 500 MB. What limits it: it is plain Python on purpose, a circle at a time.""",
    "bench_import.py": """\
Wanted: 20,000 contacts a second on SQLite, 15,000 on PostgreSQL. What limits it: a Python object for each row and each
consent; on SQLite half of the time is the database's own, on PostgreSQL two thirds. The next rows are read while the ones before
are committed (SQLite) or written (PostgreSQL). Both are reached on this machine in this hour; the same program differs by a
third from hour to hour, and was as much slower on the day before on another such machine.""",
}


def main() -> None:
    """Run each, show what it prints, and write the page."""
    parts = [_head()]
    for bench in sorted(HERE.glob("bench_*.py")):
        print(f"{bench.name} ...", flush=True)
        ran = subprocess.run([sys.executable, bench, *sys.argv[1:]], capture_output=True, text=True, check=True)
        told = "\n".join(line for line in ran.stdout.splitlines() if "━" not in line)
        print(told, flush=True)
        said = ast.get_docstring(ast.parse(bench.read_text())) or ""
        what = " ".join(said.split("\n\n")[0].split())
        parts.append(f"## {bench.name}\n\n{what}\n\n```text\n{told}\n```\n\n{LIMITS[bench.name]}\n")
    PAGE.write_text("\n".join(parts))
    print(f"written to {PAGE}")


def _head() -> str:
    cores = len(os.sched_getaffinity(0))
    day = datetime.now(UTC).date()
    return f"""\
# Performance

Made by `make bench`: each figure is the median of a few runs, the ratios are from one run. What all of them decide about: a
policy with consent, holds, caps, a gap, quiet hours, silence, fatigue and two segments; 25 time zones; contacts with twenty
touches each over sixty days, whose gaps are those of real people's messages, in random order on disk; contacts lie as imports
leave them, messages as campaigns plan them, and all of it in the machine's memory.

This run: {day}, {cores} cores, Python {platform.python_version()}, {platform.system()} {platform.machine()}.
"""


if __name__ == "__main__":
    main()
