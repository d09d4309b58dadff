"""An installation put together from its settings: each provider's own, wherever they are written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from cadence.cli import installation
from cadence.cli.installation import CampaignDesk, Installation
from cadence.clock import VirtualClock
from cadence.daemon import Options
from cadence.store import tables
from cadence.store.cards import attribute_names
from tests.cli.office import Office
from tests.queue.world import at


def maildir() -> Path:
    """Where mail goes."""
    provider: Any = Installation.open().provider()
    return Path(provider._path)


@pytest.mark.parametrize(
    ("file", "says"),
    [(".env", "CADENCE_MAILDIR_PATH=elsewhere\n"), ("config/cadence.toml", "[maildir]\npath = 'elsewhere'\n")],
)
def test_mail_goes_where_a_file_of_settings_says(office: Office, file: str, says: str) -> None:
    (office.folder / file).parent.mkdir(exist_ok=True)
    (office.folder / file).write_text(says, "utf-8")

    assert maildir() == Path("elsewhere")


def test_mail_goes_where_the_environment_says(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CADENCE_MAILDIR_PATH", "elsewhere")

    assert maildir() == Path("elsewhere")


def test_mail_lies_with_what_else_a_run_writes_where_nothing_is_said(office: Office) -> None:
    assert maildir() == office.folder / "var" / "maildir"


def test_a_machine_without_the_mailbox_of_the_way_out_is_told_so_at_start(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CADENCE_UNSUBSCRIBE_DOMAIN", "mail.example.com")

    def said() -> list[str]:
        with capture_logs() as lines:
            Installation.open().daemon(VirtualClock(at("2026-03-03T12:00")), Options())
        return [line["mailbox"] for line in lines if line["event"].startswith("no mailbox of the way out")]

    assert said() == [str(office.folder / "var" / "unsubscribe")]
    (office.folder / "var" / "unsubscribe" / "new").mkdir(parents=True)
    assert said() == []


def test_what_waits_for_a_template_is_asked_at_once_when_the_files_change(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = office.folder / "campaigns"
    folder.mkdir()
    monkeypatch.setenv("CADENCE_CAMPAIGNS", str(folder))
    world, noon, later = office.world, "2026-03-03T12:00", "2026-03-03T12:05"
    world.contact("ann")
    world.campaign("spring")
    id_ = world.message(noon, "ann", campaign="spring")
    with world.store.write() as conn:
        conn.execute(tables.message.update().values(variables=None))
    world.tick(noon)
    world.send(noon)
    desk = CampaignDesk(Installation.open(), world.policy)
    desk.plan(world.policy, at(noon))
    world.letters = desk  # type: ignore[assignment]
    world.tick(noon)
    assert (desk.lacks("spring") or "").startswith("there is no template")
    assert world.row(id_)["due_at"] == at("2026-03-03T13:00")

    (folder / "spring.yaml").write_text(
        "{name: spring, category: news, audience: {where: {}}, schedule: {cron: '0 10 * * TUE'}, "
        "template: {subject: Spring, text: Hello}}"
    )
    desk.plan(world.policy, at(later))

    assert (desk.lacks("spring"), world.row(id_)["due_at"]) == (None, at(later))
    world.tick(later)
    assert world.state(id_) == "decided"


NAMED = """name: spring
category: news
audience: {where: {}}
schedule: {cron: '0 10 * * TUE'}
template: {subject: Spring, text: 'Hello {{ guild }}'}
"""


def test_a_campaign_that_names_what_contacts_have_only_since_is_taken_in_within_the_hour(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    (office.folder / "campaigns").mkdir()
    (office.folder / "campaigns" / "spring.yaml").write_text(NAMED)
    monkeypatch.setenv("CADENCE_CAMPAIGNS", str(office.folder / "campaigns"))
    office.world.contact("ann", attributes='{"plan": "gold"}')
    desk = CampaignDesk(Installation.open(), office.world.policy)
    assert "unknown variable guild" in desk.told()["campaigns_broken"]

    office.world.contact("bob", attributes='{"guild": "smiths"}')
    desk.plan(office.world.policy, at("2026-03-03T14:00"))

    assert (desk.lacks("spring"), "campaigns_broken" in desk.told()) == (None, False)


def test_a_campaign_that_names_what_few_contacts_have_is_fine(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    (office.folder / "campaigns").mkdir()
    (office.folder / "campaigns" / "spring.yaml").write_text(NAMED)
    monkeypatch.setenv("CADENCE_CAMPAIGNS", str(office.folder / "campaigns"))
    for n in range(3):
        office.world.contact(f"c{n}", attributes='{"plan": "gold"}')
    office.world.contact("ann", attributes='{"guild": "smiths"}')
    monkeypatch.setattr(installation, "attribute_names", lambda conn: attribute_names(conn, 2))

    assert Installation.open().campaigns(office.world.policy).fine
