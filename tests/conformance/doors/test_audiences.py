"""Audiences read page by page, on each database, while contacts move: everybody of it is met, once."""

# mypy: disable-error-code=no-untyped-def

from __future__ import annotations

import pytest

from cadence.doors.campaigns import plan as planning
from cadence.facts import MINUTE
from tests.conformance.doors.test_campaigns import WEEKLY

WHO = [f"c{i:02}" for i in range(24)]
CONTACTS = "id,email\n" + "".join(f"{who},{who}@example.com\n" for who in WHO)


def written_to(shop) -> list[str]:
    """Whom a campaign writes to."""
    return [who for _, who, _ in shop.queued()]


@pytest.fixture
def halfway(shop, monkeypatch: pytest.MonkeyPatch):
    """Makes a run whose audience is read for a part: (campaigns, who was read, who wasn't)."""

    def run(more: str = ""):
        shop.takes("contacts", CONTACTS)
        campaigns = shop.campaigns(WEEKLY.replace(", zone: contact", "") + more)
        shop.plans(campaigns)
        with monkeypatch.context() as patch:
            patch.setattr(planning, "PAGE", 3)
            patch.setattr(planning, "MOST_PAGES", 3)
            shop.plans(campaigns, "2026-03-03T10:30Z")
        read = written_to(shop)
        assert 0 < len(read) < len(WHO)
        return campaigns, read, [who for who in WHO if who not in read]

    return run


def share_a_mailbox(shop, *pairs: tuple[str, str]) -> None:
    """The first of each pair turns out to have the other's address: their circles become the older of them."""
    lines = "".join(f"{one},{other}@example.com\n" for one, other in pairs)
    shop.takes("contacts", f"id,email\n{lines}", "more.csv")


def test_who_moves_into_a_page_that_has_been_read_gets_the_message(shop, halfway) -> None:
    campaigns, read, left = halfway()
    share_a_mailbox(shop, *((one, other) for one in read for other in left if one < other))

    while shop.plans(campaigns).next_due == shop.now:
        pass

    assert written_to(shop) == WHO


def test_who_moved_as_the_run_began_gets_the_message(shop, halfway) -> None:
    campaigns, read, left = halfway()
    shop.now -= 4 * MINUTE  # its import has waited for others that long
    share_a_mailbox(shop, (read[0], left[-1]))

    shop.plans(campaigns, shop.now + 4 * MINUTE)

    assert written_to(shop) == WHO


def test_who_has_the_message_already_takes_no_place_of_those_who_moved(shop, halfway) -> None:
    campaigns, read, left = halfway(f"at_most: {{per_run: {len(WHO)}}}\n")
    share_a_mailbox(shop, *((one, left[-1]) for one in read if one < left[-1]))

    shop.plans(campaigns)

    assert written_to(shop) == WHO
    assert shop.rows("SELECT state, planned, skipped FROM campaign_run") == [("done", len(WHO), 0)]


def test_who_moved_is_not_written_to_past_at_most(shop, halfway) -> None:
    campaigns, read, left = halfway("at_most: {per_run: 20}\n")
    share_a_mailbox(shop, (read[0], left[-1]))

    shop.plans(campaigns)

    assert len(written_to(shop)) == 20
    assert shop.rows("SELECT state, planned FROM campaign_run") == [("done", 20)]


def test_a_page_of_large_circles_is_queued_part_by_part(shop, halfway, monkeypatch: pytest.MonkeyPatch) -> None:
    campaigns, _, _ = halfway("at_most: {per_run: 20}\n")
    monkeypatch.setattr(planning, "AT_ONCE", 4)

    shop.plans(campaigns)

    assert len(written_to(shop)) == 20
    assert shop.rows("SELECT state, planned, skipped FROM campaign_run") == [("done", 20, 4)]


def test_who_moved_to_another_zone_takes_no_place_of_who_lives_there(shop) -> None:
    shop.takes("contacts", "id,email,timezone\n" + "".join(f"{w},{w}@example.com,Europe/Stockholm\n" for w in WHO[:8]))
    shop.takes("contacts", "id,email,timezone\nus,us@example.com,America/New_York\n")
    campaigns = shop.campaigns(WEEKLY + "at_most: {per_run: 9}\n")
    shop.plans(campaigns)
    shop.plans(campaigns, "2026-03-03T09:30Z")
    shop.takes("contacts", "id,timezone\n" + "".join(f"{w},America/New_York\n" for w in WHO[:8]))

    shop.plans(campaigns, "2026-03-03T15:30Z")

    assert written_to(shop) == [*WHO[:8], "us"]
