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
Wanted: 350,000 decisions a second without guards at a million contacts, half of that with all of them, and a batch of one within
2 ms. What limits it: memory, since each rule passes over all touches of the batch once; with guards, the runs that `follow_ups`,
`repetition` and `channel_hop` lay out anew for each message.""",
    "bench_mail.py": "Wanted: 2,000 mails a second. What limits it: rendering two parts, and their encoding.",
    "bench_tick.py": """\
Wanted: 12,000 decisions a second at a million contacts on each database, four times the usual way on PostgreSQL. **That is not
reached yet.** What limits it: Python objects for each row on the way in (33 columns of a message, 36 of a contact) and out, and
the evidence, which is written as JSON for each decision; about half of the time is the database's own. The usual way writes no
evidence and looks for no later instant, so it does less.""",
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
touches each over sixty days, whose gaps are those of real people's messages, in random order on disk.

This run: {day}, {cores} cores, Python {platform.python_version()}, {platform.system()} {platform.machine()}.
"""


if __name__ == "__main__":
    main()
