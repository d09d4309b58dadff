"""The page about mutation testing, docs/mutation-testing.md: what scripts/mutants.py found, and why what survived did."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

PAGE = Path(__file__).resolve().parents[1] / "docs" / "mutation-testing.md"
DEAD = ("killed", "timeout")

HEAD = """# Mutation testing

A test that can't fail is worse than none. So each small change that could be made to the core (a `<` that becomes `<=`, a 1 that
becomes 2, an argument left out, a word in capitals) is made, one at a time, and the tests are run: at least one of them should
fail. A change that no test notices has *survived*.

    make mutants

makes them with [mutmut](https://mutmut.readthedocs.io) out of `rules/`, `calendar/` and `decide/`, and tries each in a forked
process against the tests that reach its function (the pure ones: no database, no `../shared`), at most {seconds:g} s of them.
What is killed stays so until its function changes; `rm -r var/mutants` begins anew. This page is written by it. A change that no
test reaches counts as survived; one that makes a test hang counts as killed. The goal is nine in ten.

"""

REASONS: Sequence[tuple[str, str, str]] = (
    (
        "How a number is stored",
        r"np\.(int64|int32|int16|int8|bool_|uint64|float64|str_)|\bbool\b.*\)|dtype",
        "A column's type left out or `None`: numpy then chooses it, in nearly all of these cases the same.",
    ),
    (
        "`strict=True` of a zip",
        r"strict=",
        "The columns are of one length; `strict` only guards against a mistake of ours.",
    ),
    (
        "Names under which a round remembers",
        r"remember\(|self\._(selected|runs|columns)|known = ",
        "Under another name it is remembered as well, or worked out again.",
    ),
    (
        "How near a suggested word must be",
        r"get_close_matches|hint|near|cutoff",
        "It changes which word an error proposes, for words that no test misspells just so.",
    ),
    (
        "Words of errors and warnings",
        r"raise \w+\(|Error\(|sentence = |every = |return \[\(|\(\(\), |allowed|f?\"[^\"]{25,}",
        "Only the wording of a message for whoever writes a policy changes.",
    ),
    (
        "How many at once, and how patiently",
        r"4096|_AT_ONCE|PATIENCE|_FIRST_LOOK|_MOST_ROUNDS|chunk|longest|64 \*|_SEARCH|turn|len\((there|rows|left|few|due)\)",
        "It changes what is worked out together or how much is looked at in advance, not what comes of it.",
    ),
)
"""By kind of change: a heading, what the changed line looks like, and why such a mutant survives."""
OTHER = "Not noticed by any test that was run: some change nothing that can be seen, the others are tests yet to be written."


class Tried(Protocol):
    """A mutant that was tried."""

    function: str
    was: str
    now: str
    result: str


def write(mutants: Sequence[Tried], seconds: float) -> None:
    """Write the page."""
    known = [m for m in mutants if m.result]
    parts = [
        HEAD.format(seconds=seconds),
        _figures(known, len(mutants)),
        _survivors([m for m in known if m.result not in DEAD]),
    ]
    PAGE.write_text("".join(parts), "utf-8")


def _file(mutant: Tried) -> str:
    return "/".join(mutant.function.split(".")[1:3]) + ".py"


def _figures(mutants: Sequence[Tried], made: int) -> str:
    killed, all_ = (Counter(_file(m) for m in some) for some in ([m for m in mutants if m.result in DEAD], mutants))
    lines = [f"## What came of it ({datetime.now(UTC):%Y-%m-%d})\n", "| | mutants | killed | |", "|---|---:|---:|---:|"]
    if len(mutants) < made:
        lines.insert(1, f"Tried so far: a random {len(mutants)} of {made} mutants.\n")
    lines.append(_row("**all**", len(mutants), sum(killed.values())))
    for folder in sorted({f.split("/")[0] for f in all_}):
        files = sorted(f for f in all_ if f.startswith(folder))
        lines.append(_row(f"**{folder}/**", sum(all_[f] for f in files), sum(killed[f] for f in files)))
        lines += [_row(f, all_[f], killed[f]) for f in files]
    return "\n".join(lines) + "\n\n"


def _row(name: str, all_: int, killed: int) -> str:
    return f"| {name} | {all_} | {killed} | {killed / all_:.1%} |"


def _survivors(mutants: Sequence[Tried]) -> str:
    groups: Mapping[str, list[Tried]] = defaultdict(list)
    for mutant in mutants:
        fits = (heading for heading, like, _ in REASONS if re.search(like, mutant.was) and _within(like, mutant))
        groups[next(fits, "")].append(mutant)
    lines = ["## Survivors\n"]
    for heading, _, why in (*REASONS, ("", "", OTHER)):
        if not groups[heading]:
            continue
        lines += [f"### {heading or 'The rest'} ({len(groups[heading])})\n", f"{why}\n", "```text"]
        for mutant in sorted(groups[heading], key=lambda m: m.function):
            lines.append(f"{_where(mutant)}: {_change(mutant)}")
        lines.append("```\n")
    return "\n".join(lines)


def _where(mutant: Tried) -> str:
    return mutant.function.removeprefix("cadence.").replace("xǁ", "").replace("ǁ", ".").replace(".x_", ".")


def _edges(mutant: Tried) -> tuple[int, int]:
    """How much both lines have in common at their beginnings and at their ends."""
    was, now = mutant.was, mutant.now
    short = min(len(was), len(now))
    begin = next((i for i in range(short) if was[i] != now[i]), short)
    end = next((i for i in range(short - begin) if was[-1 - i] != now[-1 - i]), short - begin)
    return begin, end


def _change(mutant: Tried) -> str:
    """The line with the change marked: `a <= b` for `<` by `<=` is `a [-<-]{+<=+} b`, cut to what is around it."""
    begin, end = _edges(mutant)
    was, now = (line[begin : len(line) - end] for line in (mutant.was, mutant.now))
    before, after = mutant.was[:begin], mutant.was[len(mutant.was) - end :]
    return f"{'…' if len(before) > 50 else ''}{before[-50:]}[-{was}-]{{+{now}+}}{after[:40]}{'…' if len(after) > 40 else ''}"


def _within(like: str, mutant: Tried) -> bool:
    """Whether the change itself lies in or beside what the pattern finds."""
    begin, end = _edges(mutant)
    last = len(mutant.was) - end
    return any(m.start() <= last and begin <= m.end() for m in re.finditer(like, mutant.was))
