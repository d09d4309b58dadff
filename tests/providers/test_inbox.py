"""The inbox of unsubscribe mails: every real one is read, and nothing in it can do harm."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cadence.providers.maildir.inbox import MAX_HEADERS, Arrival, Inbox
from cadence.send.wayout import Stopper, open_way_out

WAY_OUT = open_way_out("unsubscribe@shop.example", {1: b"a secret of 16 bytes"})
OURS = WAY_OUT.uri(7, 5).removeprefix("mailto:").partition("?")[0]
MAIL = f"From: Anna <anna@example.com>\nTo: {OURS}\nSubject: unsubscribe\n\n".encode()


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    """An empty maildir."""
    for folder in ("tmp", "new", "cur"):
        (tmp_path / folder).mkdir()
    return Inbox(tmp_path)


def put(inbox: Inbox, content: bytes, name: str = "1", at: int = 1_770_000_000) -> Path:
    file = inbox.path / "new" / name
    file.write_bytes(content)
    os.utime(file, (at, at))
    return file


def only(inbox: Inbox) -> Arrival:
    (arrival,) = inbox.waiting()
    return arrival


def test_a_mail_says_who_wants_out_and_when(inbox: Inbox) -> None:
    put(inbox, MAIL)
    arrival = only(inbox)
    assert WAY_OUT.find(arrival.addressed_to) == Stopper(7, 5)
    assert (arrival.sender, arrival.subject) == ("anna@example.com", "unsubscribe")
    assert arrival.received_at == 1_770_000_000_000_000
    assert arrival.trouble is None


@pytest.mark.parametrize(
    "headers",
    [
        f"To: Leave <{OURS.upper()}>",
        f"to:\r\n\t{OURS}",
        f"Delivered-To: {OURS}\nTo: undisclosed-recipients:;",
        f"X-Original-To: {OURS}\nTo: someone@example.com",
        f'To: "a, b" <x@y.example>, (comment)\n {OURS} (more)',
        f"Junk line without colon\nTo: {OURS}",
        f"To: =?utf-8?q?Avmäl?= <{OURS}>",
    ],
)
def test_however_it_is_addressed(inbox: Inbox, headers: str) -> None:
    put(inbox, headers.encode() + b"\n\n")
    assert WAY_OUT.find(only(inbox).addressed_to) == Stopper(7, 5)


def test_the_body_is_not_believed(inbox: Inbox) -> None:
    put(inbox, f"To: unsubscribe@shop.example\n\nTo: {OURS}\n".encode())
    assert WAY_OUT.find(only(inbox).addressed_to) is None


def test_a_machines_answer_is_marked(inbox: Inbox) -> None:
    put(inbox, b"Auto-Submitted: auto-replied\n" + MAIL)
    assert only(inbox).automatic


def test_a_mail_stays_until_it_is_done(inbox: Inbox) -> None:
    file = put(inbox, MAIL)
    assert only(inbox) == only(inbox)
    inbox.done(only(inbox))
    assert list(inbox.waiting()) == []
    assert not file.exists()
    assert (inbox.path / ".Read/cur/1:2,S").read_bytes() == MAIL


def test_done_twice_is_no_error(inbox: Inbox) -> None:
    put(inbox, MAIL)
    arrival = only(inbox)
    inbox.done(arrival)
    inbox.done(arrival)


def test_the_oldest_come_first(inbox: Inbox) -> None:
    for n in range(3):
        put(inbox, MAIL, str(n), at=1_770_000_000 - n)
    assert [arrival.file.name for arrival in inbox.waiting()] == ["2", "1", "0"]


@pytest.mark.parametrize("flags", ["", ":2,", ":2,S", ":2,FRS", ":1,x"])
def test_a_mail_that_a_mail_program_has_moved_waits_under_its_own_name(inbox: Inbox, flags: str) -> None:
    put(inbox, MAIL).rename(inbox.path / f"cur/1{flags}")
    assert only(inbox).name == "1"
    inbox.done(only(inbox))
    assert list(inbox.waiting()) == []
    assert [file.name for file in inbox.path.rglob("*") if file.is_file()] == ["1:2,S"]


def test_a_mail_that_is_moved_while_the_inbox_is_looked_at_is_read_all_the_same(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = put(inbox, MAIL)
    opens, places = os.open, iter(["cur/1:2,", "cur/1:2,S"])

    def elsewhere_by_now(path: Path, flags: int) -> int:
        for place in places:
            path.rename(inbox.path / place)
            break
        return opens(path, flags)

    monkeypatch.setattr(os, "open", elsewhere_by_now)

    assert only(inbox).unread is None
    assert not file.exists()


def test_a_mail_seen_in_both_folders_while_it_is_moved_is_one(inbox: Inbox) -> None:
    os.link(put(inbox, MAIL), inbox.path / "cur/1:2,S")
    assert only(inbox).name == "1"


def test_no_mail_is_lost_where_a_name_is_used_again(inbox: Inbox) -> None:
    for n in range(3):
        put(inbox, MAIL + b"%d" % n)
        inbox.done(only(inbox))
    assert sorted(file.read_bytes()[-1:] for file in (inbox.path / ".Read/cur").iterdir()) == [b"0", b"1", b"2"]


def test_a_mail_that_another_takes_meanwhile_keeps_no_other_waiting(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = put(inbox, MAIL, "1")
    put(inbox, MAIL, "2")
    look = os.scandir

    @contextmanager
    def meanwhile(path: Path) -> Iterator[list[os.DirEntry[str]]]:
        with look(path) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
        gone.unlink()
        yield found

    monkeypatch.setattr(os, "scandir", meanwhile)

    assert [arrival.file.name for arrival in inbox.waiting()] == ["2"]


def test_an_inbox_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert list(Inbox(tmp_path / "nowhere").waiting()) == []


def test_a_huge_mail_is_read_only_at_its_head(inbox: Inbox) -> None:
    put(inbox, MAIL + b"x" * 20_000_000)
    assert WAY_OUT.find(only(inbox).addressed_to) == Stopper(7, 5)


def test_headers_without_end_are_cut_off(inbox: Inbox) -> None:
    put(inbox, b"X-Long: " + b"y" * MAX_HEADERS + b"\n" + MAIL)
    assert only(inbox).trouble is not None


def test_deeply_nested_parts_are_no_trouble(inbox: Inbox) -> None:
    nested = b"".join(b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (n, n) for n in range(3_000))
    put(inbox, MAIL.rstrip(b"\n") + b"\n" + nested)
    assert WAY_OUT.find(only(inbox).addressed_to) == Stopper(7, 5)


def test_what_is_no_mail_is_passed_over(inbox: Inbox, tmp_path: Path) -> None:
    os.mkfifo(inbox.path / "new/fifo")
    (inbox.path / "new/folder").mkdir()
    (inbox.path / "new/link").symlink_to("/etc/passwd")
    put(inbox, MAIL, ".hidden")
    put(inbox, MAIL)
    assert [arrival.file.name for arrival in inbox.waiting()] == ["1"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300) | st.text("To:From <>@\n\r\t\0()\"',;+a.=?é", max_size=300).map(str.encode))
def test_no_junk_is_too_strange(inbox: Inbox, junk: bytes) -> None:
    put(inbox, junk)
    assert WAY_OUT.find(only(inbox).addressed_to) is None


def test_junk_keeps_no_good_mail_from_being_read(inbox: Inbox) -> None:
    put(inbox, b"\xff\0\xfe" * 1000, "0", at=1)
    put(inbox, MAIL)
    junk, good = inbox.waiting()
    assert junk.trouble is not None
    assert WAY_OUT.find(good.addressed_to) == Stopper(7, 5)


def test_real_mails_of_all_kinds_are_read_and_none_wants_out(inbox: Inbox, shared: Path) -> None:
    mails = sorted((shared / "data/cases/bounce_mails").iterdir())
    for n, mail in enumerate(mails):
        put(inbox, mail.read_bytes(), str(n))
    arrivals = list(inbox.waiting())
    assert len(arrivals) == len(mails) > 50
    assert not any(WAY_OUT.find(arrival.addressed_to) for arrival in arrivals)
    assert sum(arrival.sender is not None for arrival in arrivals) > len(mails) * 0.9
