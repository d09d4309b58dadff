"""`cadence run`: the daemon as a real process, on the virtual clock and on the real one, and the marketers' way through
all commands."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.queue.world import POLICY

LETTER = """name: letter
category: news
audience: {where: {}}
schedule: {cron: "0 10 * * TUE", zone: contact}
template: {subject: "Spring", text: "Hello, here is the news."}
"""
PEOPLE = "id,email,timezone\nann,ann@example.com,Europe/Stockholm\nkim,kim@example.com,America/New_York\n"
CONSENTS = "contact,at,opt_in\nann,2020-01-01,news\nkim,2020-01-01,news\n"


class Desk:
    """A folder with a policy, a campaign and two people, in which commands are run as processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        kept = {n: v for n, v in os.environ.items() if not n.startswith("CADENCE_")}
        self.env = {**kept, "TZ": "UTC"}

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a command and leave it running."""
        return subprocess.Popen(
            [sys.executable, "-m", "cadence", *words], cwd=self.folder, env=self.env, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(self, *words: str) -> tuple[int, str, str]:
        """Run a command to its end: exit code, output, errors."""
        process = self.start(*words)
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err

    def take(self, kind: str, content: str) -> None:
        """Import a file with this content."""
        (self.folder / f"{kind}.csv").write_text(content, "utf-8")
        code, out, err = self.run("import", kind, f"{kind}.csv")
        assert code == 0, out + err

    def mails(self) -> int:
        """How many lie in the maildir."""
        return len(list((self.folder / "var/maildir/new").glob("*")))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people who agreed to the news, and a letter each Tuesday at ten."""
    folder = tmp_path_factory.mktemp("desk")
    (folder / "config/campaigns").mkdir(parents=True)
    (folder / "config/policy.yaml").write_text(json.dumps(POLICY), "utf-8")
    (folder / "config/campaigns/letter.yaml").write_text(LETTER, "utf-8")
    desk = Desk(folder)
    desk.take("contacts", PEOPLE)
    desk.take("consents", CONSENTS)
    return folder


@pytest.fixture
def desk(prepared: Path, tmp_path: Path) -> Desk:
    """A desk of one's own, so prepared."""
    shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)
    return Desk(tmp_path)


def test_a_virtual_fortnight_is_sent_decided_recorded_and_judged(desk: Desk) -> None:
    """The import is recorded now, so the virtual fortnight begins tomorrow."""
    begins = time.strftime("%Y-%m-%dT00:00Z", time.gmtime(time.time() + 86_400))
    ends = time.strftime("%Y-%m-%dT00:00Z", time.gmtime(time.time() + 15 * 86_400))

    code, out, err = desk.run("run", "--from", begins, "--until", ends, "--json")

    assert (code, json.loads(out)["sent"], desk.mails()) == (0, 4, 4), err
    assert desk.run("audit", "verify", "--drained", "--maildir", "var/maildir")[0] == 0


def test_a_run_in_the_shadow_hands_nothing_over(desk: Desk) -> None:
    begins = time.strftime("%Y-%m-%dT00:00Z", time.gmtime(time.time() + 86_400))
    ends = time.strftime("%Y-%m-%dT00:00Z", time.gmtime(time.time() + 9 * 86_400))

    code, _, err = desk.run("run", "--from", begins, "--until", ends, "--shadow")

    assert (code, desk.mails()) == (0, 0), err
    assert "withdrawn" in json.loads(desk.run("status", "--json")[1])["messages"]


def test_once_runs_what_is_due_and_stops(desk: Desk) -> None:
    code, out, err = desk.run("run", "--once", "--json")

    assert (code, isinstance(json.loads(out), dict)) == (0, True), err
    assert json.loads(desk.run("status", "--json")[1])["daemons"] == []


def test_once_beside_a_daemon_that_holds_everything_says_that_it_did_nothing(desk: Desk) -> None:
    process = desk.start("run")
    try:
        for _ in range(100):
            daemons = json.loads(desk.run("status", "--json")[1])["daemons"]
            if daemons and daemons[0]["shards"] == 64:
                break
        code, out, err = desk.run("run", "--once", "--json")
    finally:
        process.kill()
        process.communicate()

    assert (code, json.loads(out)) == (0, {})
    assert "none of the 64 shards was free for this run: 1 other daemon is at work, and does what is due" in err


def test_the_daemon_shows_itself_at_work_and_ends_in_order_when_told(desk: Desk) -> None:
    process = desk.start("run")
    try:
        for _ in range(100):
            daemons = json.loads(desk.run("status", "--json")[1])["daemons"]
            if daemons:
                break
        assert [d["alive"] for d in daemons] == [True]
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0
    assert json.loads(desk.run("status", "--json")[1])["daemons"] == []


@pytest.mark.parametrize(
    "words, said",
    [
        (["--speed", "10"], "go with --from"),
        (["--from", "tomorrow"], "write an instant"),
        (["--from", "2026-03-03T00:00Z", "--speed", "-1"], "positive number"),
        (["--from", "2026-03-03", "--until", "2026-03-02"], "lies before --from"),
    ],
)
def test_wrong_use_is_told_in_words(desk: Desk, words: list[str], said: str) -> None:
    code, _, err = desk.run("run", *words)

    assert (code, said in err, "Traceback" in err) == (2, True, False)


def test_a_broken_policy_keeps_the_daemon_from_starting_and_is_told_at_its_place(desk: Desk) -> None:
    (desk.folder / "config/policy.yaml").write_text("version: 1\ncategorys: {}\n", "utf-8")

    code, _, err = desk.run("run", "--once")

    assert (code, "policy.yaml:2:1" in err) == (2, True)
