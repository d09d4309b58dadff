"""An installation made in a folder, with some of the shipped sample's customers, for tests that live with it for a while."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from datetime import time as clock_time
from pathlib import Path

from cadence.cli.installation import Installation
from cadence.clock import system_micros
from cadence.doors.files import import_file
from cadence.doors.sample import run_begins, shifted
from cadence.facts import instant, micros
from cadence.policy.load import load
from cadence.policy.policy import Policy
from cadence.queue.accept import NewMessage, accept
from cadence.send.letters import LETTER
from cadence.settings import Retention, Settings
from cadence.store.contacts import upsert_contacts
from cadence.store.rows import ContactRow

OPEN_POLICY = """
version: 1
defaults: {timezone: UTC}
categories: {news: {consent: none}}
guard_rails: {caps: {max: 50, per: 24h}}
"""


def shop(project: Path, folder: Path, customers: int, url: str | None = None) -> tuple[Installation, int]:
    """So many customers of the shipped sample under the shipped policy and campaigns; and when the run begins. Of more than
    the sample has, the others are people like those, under names of their own. url: of the database, a new file in the
    folder unless told."""
    settings = Settings(
        database_url=url or f"sqlite:///{folder / 'cadence.db'}",
        policy=project / "config/policy.yaml",
        campaigns=project / "config/campaigns",
        var=folder,
        retention=Retention(decisions=35, messages=35, touches=400, events=400),
    )
    installation = Installation.open(settings, new=True)
    sample = project / "config/sample"
    begins = run_begins(instant(system_micros()).date(), sample)
    start = micros(datetime.combine(begins, clock_time(), UTC))
    moved = shifted(sample, folder / "sample", begins)
    with (moved.folder / "contacts.csv").open(encoding="utf-8", newline="") as file:
        ids = [row["id"] for row in csv.DictReader(file)]
    for name, kind in (("contacts.csv", "contacts"), ("consents.csv", "consents"), ("purchases.csv", "events")):
        _keep(moved.folder / name, ids, customers)
        report = import_file(installation.store, kind, moved.folder / name, now=start, zone="Europe/Stockholm")
        assert report.bad == 0
    return installation, start


def _keep(path: Path, ids: list[str], customers: int) -> None:
    """The rows of the first customers, once more for each round that it takes to have so many."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        for nth, first in enumerate(range(0, customers, len(ids))):
            kept = set(ids[: customers - first])
            writer.writerows(_another(r, nth) for r in rows if r.get("contact", r.get("id")) in kept)


def _another(row: dict[str, str], nth: int) -> dict[str, str]:
    """The same of somebody else, with addresses and a household of their own; the 0th is as it was."""
    named = {name: f"{row[name]}-{nth}" for name in ("id", "contact", "household") if row.get(name)}
    own = {"email": row["email"].replace("@", f"-{nth}@")} if row.get("email") else {}
    return {**row, **named, **own} if nth else row


@dataclass
class Process:
    """`cadence run` on the real clock, as a process of its own, with messages that come in while it runs."""

    folder: Path
    installation: Installation
    accepted: int = 0

    @classmethod
    def prepared(cls, folder: Path, contacts: int) -> Process:
        """A database with contacts, and a policy under which all is welcome."""
        (folder / "policy.yaml").write_text(OPEN_POLICY, "utf-8")
        settings = Settings(
            database_url=f"sqlite:///{folder / 'cadence.db'}",
            policy=folder / "policy.yaml",
            campaigns=folder / "none",
            var=folder,
        )
        installation = Installation.open(settings, new=True)
        with installation.store.write() as conn:
            rows = [ContactRow(str(i), {"email": f"c{i}@example.com"}) for i in range(contacts)]
            upsert_contacts(conn, rows, system_micros(), "test")
        return cls(folder, installation)

    def accept(self, ids: range, after: int = 0) -> None:
        """One message to each of these contacts, due so many microseconds from now."""
        now = system_micros()
        policy = self.installation_policy()
        words = {LETTER: {"subject": "Hello", "text": "Hello"}}
        told = [NewMessage("news", "test", outside_id=str(i), variables=words, due_at=now + after) for i in ids]
        with self.installation.store.write() as conn:
            assert not accept(conn, policy, told, now).errors
        self.accepted += len(told)

    def installation_policy(self) -> Policy:
        """The policy in the folder."""
        return load(self.folder / "policy.yaml").required()

    def run(self, seconds: float, meanwhile: Callable[[float], None]) -> tuple[int, list[dict[str, object]]]:
        """Let it run, do something about every second, end it by SIGTERM: its exit code and its log."""
        env = {
            **os.environ,
            "CADENCE_DATABASE_URL": f"sqlite:///{self.folder / 'cadence.db'}",
            "CADENCE_POLICY": str(self.folder / "policy.yaml"),
            "CADENCE_CAMPAIGNS": str(self.folder / "none"),
            "CADENCE_VAR": str(self.folder),
            "CADENCE_TICK_SECONDS": "1",
        }
        with (self.folder / "log").open("wb") as log:
            process = subprocess.Popen([sys.executable, "-m", "cadence", "run"], env=env, stderr=log, stdout=log)
            ends = time.monotonic() + seconds
            while (left := ends - time.monotonic()) > 0 and process.poll() is None:
                meanwhile(seconds - left)
                time.sleep(min(1.0, left))
            process.send_signal(signal.SIGTERM)
            code = process.wait(timeout=60)
        return code, [json.loads(line) for line in (self.folder / "log").read_text("utf-8").splitlines()]
