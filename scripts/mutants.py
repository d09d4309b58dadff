"""Mutation testing of the core: every small change of `rules/`, `calendar/` and `decide/` should make a test fail.

mutmut makes the mutants, all of a file into one module that asks the environment which of them is meant. They are tried by
mutants_trial.py, for mutmut's own runner starts pytest for each, which takes a day for so many. What came of each is kept in
mutants_tried.txt, a line a function, so that runs add up over days and machines: what was killed isn't tried again as long as
its function stays as it was. mutants_equal.txt lists those that nothing can kill, each with its reason.

    python scripts/mutants.py [--seconds 5] [--processes 2] [--again] [PATTERN...]     for example 'decide.round.*'
"""

from __future__ import annotations

import argparse
import difflib
import fnmatch
import os
import pickle
import random
import shutil
import signal
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mutants_page
import mutants_trial
from mutants_trial import KILLED, PASSED, SURVIVED, TIMEOUT, UNTESTED, UNTRIED

PROJECT = Path(__file__).resolve().parents[1]
TREE = PROJECT / "var" / "mutants"
TRIED = PROJECT / "scripts" / "mutants_tried.txt"
EVERY = 100
"""What came of so many is written down at once."""


@dataclass
class Mutant:
    """One change of one function."""

    name: str
    """As mutmut calls it."""
    function: str
    """The function as mutmut calls it."""
    version: str
    """A hash of the function as it was."""
    was: str
    now: str
    result: str = UNTRIED

    @property
    def where(self) -> str:
        """The function as people call it."""
        return self.function.removeprefix("cadence.").replace("xǁ", "").replace("ǁ", ".").replace(".x_", ".")


def made() -> list[Mutant]:
    """All mutants of what the settings name, in a copy of the package that holds them all."""
    from mutmut.configuration import config
    from mutmut.mutation.file_mutation import mutate_file_contents

    found = []
    shutil.copytree(PROJECT / "config", TREE / "config", dirs_exist_ok=True)
    for path in sorted((PROJECT / "cadence").rglob("*.*")):
        inside = path.relative_to(PROJECT)
        if "__pycache__" in inside.parts:
            continue
        target = TREE / inside
        target.parent.mkdir(parents=True, exist_ok=True)
        if not config().should_mutate(inside):
            shutil.copy2(path, target)
            continue
        kept = target.with_suffix(".pickle")
        if not kept.exists() or kept.stat().st_mtime < path.stat().st_mtime:
            file = mutate_file_contents(str(inside), path.read_text("utf-8"))
            target.write_text(file.code, "utf-8")
            kept.write_bytes(pickle.dumps(list(_mutants(inside, file))))
        found += pickle.loads(kept.read_bytes())
    return found


def _mutants(path: Path, file: Any) -> Iterator[Mutant]:
    module = str(path.with_suffix("")).replace("/", ".").removesuffix(".__init__")
    lines = file.code.splitlines()
    spans = file.line_span_by_function_name
    for name in file.mutant_names:
        function = name.partition("__mutmut_")[0]
        before, after = (
            [line.replace(n, function) for line in lines[spans[n].start - 1 : spans[n].end]]
            for n in (f"{function}__mutmut_orig", name)
        )
        changed = list(difflib.unified_diff(before, after, n=0, lineterm=""))[2:]
        was, now = (" ".join(c[1:].strip() for c in changed if c[0] == sign) for sign in "-+")
        version = file.hash_by_function_name.get(function, "")
        yield Mutant(f"{module}.{name}", f"{module}.{function}", version, was, now)


def recall(mutants: Sequence[Mutant]) -> None:
    """Give the mutants of functions that are as they were what came of them before."""
    lines = TRIED.read_text("utf-8").splitlines() if TRIED.exists() else []
    before = {(where, version): results for where, version, results in map(str.split, lines)}
    for key, group in _by_function(mutants).items():
        results = before.get(key, "")
        if len(results) == len(group):
            for mutant, result in zip(group, results, strict=True):
                mutant.result = result


def keep(mutants: Sequence[Mutant]) -> None:
    """Write down what came of the mutants: a line a function, a letter a mutant in the order in which they are made."""
    lines = (
        f"{where} {version} {''.join(m.result for m in group)}\n"
        for (where, version), group in sorted(_by_function(mutants).items())
        if any(m.result != UNTRIED for m in group)
    )
    TRIED.write_text("".join(lines), "utf-8")


def _by_function(mutants: Sequence[Mutant]) -> dict[tuple[str, str], list[Mutant]]:
    groups: dict[tuple[str, str], list[Mutant]] = defaultdict(list)
    for mutant in mutants:
        groups[mutant.where, mutant.version].append(mutant)
    return groups


def main() -> None:
    """Try what is new, then with more patience what survived some of the tests."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--seconds", type=float, default=5, help="how long a mutant's tests may take in all")
    options.add_argument("--processes", type=int, default=2)
    options.add_argument(
        "--again", action="store_true", help="try once more just what survived, for there are new tests"
    )
    options.add_argument("--page", action="store_true", help="only write the page about what is known")
    options.add_argument("patterns", nargs="*", help="names of functions, with * and ?; else all")
    given = options.parse_args()
    os.chdir(PROJECT)
    mutants = made()
    recall(mutants)
    wanted = {UNTESTED, PASSED, SURVIVED} if given.again else {UNTRIED, PASSED}
    hopeless = mutants_page.equal()
    left = []
    for mutant in mutants:
        if mutants_page.line(mutant) in hopeless:
            mutant.result = SURVIVED if mutant.result == UNTRIED else mutant.result
        elif mutant.result in wanted and not given.page:
            left.append(mutant)
    if given.patterns:
        left = [m for m in left if any(fnmatch.fnmatch(m.where, p) for p in given.patterns)]
    random.Random().shuffle(left)  # so that a run that is stopped has tried a fair sample
    left.sort(key=lambda m: m.result != UNTRIED)
    print(f"{len(mutants)} mutants, {len(left)} to try", flush=True)
    begun = time.time()

    def save(done: int) -> None:
        if done % EVERY == EVERY - 1:
            keep(mutants)
            killed = sum(m.result in (KILLED, TIMEOUT) for m in left[:done])
            print(f"{done} of {len(left)}, {killed} killed, {time.time() - begun:.0f} s", flush=True)

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that what is known then is kept
    if left:
        mutants_trial.tried(left, given.seconds, given.processes, TREE, save)
    keep(mutants)
    mutants_page.write(mutants)
    for mutant in left if given.patterns else ():
        if mutant.result not in (KILLED, TIMEOUT):
            print(f"{mutant.result} {mutant.where}: {mutants_page.change(mutant)}")
    known = [m for m in mutants if m.result != UNTRIED]
    killed = sum(m.result in (KILLED, TIMEOUT) for m in known)
    print(f"{killed} of {len(known)} killed, {len(mutants)} in all; {time.time() - begun:.0f} s")


if __name__ == "__main__":
    main()
