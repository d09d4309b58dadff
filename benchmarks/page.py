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
million contacts (2026-11-30, the machine of the figures above): SQLite 12,154 a second [7,830 to 12,579], 2.7 times the usual
way, 1.52 times its statements alone; PostgreSQL 12,910 [11,196 to 14,083], 17.4 times the usual way, in one transaction 9,144,
1.57 times its statements alone. So both are fast enough. **1.5 is missed on SQLite, and on PostgreSQL in one run of two**
(1.44 to 1.69): since a batch comes out of few shards its statements take half as long as they did, and what is ours takes as
long as before. The figures of PostgreSQL above are those of a second run: the first, while the machine was slow, made 9,774
decisions a second.""",
    "bench_growth.py": """\
Wanted: at most 3 times the tick with 100 times the contacts (pages, not rules), at most 1.2 times with 100 times
the messages waiting, and less than 500 MB. What limits it: with more contacts, those that are due share fewer pages. From 10,000
contacts to a million: SQLite 1.3 times, 166 MB (2026-11-30, this machine); PostgreSQL 1.5 to 2.8 times, 106 MB (2026-11-29,
another machine, before batches came out of few shards). The figures above
are of a second run, in which those who are due are spread over all contacts.""",
    "bench_daemons.py": """\
Wanted: at least 1.3 times the throughput. What limits it: server and daemons share two cores, and one daemon's large ticks use
both, so that the faster one daemon is, the less a second one brings (1.26 to 1.31 in two runs). At a million contacts
(2026-11-29, another machine, a tick then still in one transaction): 1.4 to 1.7 times.""",
    "bench_verify.py": """\
Wanted: millions of rows in minutes, in less than 500 MB. What limits it: it is plain Python on purpose, a circle at a time.""",
    "bench_import.py": """\
Wanted: 20,000 contacts a second on SQLite, 15,000 on PostgreSQL. What limits it: a Python object for each row and each
consent; on SQLite half of the time is the database's own, on PostgreSQL two thirds. **Neither is reached.** The day before,
the same machine took in 17,077 a second on SQLite and 12,985 on PostgreSQL: the same program differs by a third from hour to
hour.""",
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
