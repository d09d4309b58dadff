"""A daemon in a process of its own, to be killed: forked with everything loaded, so that it can be killed often.

Its provider writes down each letter it takes, one line each, in a file that survives: taking one twice shows."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cadence.clock import VirtualClock
from cadence.daemon import Daemon, Jobs, Options
from cadence.providers.letter import Letter, Mailbox
from cadence.providers.provider import Ability, Capabilities, Outcome, Receipt
from cadence.queue import steps
from cadence.queue.outlets import Outlet
from cadence.queue.reload import PolicyFiles
from cadence.send.letters import Letters
from cadence.send.wayout import WayOut
from cadence.store import Store

LETTERS = Letters({}, Mailbox("shop@example.com"), WayOut("out@example.com", {1: b"k" * 32}), "en", "UTC")


class Ledger:
    """A provider that takes every letter and says so in a file, as a real one would: first taken, then answered."""

    name, channel = "ledger", "email"

    def __init__(self, path: Path, can_look: bool) -> None:
        self.path = path
        cannot = {} if can_look else {Ability.SETTLE: "it answers no questions"}
        self.capabilities = Capabilities(max_batch=50, cannot=cannot)

    def send(self, letters: Sequence[Letter]) -> list[Receipt]:
        out = []
        for letter in letters:
            line = f"{letter.message_id}\n".encode()
            handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.write(handle, line)
            os.close(handle)
            out.append(Receipt(letter.message_id, Outcome.ACCEPTED))
        return out

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
    """Where the victims live."""

    url: str
    policy: Path
    ledger: Ledger
    start: int
    until: int


def fork(scene: Scene, crash_at: str = "") -> int:
    """A daemon that lives through the scene in a child process; returns its process id once it is at work. It exits with 0
    when it is through."""
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
        steps.arm(crash_at)
        sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - until the process ends
        store = Store.open(scene.url)
        ways = {"email": Outlet(scene.ledger)}
        options = Options(until=scene.until)
        jobs = Jobs(LETTERS, plan=lambda policy, now: _say_once(tell))
        Daemon(store, VirtualClock(scene.start), PolicyFiles(scene.policy), ways, jobs, options).run(signals=False)
        code = 0
    except BaseException:  # noqa: BLE001 - a forked child must never return into the test
        (scene.policy.parent / "victim.log").write_text(traceback.format_exc())
    finally:
        os._exit(code)


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
