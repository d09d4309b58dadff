"""`cadence campaign`: which there are, how one reads, a test to our own people, and pausing, resuming, ending."""

from __future__ import annotations

import json
import re
from email import message_from_bytes

import pytest

from cadence.send.wayout import open_way_out
from cadence.store import status, tables
from tests.cli.office import Office
from tests.queue.world import at

LETTER = """name: letter
category: news
audience: {where: {}}
schedule: {cron: "0 10 * * TUE", zone: contact}
template: {subject: "Spring, {{ first_name }}", text: "Hello {{ first_name }}, here is the news."}
"""


@pytest.fixture
def shop(office: Office) -> Office:
    """One campaign, registered as running, and Ann."""
    folder = office.folder / "config/campaigns"
    folder.mkdir(parents=True)
    (folder / "letter.yaml").write_text(LETTER, "utf-8")
    office.world.contact("ann", attributes='{"first_name": "Ann"}')
    office.world.campaign("letter", category="news")
    return office


def test_each_is_listed_with_its_state_and_its_messages(shop: Office) -> None:
    shop.world.message("2026-03-03T09:00", "ann", campaign="letter")

    (told,) = shop.json("campaign", "list")["campaigns"]

    assert (told["name"], told["state"], told["messages"]) == ("letter", "running", {"waiting": 1})


def test_one_that_does_not_run_is_due_at_no_time(shop: Office) -> None:
    with shop.world.store.write() as conn:
        due = {"campaign": "letter", "zone": "Europe/Stockholm", "next_due": at("2026-03-10T10:00")}
        conn.execute(tables.campaign_next.insert().values(**due))

    before = shop.json("campaign", "list")["campaigns"][0]["next_due"]
    shop.run("campaign", "end", "letter", "--reason", "over")
    after = shop.json("campaign", "list")["campaigns"][0]["next_due"]

    assert (before, after) == ("2026-03-10T09:00:00Z", None)


def test_whom_a_limit_left_out_is_counted(shop: Office) -> None:
    run = {
        "shard": 0,
        "id": 7,
        "campaign": "letter",
        "zones": "[]",
        "due_at": 0,
        "slot": "s",
        "state": "done",
        "started_at": 0,
    }
    with shop.world.store.write() as conn:
        conn.execute(
            tables.campaign_run.insert().values(
                **{k: v for k, v in run.items() if k in tables.campaign_run.c}, skipped=3
            )
        )

    assert shop.json("campaign", "list")["campaigns"][0]["skipped"] == 3
    assert "(3 people left out by at_most)" in shop.run("campaign", "list").words


def test_a_broken_file_is_told_at_its_place_and_ends_in_one(shop: Office) -> None:
    (shop.folder / "config/campaigns/odd.yaml").write_text(LETTER.replace("news", "newz"), "utf-8")

    answer = shop.run("campaign", "list")

    assert answer.code == 1
    assert "odd.yaml:2" in answer.out


def test_a_preview_reads_as_for_that_contact_and_sends_nothing(shop: Office) -> None:
    answer = shop.run("campaign", "preview", "letter", "--as", "ann")

    assert answer.code == 0
    assert "Hello Ann, here is the news." in answer.words
    assert shop.world.rows(tables.message) == []


def test_a_preview_makes_no_secret(shop: Office) -> None:
    assert shop.run("campaign", "preview", "letter", "--as", "ann").code == 0
    assert not (shop.folder / "var").exists()


def test_a_test_is_not_sent_where_mails_are_signed_with_another_secret(
    shop: Office,
) -> None:
    with shop.world.store.write() as conn:
        status.keep_note(conn, "secret", {"fingerprint": "of another", "since": at("2026-03-01T10:00")})

    answer = shop.run("campaign", "test", "letter", "--as", "ann", "--to", "eva@example.com")

    assert answer.code == 2
    assert "these settings have none" in answer.err
    assert not (shop.folder / "var").exists()


def test_the_list_makes_no_database_and_tells_what_the_files_say(shop: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CADENCE_DATABASE_URL", f"sqlite:///{shop.folder / 'new' / 'cadence.db'}")

    answer = shop.run("campaign", "list")

    assert answer.code == 0
    assert "letter running news" in answer.words
    assert "isn't made yet" in answer.err
    assert not (shop.folder / "new").exists()


def test_a_preview_for_machines_has_subject_and_text(shop: Office) -> None:
    assert shop.json("campaign", "preview", "letter", "--as", "ann")["subject"] == "Spring, Ann"


def test_a_preview_has_the_contacts_own_address_and_a_way_out(shop: Office) -> None:
    body = 'text: "To {{ email }}. No more: {{ unsubscribe }}"'
    letter = LETTER.replace('text: "Hello {{ first_name }}, here is the news."', body)
    (shop.folder / "config/campaigns/letter.yaml").write_text(letter, "utf-8")

    told = shop.json("campaign", "preview", "letter", "--as", "ann")["text"]

    assert re.fullmatch(
        r"To ann@example.com. No more: mailto:unsubscribe\+\w+@cadence.example\?subject=unsubscribe", told
    )


def test_a_tests_way_out_stands_in_its_text_and_stops_nobody(shop: Office) -> None:
    letter = LETTER.replace("here is the news.", "no more: {{ unsubscribe }}")
    (shop.folder / "config/campaigns/letter.yaml").write_text(letter, "utf-8")

    shop.run("campaign", "test", "letter", "--as", "ann", "--to", "eva@example.com")

    (mail,) = (shop.folder / "var/maildir/new").iterdir()
    text = message_from_bytes(mail.read_bytes()).get_payload(decode=True).decode()
    address = re.search(r"unsubscribe\+\w+@cadence\.example", text)
    assert address is not None
    secret = (shop.folder / "var/secret").read_text().strip().encode()
    assert open_way_out("unsubscribe@cadence.example", {0: secret}).read(address[0]).contact_id == 0


def test_a_test_is_delivered_and_is_no_touch_of_anybody(shop: Office) -> None:
    answer = shop.run("campaign", "test", "letter", "--as", "ann", "--to", "eva@example.com")

    (mail,) = (shop.folder / "var/maildir/new").iterdir()
    assert answer.code == 0
    assert "eva@example.com" in mail.read_text("utf-8")
    assert shop.world.rows(tables.touch) == []


def test_pausing_resuming_and_ending_are_done_and_recorded(shop: Office) -> None:
    states = []
    for word in ("pause", "resume", "end"):
        told = shop.json("campaign", word, "letter", "--reason", "spring came late")
        states.append((told["before"], told["state"]))

    assert states == [("running", "paused"), ("paused", "running"), ("running", "ended")]
    assert {c["reason"] for c in shop.json("audit", "changes")["changes"]} == {"spring came late"}


def test_one_that_no_daemon_has_met_yet_can_be_begun_and_stopped(shop: Office) -> None:
    draft = LETTER.replace("name: letter", "name: moving\nstate: draft")
    (shop.folder / "config/campaigns/moving.yaml").write_text(draft, "utf-8")

    told = shop.json("campaign", "resume", "moving", "--reason", "checked")

    assert (told["before"], told["state"]) == ("draft", "running")
    assert [c["state"] for c in shop.json("campaign", "list")["campaigns"]] == ["running", "running"]


def test_an_ended_campaign_stays_ended(shop: Office) -> None:
    shop.run("campaign", "end", "letter", "--reason", "over")

    answer = shop.run("campaign", "resume", "letter", "--reason", "again")

    assert answer.code == 2
    assert "is ended" in answer.err


@pytest.mark.parametrize(
    "words",
    [
        ["preview", "lettre", "--as", "ann"],
        ["test", "lettre", "--as", "ann", "--to", "eva@example.com"],
        ["pause", "lettre", "--reason", "x"],
    ],
)
def test_a_name_that_is_none_is_wrong_and_the_nearest_is_named(shop: Office, words: list[str]) -> None:
    answer = shop.run("campaign", *words)

    assert answer.code == 2
    assert "did you mean 'letter'?" in answer.err


def test_where_files_are_broken_each_mistake_has_its_line(shop: Office) -> None:
    for name in ("odd", "even"):
        (shop.folder / f"config/campaigns/{name}.yaml").write_text(LETTER.replace("news", "newz"), "utf-8")

    answer = shop.run("campaign", "preview", "odd", "--as", "ann")

    assert answer.code == 2
    assert [line.partition(":")[0].rpartition("/")[2] for line in answer.err.splitlines()[1:]] == [
        "even.yaml",
        "odd.yaml",
    ]


def test_a_contact_that_is_none_is_wrong_input(shop: Office) -> None:
    answer = shop.run("campaign", "preview", "letter", "--as", "nobody")

    assert answer.code == 2
    assert "nobody" in answer.err


def test_the_list_for_machines_has_instants_as_texts(shop: Office) -> None:
    with shop.world.store.write() as conn:
        conn.execute(
            tables.campaign_next.insert().values(campaign="letter", zone="Europe/Oslo", next_due=1_773_133_200_000_000)
        )

    told = json.dumps(shop.json("campaign", "list"))

    assert "2026-03-10T09:00:00Z" in told


def test_without_a_reason_nothing_is_changed(shop: Office) -> None:
    assert shop.run("campaign", "pause", "letter", "--reason", " ").code == 2
    assert shop.json("campaign", "list")["campaigns"][0]["state"] == "running"
