"""Composing: what a finished letter holds."""

from __future__ import annotations

import email
from dataclasses import replace

import pytest

from cadence.providers.letter import Mailbox
from cadence.send.headers import HeaderRefused
from cadence.send.letter import Envelope, compose, message_id_header, message_of
from cadence.send.render import Rendered
from cadence.send.wayout import Stopper, open_way_out

WAY_OUT = open_way_out("unsubscribe@shop.example", {1: b"a secret of 16 bytes"})
ENVELOPE = Envelope(5, 7, Mailbox("a@example.com"), Mailbox("hello@blåbär.example", "Blåbär"), "newsletter", True, 1)
RENDERED = Rendered("Hello", "<p>Hello</p>", "Hello")


def test_marketing_carries_its_way_out() -> None:
    letter = compose(ENVELOPE, RENDERED, WAY_OUT)
    (uri,) = letter.list_unsubscribe
    assert WAY_OUT.read(uri.removeprefix("mailto:").partition("?")[0]) == Stopper(7, 5)
    assert email.message_from_bytes(letter.mime)["List-Unsubscribe"] == f"<{uri}>"


def test_what_is_no_marketing_carries_none() -> None:
    assert compose(replace(ENVELOPE, marketing=False), RENDERED, WAY_OUT).list_unsubscribe == ()


def test_one_click_comes_first_and_says_so() -> None:
    letter = compose(ENVELOPE, RENDERED, WAY_OUT, "https://shop.example/leave/abc")
    assert letter.list_unsubscribe[0] == "https://shop.example/leave/abc"
    assert email.message_from_bytes(letter.mime)["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_the_message_id_is_the_same_each_time_and_names_the_message() -> None:
    first, second = (compose(ENVELOPE, RENDERED, WAY_OUT) for _ in range(2))
    assert first.message_id_header == second.message_id_header == "<cadence.5.1@xn--blbr-noae.example>"
    assert message_of(first.message_id_header) == 5


def test_a_message_id_of_others_names_no_message() -> None:
    assert message_of("<cadence@elsewhere.example>") is None
    assert message_of(message_id_header(12, -5, "a@b.example")) == 12


def test_a_mailbox_name_outside_ascii_needs_utf8_and_a_domain_does_not() -> None:
    assert compose(replace(ENVELOPE, to=Mailbox("åsa@example.com")), RENDERED, WAY_OUT).needs_utf8
    assert not compose(replace(ENVELOPE, to=Mailbox("asa@blåbär.example")), RENDERED, WAY_OUT).needs_utf8


def test_a_line_break_in_a_contacts_name_is_refused() -> None:
    with pytest.raises(HeaderRefused, match="To: "):
        compose(replace(ENVELOPE, to=Mailbox("a@example.com", "Eve\r\nBcc: all@example.com")), RENDERED, WAY_OUT)


def test_the_repr_shows_no_address_and_no_content() -> None:
    shown = repr(compose(replace(ENVELOPE, to=Mailbox("secret@example.com")), RENDERED, WAY_OUT))
    assert "secret@" not in shown
    assert "Hello" not in shown
