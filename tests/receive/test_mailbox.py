"""The mailbox of the way out: who writes there is written to no more."""

from __future__ import annotations

import errno
import os
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from cadence.facts import EventKind, micros
from cadence.providers.maildir import inbox as inboxes
from cadence.providers.maildir.inbox import Arrival, Inbox
from cadence.receive import mailbox
from cadence.receive.mailbox import read_mailbox
from cadence.send.wayout import WayOut, open_way_out
from cadence.store import Store, ids
from cadence.store.bulk import fetch
from cadence.store.contacts import upsert_contacts
from cadence.store.find import find_contacts
from cadence.store.rows import ContactRow

NOW = 1_780_000_000_000_000


@pytest.fixture
def store(tmp_path: Path) -> Store:
    opened = Store.open(f"sqlite:///{tmp_path / 'cadence.db'}")
    opened.migrate()
    with opened.write() as conn:
        rows = [
            ContactRow("1", {"email": "ada@example.com"}, consents=(("email", "newsletter"),)),
            ContactRow("2", {"email": "bo@example.com"}, consents=(("email", "newsletter"),)),
        ]
        upsert_contacts(conn, rows, NOW - 10, "test")
    return opened


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    for folder in ("new", "cur", "tmp"):
        (tmp_path / "unsubscribe" / folder).mkdir(parents=True)
    return Inbox(tmp_path / "unsubscribe")


WAY_OUT = open_way_out("unsubscribe@shop.example", {0: b"0123456789abcdef"})


def arrives(inbox: Inbox, name: str, to: str, sender: str = "someone@elsewhere.example") -> None:
    mail = f"From: <{sender}>\r\nTo: <{to}>\r\nSubject: unsubscribe\r\n\r\n"
    (inbox.path / "new" / name).write_bytes(mail.encode())


def token_address(way_out: WayOut, store: Store, outside_id: str) -> str:
    with store.read() as conn:
        (found,) = find_contacts(conn, outside_id)
    return way_out.uri(found.id, 77).removeprefix("mailto:").partition("?")[0]


def told(store: Store, row: ContactRow) -> None:
    with store.write() as conn:
        upsert_contacts(conn, [row], NOW - 10, "test")


def stops(store: Store) -> list[tuple[str, int, str | None, str | None]]:
    with store.read() as conn:
        return [
            tuple(r)
            for r in fetch(
                conn,
                "SELECT k.outside_id, c.kind, c.category, c.channel FROM consent c JOIN contact k "
                "ON k.shard = c.shard AND k.id = c.contact WHERE c.source = 'unsubscribe mail' ORDER BY 1",
            )
        ]


STOP = ("1", int(EventKind.OPT_OUT), None, None)


def test_a_mail_to_the_signed_address_stops_all_marketing_to_that_contact(store: Store, inbox: Inbox) -> None:
    arrives(inbox, "a", token_address(WAY_OUT, store, "1"))
    assert read_mailbox(store, inbox, WAY_OUT, NOW) == 1
    assert stops(store) == [STOP]


def test_a_mail_is_put_aside_once_its_stop_is_written(store: Store, inbox: Inbox) -> None:
    arrives(inbox, "a", token_address(WAY_OUT, store, "1"))
    read_mailbox(store, inbox, WAY_OUT, NOW)
    assert list(inbox.waiting()) == []
    assert [p.name for p in (inbox.path / ".Read" / "cur").iterdir()] == ["a:2,S"]


def test_a_mail_read_twice_is_one_stop(store: Store, inbox: Inbox) -> None:
    for later in range(2):
        arrives(inbox, "a", token_address(WAY_OUT, store, "1"))
        read_mailbox(store, inbox, WAY_OUT, NOW + later)
    assert stops(store) == [STOP]


def test_a_mail_that_a_mail_program_has_opened_before_stops_too(store: Store, inbox: Inbox) -> None:
    arrives(inbox, "a", token_address(WAY_OUT, store, "1"))
    (inbox.path / "new" / "a").rename(inbox.path / "cur" / "a:2,S")

    assert read_mailbox(store, inbox, WAY_OUT, NOW) == 1
    assert stops(store) == [STOP]
    assert read_mailbox(store, inbox, WAY_OUT, NOW) == 0


def test_a_mail_that_a_mail_program_brings_back_is_no_second_stop(store: Store, inbox: Inbox) -> None:
    arrives(inbox, "a", token_address(WAY_OUT, store, "1"))
    read_mailbox(store, inbox, WAY_OUT, NOW)
    (inbox.path / ".Read" / "cur" / "a:2,S").rename(inbox.path / "cur" / "a:2,RS")

    assert read_mailbox(store, inbox, WAY_OUT, NOW + 1) == 1
    assert stops(store) == [STOP]


def test_mails_that_can_not_be_put_aside_keep_none_waiting_however_many_they_are(
    store: Store, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(3):
        arrives(inbox, f"a{n}", token_address(WAY_OUT, store, "1"))
    arrives(inbox, "b", token_address(WAY_OUT, store, "2"))
    monkeypatch.setattr(inbox, "done", lambda mail: (_ for _ in ()).throw(PermissionError("not ours")))

    read_mailbox(store, inbox, WAY_OUT, NOW, most=2)

    assert [who for who, *_ in stops(store)].count("2") == 1


def test_without_a_token_the_senders_address_says_who_wants_out(store: Store, inbox: Inbox) -> None:
    arrives(inbox, "a", "unsubscribe@shop.example", sender="ADA@example.com")
    read_mailbox(store, inbox, WAY_OUT, NOW)
    assert stops(store) == [STOP]


def test_without_a_token_it_is_all_who_have_the_senders_address_or_are_called_by_it(store: Store, inbox: Inbox) -> None:
    told(store, ContactRow("info@shop.example", {"email": "new@example.com"}))
    told(store, ContactRow("3", {"email": "info@shop.example"}))
    arrives(inbox, "a", "unsubscribe@shop.example", sender="Info@shop.example")

    read_mailbox(store, inbox, WAY_OUT, NOW)
    assert [who for who, *_ in stops(store)] == ["3", "info@shop.example"]


def test_a_token_means_its_contact_whoever_has_that_number_as_an_outside_id(store: Store, inbox: Inbox) -> None:
    address = token_address(WAY_OUT, store, "1")
    with store.read() as conn:
        (found,) = find_contacts(conn, "1")
    told(store, ContactRow(str(found.id), {"email": "cy@example.com"}))
    arrives(inbox, "a", address)

    read_mailbox(store, inbox, WAY_OUT, NOW)
    assert stops(store) == [STOP]


def test_a_token_of_a_contact_that_is_not_there_means_the_sender(store: Store, inbox: Inbox) -> None:
    address = WAY_OUT.uri(4_711, 77).removeprefix("mailto:").partition("?")[0]
    arrives(inbox, "a", address, sender="ada@example.com")

    read_mailbox(store, inbox, WAY_OUT, NOW)
    assert stops(store) == [STOP]


@pytest.mark.parametrize("made", ["2027-07-21T00:00Z", "2027-07-23T00:00Z", "2080-01-01T00:00Z"])
def test_a_token_means_its_contact_however_long_our_ids_have_grown(
    store: Store, inbox: Inbox, monkeypatch: pytest.MonkeyPatch, made: str
) -> None:
    monkeypatch.setattr(ids.time, "time_ns", lambda: 1_000 * micros(datetime.fromisoformat(made)))
    monkeypatch.setattr(ids, "_maker", ids._Maker())
    told(store, ContactRow("3", {"email": "cy@example.com"}))
    arrives(inbox, "a", token_address(WAY_OUT, store, "3"))

    read_mailbox(store, inbox, WAY_OUT, NOW)
    assert [who for who, *_ in stops(store)] == ["3"]


def test_a_forged_token_stops_nobody_and_the_mail_is_kept(store: Store, inbox: Inbox) -> None:
    address = token_address(WAY_OUT, store, "1")
    name, _, host = address.partition("@")
    at = len(name) - 12
    arrives(inbox, "a", f"{name[:at]}{'a' if name[at] != 'a' else 'b'}{name[at + 1 :]}@{host}")
    assert read_mailbox(store, inbox, WAY_OUT, NOW) == 1
    assert stops(store) == []
    assert len(list((inbox.path / ".Read" / "cur").iterdir())) == 1


def test_a_mail_that_can_not_be_read_for_a_moment_is_read_the_next_time(
    store: Store, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrives(inbox, "a", token_address(WAY_OUT, store, "1"))
    arrives(inbox, "b", token_address(WAY_OUT, store, "2"))
    opens = os.open

    def too_many_are_open(path: Path, flags: int) -> int:
        if path.name == "a":
            raise OSError(errno.EMFILE, "Too many open files")
        return opens(path, flags)

    with monkeypatch.context() as patch, capture_logs() as told:
        patch.setattr(inboxes.os, "open", too_many_are_open)
        assert read_mailbox(store, inbox, WAY_OUT, NOW, most=1) == 1
    assert [(line["log_level"], line["file"], line["error"]) for line in told] == [
        ("error", "a", "Too many open files")
    ]
    assert [stop[0] for stop in stops(store)] == ["2"]

    assert read_mailbox(store, inbox, WAY_OUT, NOW) == 1
    assert [stop[0] for stop in stops(store)] == ["1", "2"]


def test_a_mail_whose_name_is_no_text_stops_too(store: Store, inbox: Inbox) -> None:
    arrives(inbox, os.fsdecode(b"a\xff"), token_address(WAY_OUT, store, "1"))

    assert read_mailbox(store, inbox, WAY_OUT, NOW) == 1
    assert stops(store) == [STOP]
    assert list(inbox.waiting()) == []


def test_a_mail_that_nothing_can_be_made_of_keeps_no_other_waiting(
    store: Store, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrives(inbox, "a", token_address(WAY_OUT, store, "1"))
    arrives(inbox, "b", token_address(WAY_OUT, store, "2"))
    stop = mailbox._stop

    def chokes(conn: Any, mail: Arrival, *more: Any) -> bool:
        if mail.name == "a":
            raise RuntimeError("a bug nobody knew of")
        return stop(conn, mail, *more)

    monkeypatch.setattr(mailbox, "_stop", chokes)

    assert read_mailbox(store, inbox, WAY_OUT, NOW) == 1
    assert [stop[0] for stop in stops(store)] == ["2"]
    assert [mail.name for mail in inbox.waiting()] == ["a"]


def test_a_mail_that_can_not_be_put_aside_keeps_no_other_waiting(
    store: Store, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrives(inbox, "a", token_address(WAY_OUT, store, "1"))
    arrives(inbox, "b", token_address(WAY_OUT, store, "2"))
    done = inbox.done

    def stuck(mail: Arrival) -> None:
        if mail.name == "a":
            raise PermissionError("cur belongs to somebody else")
        done(mail)

    monkeypatch.setattr(inbox, "done", stuck)

    read_mailbox(store, inbox, WAY_OUT, NOW)

    assert [stop[0] for stop in stops(store)] == ["1", "2"]


def test_junk_in_the_mailbox_stops_nobody_and_nothing(store: Store, inbox: Inbox) -> None:
    (inbox.path / "new" / "junk").write_bytes(b"\x00\xff" * 5_000)
    arrives(inbox, "later", token_address(WAY_OUT, store, "2"))
    assert read_mailbox(store, inbox, WAY_OUT, NOW) == 2
    assert [s[0] for s in stops(store)] == ["2"]
