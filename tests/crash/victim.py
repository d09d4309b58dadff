"""A daemon in a process of its own, to be killed or put to sleep: forked with everything loaded, so that it can be done
often.

Its provider writes down each letter it takes, one line each, in a file that survives: taking one twice shows."""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from cadence.clock import Clock, RealClock, VirtualClock
from cadence.daemon import Daemon, Jobs, Options, Pace
from cadence.providers.letter import Letter, Mailbox
from cadence.providers.provider import Ability, Awake, Capabilities, Outcome, Receipt, Shut, always
from cadence.queue import leases, steps, tick
from cadence.queue.outlets import Outlet
from cadence.queue.reload import PolicyFiles
from cadence.send.letters import Letters
from cadence.send.wayout import WayOut
from cadence.store import Store
from cadence.store.engine import now_of

FAST = Pace(tick=0.1, send=0.1, plan=0.1, reload=0.1)
LETTERS = Letters({}, Mailbox("shop@example.com"), WayOut("out@example.com", {1: b"k" * 32}), "en", "UTC")


class Ledger:
    """A provider that takes every letter and says so in a file, as a real one would: first taken, then answered."""

    name, channel = "ledger", "email"

    def __init__(self, path: Path, can_look: bool) -> None:
        self.path = path
        cannot = dict.fromkeys(
            [Ability.PROBE] if can_look else [Ability.PROBE, Ability.SETTLE], "it answers no questions"
        )
        self.capabilities = Capabilities(max_batch=50, cannot=cannot)

    def send(self, letters: Sequence[Letter], awake: Awake = always, /) -> list[Receipt]:
        out = []
        for letter in letters:
            line = f"{letter.message_id}\n".encode()
            handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.write(handle, line)
            os.close(handle)
            out.append(Receipt(letter.message_id, Outcome.ACCEPTED))
        return out

    def probe(self) -> Shut | None:
        raise AssertionError("it can't")

    def settle(self, message_ids: Sequence[int]) -> dict[int, bool]:
        there = set(self.taken())
        return {i: i in there for i in message_ids}

    def taken(self) -> list[int]:
        """The letters it took, in order."""
        return [int(line) for line in self.path.read_text().split()] if self.path.exists() else []

    def close(self) -> None:
        pass


@dataclass(frozen=True)
class Scene:
    """Where the victims live. start: None for the real clock."""

    url: str
    policy: Path
    ledger: Ledger
    start: int | None
    until: int | None
    lease: int = leases.LEASE
    apart: bool = False
    """Each as if on a machine of its own, where nobody can look whether its process is there still."""

    def clock(self, store: Store) -> Clock:
        """What they go by."""
        if self.start is not None:
            return VirtualClock(self.start)

        def read() -> int:
            with store.read() as conn:
                return now_of(conn)

        return RealClock(read)


def fork(scene: Scene, crash_at: str = "", sleep_at: str = "") -> int:
    """A daemon that lives through the scene in a child process; returns its process id once it is at work. It exits with 0
    when it is through, on the real clock when it is told to end."""
    at_work, tell = os.pipe()
    pid = os.fork()
    if pid:
        os.close(tell)
        os.read(at_work, 1)
        os.close(at_work)
        return pid
    code = 1
    os.close(at_work)
    try:
        sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - until the process ends
        if scene.apart:
            here = leases.this_process()
            leases.this_process = lambda: replace(here, host=f"machine {os.getpid()}")
        tick.MANY = 2  # on PostgreSQL whoever dies does so with two transactions under way
        store = Store.open(scene.url)
        steps.arm(crash_at)
        if sleep_at:
            steps.arm(sleep_at, lambda: _fall_asleep(scene.policy.parent / "wake"))
        ways = {"email": Outlet(scene.ledger)}
        options = Options(until=scene.until, lease=scene.lease, pace=Pace() if scene.start is not None else FAST)
        jobs = Jobs(LETTERS, plan=lambda policy, now: _say_once(tell))
        daemon = Daemon(store, scene.clock(store), PolicyFiles(scene.policy), ways, jobs, options)
        daemon.run(signals=scene.start is None)
        code = 0
    except BaseException:  # noqa: BLE001 - a forked child must never return into the test
        (scene.policy.parent / "victim.log").write_text(traceback.format_exc())
    finally:
        os._exit(code)


def _fall_asleep(wake: Path) -> None:
    """As a machine that is suspended, all threads of it; who is woken before there is that file sleeps on a moment later."""
    while not wake.exists():
        os.kill(os.getpid(), signal.SIGSTOP)
        time.sleep(0.01)


def asleep(scene: Scene, pid: int) -> None:
    """Wait until it sleeps, at a moment when none of its threads is writing: on SQLite it would keep the one lock there is,
    for as long as it sleeps."""
    while True:
        assert os.WIFSTOPPED(os.waitpid(pid, os.WUNTRACED)[1])
        if not scene.url.startswith("sqlite") or _free(scene.url):
            return
        os.kill(pid, signal.SIGCONT)


def _free(url: str) -> bool:
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"), timeout=0.5, isolation_level=None)) as conn:
        try:
            conn.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
    return True


def awake(scene: Scene, pid: int) -> None:
    """Wake it for good."""
    (scene.policy.parent / "wake").touch()
    os.kill(pid, signal.SIGCONT)


def _say_once(pipe: int) -> None:
    """Tell the test that the daemon is at work; it listens once."""
    try:
        os.write(pipe, b"1")
    except BrokenPipeError:
        return


def wait(pid: int) -> int:
    """How it ended: its exit code, or minus the signal that killed it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def kill(pid: int) -> None:
    """As the power going: no warning, no last word. One that has ended already stays so."""
    os.kill(pid, signal.SIGKILL)
