"""Mutation testing of the core: every small change of `rules/`, `calendar/` and `decide/` should make a test fail.

mutmut makes the mutants, all of a file into one module that asks the environment which of them is meant. They are tried here,
for its own runner starts pytest for each, which takes a day for so many: the tests are collected once, and each mutant gets a
forked process that runs those which reach its function, the nearest and quickest first, until one fails. What came of it stands
in var/mutants/results.json; a mutant that was killed isn't tried again as long as its function stays as it was.

    python scripts/mutants.py [--seconds 5] [--processes 2] [PATTERN...]     for example 'cadence.rules.caps.*'
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import fnmatch
import gc
import json
import os
import pickle
import random
import resource
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import mutants_page
import pytest

PROJECT = Path(__file__).resolve().parents[1]
TREE = PROJECT / "var" / "mutants"
RESULTS = TREE / "results.json"
KILLED, TIMEOUT, SURVIVED, UNTESTED = "killed", "timeout", "survived", "no test"
MEMORY = 6 << 30
"""More than so many bytes no test needs; a mutant that asks for more is killed by the MemoryError."""


@dataclass
class Mutant:
    """One change of one function."""

    name: str
    function: str
    """The function's name as mutmut writes it."""
    version: str
    """A hash of the function as it was."""
    was: str
    now: str
    result: str = ""


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


def known() -> dict[str, Mutant]:
    """What was tried before, by name."""
    if not RESULTS.exists():
        return {}
    return {m["name"]: Mutant(**m) for m in json.loads(RESULTS.read_text("utf-8"))}


class Trial:
    """A pytest plugin that runs the collected tests against mutants instead of once."""

    def __init__(self, mutants: Sequence[Mutant], seconds: float, processes: int, save: Callable[[], None]) -> None:
        self.mutants, self.seconds, self.processes, self.save = mutants, seconds, processes, save
        self.hits: set[str] = set()
        self.trying = False
        self.took: dict[str, float] = {}
        self.sort: dict[str, frozenset[str]] = {}
        self.reached: dict[str, list[Any]] = {}

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        """Only what needs nothing from beside the project, so that the figure is the same everywhere."""
        items[:] = [i for i in items if "shared" not in i.fixturenames and not i.get_closest_marker("slow")]

    def pytest_runtestloop(self, session: Any) -> bool:
        """Look once which test reaches what, then try the mutants."""
        self.hits.clear()
        if session.testsfailed:
            raise SystemExit("not all tests can be collected")
        by_node = {i.nodeid: i for i in session.items}
        for node, (seconds, reached) in self._looked(session).items():
            self.took[node], self.sort[node] = seconds, frozenset(reached)
            for function in reached:
                self.reached.setdefault(function, []).append(by_node[node])
        gc.collect()
        gc.freeze()
        running: dict[int, Mutant] = {}
        for done, mutant in enumerate(self.mutants):
            items = self._nearest(mutant)
            if not items:
                mutant.result = UNTESTED
                continue
            if len(running) == self.processes:
                _wait(running)
            if (pid := os.fork()) == 0:
                self._try(mutant, items)
            running[pid] = mutant
            if done % 200 == 199:
                print(f"{done + 1} of {len(self.mutants)}", flush=True)
                self.save()
        while running:
            _wait(running)
        return True

    def _looked(self, session: Any) -> dict[str, tuple[float, list[str]]]:
        """What `_look` found; kept for as long as the same tests are collected and none of their files has changed."""
        state = sorted((i.nodeid, i.path.stat().st_mtime) for i in session.items)
        kept = TREE / "looked.pickle"
        if kept.exists() and (old := pickle.loads(kept.read_bytes()))[0] == state:
            return dict(old[1])
        found = _asked(lambda: self._look(session))
        kept.write_bytes(pickle.dumps((state, found)))
        return dict(found)

    def _look(self, session: Any) -> dict[str, tuple[float, list[str]]]:
        """For each test how long it takes and which functions it reaches. SystemExit where one fails without a mutant."""
        found = {}
        for item, following in zip(session.items, [*session.items[1:], None], strict=True):
            self.hits.clear()
            start = time.process_time()
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            found[item.nodeid] = time.process_time() - start, sorted(self.hits)
            if session.testsfailed:
                raise SystemExit(f"{item.nodeid} fails without any mutant")
        return found

    def _nearest(self, mutant: Mutant) -> list[Any]:
        """The tests that reach its function, for so many seconds in all: those named after its file first.

        Of the others, those that reach the very same functions are much alike: one of each sort comes first, then a second of
        each, in the same folder before elsewhere, the quicker before the slower."""
        *_, folder, file, _ = mutant.function.split(".")
        turns: dict[tuple[bool, frozenset[str]], int] = {}
        queue = []
        for item in sorted(self.reached.get(mutant.function, ()), key=lambda i: self.took[i.nodeid]):
            node = item.nodeid
            named = file in node
            turn = turns[named, self.sort[node]] = turns.get((named, self.sort[node]), -1) + 1
            queue.append((not named, turn, f"tests/{folder}/" not in node, self.took[node], len(queue), item))
        chosen, total = [], 0.0
        for *_, item in sorted(queue):
            total += self.took[item.nodeid]
            if chosen and total > self.seconds:
                break
            chosen.append(item)
        return chosen

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, call: Any) -> None:
        """A mutant's process ends with the first failure; nobody reads a report of it."""
        if self.trying and call.excinfo is not None and not call.excinfo.errisinstance(pytest.skip.Exception):
            os._exit(1)

    def _try(self, mutant: Mutant, items: Sequence[Any]) -> None:
        """In a process of its own: exit 1 as soon as a test fails, 0 when none does; out of time it is ended by SIGPROF."""
        with contextlib.suppress(BaseException):
            self.trying = True
            os.environ["MUTANT_UNDER_TEST"] = mutant.name
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 1)
            os.dup2(nowhere, 2)
            patience = 5 + 5 * sum(self.took[i.nodeid] for i in items)
            signal.setitimer(signal.ITIMER_PROF, patience)
            signal.setitimer(signal.ITIMER_REAL, 10 * patience)
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            for item, following in zip(items, [*items[1:], None], strict=True):
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            os._exit(0)
        os._exit(1)


def _wait(running: dict[int, Mutant]) -> None:
    pid, status = os.waitpid(-1, 0)
    ended = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
    late = ended in (-signal.SIGPROF, -signal.SIGALRM)
    running.pop(pid).result = TIMEOUT if late else KILLED if ended else SURVIVED


def _asked(what: Any) -> Any:
    """What a function says in a process of its own, so that it leaves nothing behind in this one (no warm caches)."""
    read, write = os.pipe()
    if (pid := os.fork()) == 0:
        try:
            answer = True, what()
        except BaseException as wrong:  # noqa: BLE001  # SystemExit too: nothing may run on behind the fork
            answer = False, str(wrong)
        with os.fdopen(write, "wb") as out:
            pickle.dump(answer, out)
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as told:
        fine, answer = pickle.load(told)
    os.waitpid(pid, 0)
    if not fine:
        raise SystemExit(answer)
    return answer


def tried(mutants: Sequence[Mutant], seconds: float, processes: int, save: Callable[[], None]) -> None:
    """Try mutants: each gets its result."""
    from mutmut.configuration import config
    from mutmut.mutation import trampoline

    plugin = Trial(mutants, seconds, processes, save)
    os.environ["MUTANT_UNDER_TEST"] = "stats"
    trampoline.record_trampoline_hit = lambda name, caller=None: plugin.hits.add(name)
    sys.path.insert(0, str(TREE))
    arguments = ["-q", "-s", "-n0", "--tb=short", "-p", "no:cacheprovider"]
    pytest.main([*arguments, *config().pytest_add_cli_args_test_selection], plugins=[plugin])


def main() -> None:
    """Try what is new, and what survived last time."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--seconds", type=float, default=5, help="how long a mutant's tests may take in all")
    options.add_argument("--processes", type=int, default=2)
    options.add_argument("--page", action="store_true", help="only write the page about what is known")
    options.add_argument("patterns", nargs="*", help="names of functions, with * and ?; else all")
    given = options.parse_args()
    os.chdir(PROJECT)
    before, mutants = known(), made()
    for mutant in mutants:
        old = before.get(mutant.name)
        if old is not None and old.version == mutant.version:
            mutant.result = old.result
    left = [] if given.page else [m for m in mutants if m.result not in (KILLED, TIMEOUT)]
    if given.patterns:
        left = [m for m in left if any(fnmatch.fnmatch(m.function, p) for p in given.patterns)]
    print(f"{len(mutants)} mutants, {len(left)} to try", flush=True)
    begun = time.time()

    def save() -> None:
        RESULTS.write_text(json.dumps([asdict(m) for m in mutants], indent=0, ensure_ascii=False), "utf-8")

    if left:
        random.Random(1).shuffle(left)
        left.sort(key=lambda m: m.result != SURVIVED)  # so that a run that is stopped has tried a fair sample
        tried(left, given.seconds, given.processes, save)
    save()
    if not given.patterns:
        mutants_page.write(mutants, given.seconds)
    killed = sum(m.result in (KILLED, TIMEOUT) for m in mutants)
    print(f"{killed} of {len(mutants)} killed: {killed / len(mutants):.1%}; {time.time() - begun:.0f} s")


if __name__ == "__main__":
    main()
