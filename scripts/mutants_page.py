"""The page about mutation testing, docs/mutation-testing.md: what scripts/mutants.py found, and why what survived did."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from mutants_trial import KILLED, PASSED, TIMEOUT, UNTRIED

PAGE = Path(__file__).resolve().parents[1] / "docs" / "mutation-testing.md"
EQUAL = Path(__file__).with_name("mutants_equal.txt")
"""Mutants that nothing can kill, as the page writes them, under lines that begin with # and say why."""
DEAD = (KILLED, TIMEOUT)

HEAD = """# Mutation testing

A test that can't fail is worse than none. So each small change that could be made to the core (a `<` that becomes `<=`, a 1 that
becomes 2, an argument left out, a word in capitals) is made, one at a time, and the tests are run: at least one of them should
fail. A change that no test notices has *survived*.

    make mutants

makes them with [mutmut](https://mutmut.readthedocs.io) out of `rules/`, `calendar/` and `decide/`, and tries each, in random
order, in a forked process against the tests that reach its function (the pure ones: no database, no `../shared`): those first
that killed others, and no more than five seconds of them. What survived that is tried with more patience by

    .venv/bin/python scripts/mutants.py --seconds 60

and once more, when there are new tests, by `--again` (`--again 'decide.told.*'`: those of some functions). What came of each
stands in `scripts/mutants_tried.txt`, a line a function; it holds until the function changes. This page is written from it. A
change that no test reaches counts as survived; one that makes a test hang counts as killed. Functions that are called only while
modules and policies are read, before any fork, are tried in a fresh pytest. The goal is nine in ten.

"""


class Tried(Protocol):
    """A mutant that was tried."""

    function: str
    was: str
    now: str
    result: str

    @property
    def where(self) -> str:
        """The function as people call it."""


def write(mutants: Sequence[Tried]) -> None:
    """Write the page."""
    listed = equal()
    known = [m for m in mutants if m.result != UNTRIED]
    left = [m for m in known if m.result not in DEAD]
    same = [m for m in left if line(m) in listed]
    others = [m for m in left if line(m) not in listed]
    for needless in sorted(set(listed) - set(map(line, same))):
        print(f"in {EQUAL.name}, but no mutant that survived: {needless}")
    PAGE.write_text(HEAD + _figures(known, same, len(mutants)) + _same(same, listed) + _survivors(others), "utf-8")


def equal() -> dict[str, str]:
    """By mutant, as the page writes it, why it can't be killed."""
    found, reason = {}, ""
    for text in EQUAL.read_text("utf-8").splitlines():
        if text.startswith("# "):
            reason = text.removeprefix("# ")
        elif text:
            found[text] = reason
    return found


def _file(mutant: Tried) -> str:
    return "/".join(mutant.function.split(".")[1:3]) + ".py"


def _figures(known: Sequence[Tried], same: Sequence[Tried], made: int) -> str:
    all_, equal = Counter(map(_file, known)), Counter(map(_file, same))
    killed = Counter(_file(m) for m in known if m.result in DEAD)
    quickly = sum(m.result == PASSED for m in known)
    lines = [f"## What came of it ({datetime.now(UTC):%Y-%m-%d})\n"]
    if len(known) < made:
        lines.append(
            f"Tried so far: {len(known):,} of {made:,} mutants, taken at random but for those of functions that were worked on.\n"
        )
    if quickly:
        lines.append(f"{quickly:,} of those that survived have met only a part of the tests that reach them.\n")
    lines += ["| | mutants | killed | | change nothing | killed of the rest |", "|---|---:|---:|---:|---:|---:|"]

    def row(name: str, files: Sequence[str]) -> str:
        n, k, e = (sum(some[f] for f in files) for some in (all_, killed, equal))
        return f"| {name} | {n} | {k} | {k / n:.1%} | {e} | {k / (n - e) if n > e else 1:.1%} |"

    lines.append(row("**all**", list(all_)))
    for folder in sorted({f.split("/")[0] for f in all_}):
        files = sorted(f for f in all_ if f.startswith(folder))
        lines += [row(f"**{folder}/**", files), *(row(f, [f]) for f in files)]
    return "\n".join(lines) + "\n\n"


def _same(mutants: Sequence[Tried], listed: Mapping[str, str]) -> str:
    """Those that were read one by one and do what the function does."""
    if not mutants:
        return ""
    groups: Mapping[str, list[str]] = defaultdict(list)
    for mutant in mutants:
        groups[listed[line(mutant)]].append(line(mutant))
    lines = [
        f"## Changes that change nothing ({len(mutants)})\n",
        "Read one by one (`scripts/mutants_equal.txt`); no test can tell these from the code.\n",
    ]
    for reason in sorted(groups):
        lines += [f"{reason}\n", "```text", *sorted(groups[reason]), "```\n"]
    return "\n".join(lines) + "\n"


def _survivors(mutants: Sequence[Tried]) -> str:
    """Those that a test should kill."""
    if not mutants:
        return "## Survivors\n\nNone but those above.\n"
    lines = [
        f"## Survivors ({len(mutants)})\n",
        "Not noticed by any test that was run: each is a test yet to be written, or one to be read and listed above.\n",
        "```text",
        *sorted(map(line, mutants)),
        "```\n",
    ]
    return "\n".join(lines)


def line(mutant: Tried) -> str:
    """A mutant in one line: its function, and the change marked."""
    return f"{mutant.where}: {change(mutant)}"


def _edges(mutant: Tried) -> tuple[int, int]:
    """How much both lines have in common at their beginnings and at their ends."""
    was, now = mutant.was, mutant.now
    short = min(len(was), len(now))
    begin = next((i for i in range(short) if was[i] != now[i]), short)
    end = next((i for i in range(short - begin) if was[-1 - i] != now[-1 - i]), short - begin)
    return begin, end


def change(mutant: Tried) -> str:
    """The line with the change marked: `a <= b` for `<` by `<=` is `a [-<-]{+<=+} b`, cut to what is around it."""
    begin, end = _edges(mutant)
    was, now = (line[begin : len(line) - end] for line in (mutant.was, mutant.now))
    before, after = mutant.was[:begin], mutant.was[len(mutant.was) - end :]
    return f"{'…' if len(before) > 50 else ''}{before[-50:]}[-{was}-]{{+{now}+}}{after[:40]}{'…' if len(after) > 40 else ''}"
