"""How mutants are tried: the tests are collected once, and each mutant gets a forked process that runs those which reach its
function, until one fails; those first that are likely to, for the time they take."""

from __future__ import annotations

import contextlib
import gc
import mmap
import os
import pickle
import resource
import signal
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import pytest

UNTRIED, KILLED, TIMEOUT, UNTESTED, PASSED, SURVIVED = ".kt-sS"
"""What came of a mutant: not tried yet; killed by a failing test; by one that hangs; no test reaches it; it survived as many
tests as there was time for; it survived all that reach it."""
MEMORY = 6 << 30
"""More than so many bytes no test needs; a mutant that asks for more is killed by the MemoryError."""
OVERHEAD = 0.003
"""Seconds that pytest takes for a test besides."""
ARGUMENTS = ("-q", "-s", "-n0", "--tb=short", "-p", "no:cacheprovider")
ANEW = ("tests/language/test_language.py", "tests/rules/test_every_rule.py", "tests/rules/test_examples.py")
"""The tests that read policies while they are collected."""
ANEW_SECONDS = 120


class Mutant(Protocol):
    """A mutant as far as a trial needs to know it."""

    name: str
    function: str
    result: str


class Trial:
    """A pytest plugin that runs the collected tests against mutants instead of once."""

    def __init__(self, mutants: Sequence[Mutant], seconds: float, processes: int, save: Callable[[int], None]) -> None:
        self.mutants, self.seconds, self.processes, self.save = mutants, seconds, processes, save
        self.hits: set[str] = set()
        self.early: frozenset[str] = frozenset()
        self.trying = False
        self.took: dict[str, float] = {}
        self.sort: dict[str, frozenset[str]] = {}
        self.reached: dict[str, list[Any]] = {}
        self.killed: dict[str, Counter[str]] = defaultdict(Counter)
        self.ran: dict[str, Counter[str]] = defaultdict(Counter)
        """By function, and under "" for all of them, how often a test killed a mutant of it and how often it was run."""
        self.running: dict[int, tuple[Mutant, list[Any], bool, mmap.mmap]] = {}

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        """Only what needs nothing from beside the project, so that the figure is the same everywhere."""
        items[:] = [i for i in items if "shared" not in i.fixturenames and not i.get_closest_marker("slow")]

    def pytest_runtestloop(self, session: Any) -> bool:
        """Look once which test reaches what, then try the mutants."""
        if session.testsfailed:
            raise SystemExit("not all tests can be collected")
        self.early = frozenset(self.hits)
        by_node = {i.nodeid: i for i in session.items}
        for node, (seconds, reached) in _asked(lambda: self._look(session)).items():
            self.took[node], self.sort[node] = seconds, frozenset(reached)
            for function in reached:
                self.reached.setdefault(function, []).append(by_node[node])
        gc.collect()
        gc.freeze()
        for done, mutant in enumerate(self.mutants):
            if len(self.running) == self.processes:
                self._wait()
            self._start(mutant)
            self.save(done)
        while self.running:
            self._wait()
        return True

    def _look(self, session: Any) -> dict[str, tuple[float, list[str]]]:
        """For each test how long it takes and which functions it reaches. SystemExit where one fails without a mutant."""
        found = {}
        for item, following in zip(session.items, [*session.items[1:], None], strict=True):
            self.hits.clear()
            start = os.times()
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            found[item.nodeid] = os.times().user - start.user, sorted(self.hits)
            if session.testsfailed:
                raise SystemExit(f"{item.nodeid} fails without any mutant")
        return found

    def _nearest(self, function: str) -> tuple[list[Any], bool]:
        """The tests that reach a function, for so many seconds in all, and whether these are all of them.

        In the order of how likely each kills, for the time it takes: by how often it killed mutants of this function, and
        of all. Those that are named after its file are likelier to; of those that reach the very same functions, which are
        much alike, the second is half as likely as the first, and so on."""
        *_, file, _ = function.split(".")
        turns: Counter[tuple[bool, frozenset[str]]] = Counter()
        queue = []
        reaching = sorted(self.reached.get(function, ()), key=lambda i: self.took[i.nodeid])
        for item in reaching:
            node = item.nodeid
            alike = file in node, self.sort[node]
            turns[alike] += 1
            often = (self.killed[""][node] + 0.05) / (self.ran[""][node] + 1)
            likely = (self.killed[function][node] + often) / (self.ran[function][node] + 1) / turns[alike]
            queue.append((-likely * (3 if alike[0] else 1) / (self.took[node] + OVERHEAD), len(queue), item))
        chosen, total = [], 0.0
        for *_, item in sorted(queue):
            total += self.took[item.nodeid]
            if chosen and total > self.seconds:
                break
            chosen.append(item)
        return chosen, len(chosen) == len(reaching)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, call: Any) -> None:
        """A mutant's process ends with the first failure; nobody reads a report of it."""
        if self.trying and call.excinfo is not None and not call.excinfo.errisinstance(pytest.skip.Exception):
            os._exit(1)

    def _start(self, mutant: Mutant) -> None:
        """Try a mutant in a process of its own: exit 1 as soon as a test fails, 0 when none does."""
        items, whole = self._nearest(mutant.function)
        if not items:
            mutant.result = self._anew(mutant) if mutant.function in self.early else UNTESTED
            return
        place = mmap.mmap(-1, 8)
        if (pid := os.fork()) == 0:
            with contextlib.suppress(BaseException):
                self._try(mutant, items, place)
                os._exit(0)
            os._exit(1)
        self.running[pid] = mutant, items, whole, place

    def _try(self, mutant: Mutant, items: Sequence[Any], place: mmap.mmap) -> None:
        """Run tests one by one; one that takes ten times its time is ended by a signal, and the process with it."""
        self.trying = True
        os.environ["MUTANT_UNDER_TEST"] = mutant.name
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        for i, (item, following) in enumerate(zip(items, [*items[1:], None], strict=True)):
            place[:] = i.to_bytes(8, "big")
            patience = 2 + 10 * self.took[item.nodeid]
            signal.setitimer(signal.ITIMER_PROF, patience)
            signal.setitimer(signal.ITIMER_REAL, 30 * patience)
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)

    def _wait(self) -> None:
        pid, status = os.waitpid(-1, 0)
        mutant, items, whole, place = self.running.pop(pid)
        ended = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        last = int.from_bytes(place[:], "big")
        for function in ("", mutant.function):
            self.ran[function].update(i.nodeid for i in items[: last + 1])
            self.killed[function][items[last].nodeid] += bool(ended)
        if ended:
            mutant.result = TIMEOUT if ended in (-signal.SIGPROF, -signal.SIGALRM) else KILLED
        elif whole and mutant.function in self.early:
            mutant.result = self._anew(mutant)
        else:
            mutant.result = SURVIVED if whole else PASSED

    def _anew(self, mutant: Mutant) -> str:
        """Try one whose function is called while modules are read or tests collected, before any fork: in a fresh pytest."""
        path = os.pathsep.join(sys.path)
        with contextlib.suppress(subprocess.TimeoutExpired):
            ended = subprocess.run(
                [sys.executable, "-P", "-m", "pytest", "-x", *ARGUMENTS, *ANEW],
                env={**os.environ, "MUTANT_UNDER_TEST": mutant.name, "PYTHONPATH": path},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=ANEW_SECONDS,
                check=False,
            )
            return KILLED if ended.returncode else SURVIVED
        return TIMEOUT


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


def tried(mutants: Sequence[Mutant], seconds: float, processes: int, tree: Path, save: Callable[[int], None]) -> None:
    """Try mutants: each gets its result. `save` is told how many are done."""
    from mutmut.configuration import config
    from mutmut.mutation import trampoline

    plugin = Trial(mutants, seconds, processes, save)
    os.environ["MUTANT_UNDER_TEST"] = "stats"
    trampoline.record_trampoline_hit = lambda name, caller=None: plugin.hits.add(name)
    sys.path.insert(0, str(tree))
    pytest.main([*ARGUMENTS, *config().pytest_add_cli_args_test_selection], plugins=[plugin])
