"""What the doors' tests share: a small policy, campaigns out of YAML, contacts out of CSV, and a look at the queue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from cadence.doors.campaigns.campaign import Campaign
from cadence.doors.campaigns.load import load_campaigns
from cadence.doors.campaigns.plan import Planned, plan
from cadence.doors.files import Report, import_file
from cadence.facts import instant, micros
from cadence.policy.load import from_mapping
from cadence.policy.policy import Policy
from cadence.send.desk import TemplateDesk
from cadence.store import Store
from cadence.store.bulk import fetch

POLICY = """
version: 1
defaults: {timezone: Europe/Stockholm, expires: 14d}
categories:
  newsletter: {consent: opt_in}
  promotion: {consent: opt_in}
  follow_up: {consent: relationship}
  service: {transactional: true}
segments:
  - {name: regulars, where: {orders: {at_least: 3}}, cadence: {caps: {max: 3, per: 7d}}}
  - {name: all, cadence: {caps: {max: 2, per: 7d}}}
"""


def at(text: str) -> int:
    """An instant out of a text."""
    return micros(datetime.fromisoformat(text))


@dataclass
class Shop:
    """A store with a policy, a folder of campaigns, and a clock that is moved by hand."""

    store: Store
    policy: Policy
    folder: Path
    now: int = at("2026-03-02T00:00+01:00")

    def takes(self, kind: str, content: str, name: str = "file.csv", **more: Any) -> Report:
        """Imports a file with this content."""
        path = self.folder / name
        path.write_text(content, encoding="utf-8")
        return import_file(self.store, kind, path, now=self.now, zone="Europe/Stockholm", **more)

    def campaigns(self, *contents: str) -> tuple[Campaign, ...]:
        """Campaigns with these contents, each in a file; the files of before are gone."""
        folder = self.folder / "campaigns"
        folder.mkdir(exist_ok=True)
        for old in folder.glob("*.yaml"):
            old.unlink()
        for number, content in enumerate(contents):
            (folder / f"{number}.yaml").write_text(content, encoding="utf-8")
        loaded = load_campaigns(folder, self.policy, TemplateDesk(), attributes={"first_name"})
        assert [str(f) for f in loaded.findings] == []
        return loaded.campaigns

    def plans(self, campaigns: Sequence[Campaign], when: str | int | None = None) -> Planned:
        """Plans at an instant."""
        self.now = self.now if when is None else at(when) if isinstance(when, str) else when
        return plan(self.store, self.policy, campaigns, self.now)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The answer to any question."""
        with self.store.read() as conn:
            return fetch(conn, sql)

    def queued(self) -> list[tuple[str, str, str]]:
        """Who waits for what since when: (campaign, contact's own id, due in UTC)."""
        found = self.rows(
            "SELECT m.campaign, c.outside_id, m.due_at FROM message m JOIN contact c ON c.shard = m.shard AND c.id = m.contact"
        )
        return sorted((r[0], r[1], instant(r[2]).strftime("%m-%dT%H:%MZ")) for r in found)


@pytest.fixture
def shop(store: Store, tmp_path: Path) -> Shop:
    """A shop without customers."""
    return Shop(store, from_mapping(POLICY, tmp_path).required(), tmp_path)
