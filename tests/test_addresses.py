"""Addresses: one mailbox in any spelling, and what is none is told so."""

from __future__ import annotations

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given
from hypothesis import strategies as st

from cadence.addresses import address_of, mailbox_of


def mailbox(channel: str, value: str) -> str:
    return mailbox_of(channel, address_of(channel, value))


@pytest.mark.parametrize(
    ("channel", "one", "other"),
    [
        ("email", "anna@example.com", " Anna@Example.COM "),
        ("email", "anna@example.com", "anna+shop@example.com"),
        ("email", "anna.berg@gmail.com", "annaberg+x@googlemail.com"),
        ("email", "å@exämple.se", "å@xn--exmple-cua.se"),
        ("phone", "+46 70-123 45 67", "0046 (0)70 123 45 67"),
        ("post", "Storgatan 1\nLund", "storgatan  1 lund"),
    ],
)
def test_two_spellings_are_one_mailbox(channel: str, one: str, other: str) -> None:
    assert mailbox(channel, one) == mailbox(channel, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("anna.berg@example.com", "annaberg@example.com"), ("+x@example.com", "@example.com"[0:0] + "+y@example.com")],
)
def test_dots_and_empty_names_elsewhere_make_a_difference(one: str, other: str) -> None:
    assert mailbox("email", one) != mailbox("email", other)


def test_a_number_is_one_mailbox_for_phone_and_sms() -> None:
    assert mailbox("phone", "+46701234567") == mailbox("sms", "+46 70 123 45 67")


def test_an_address_is_written_to_as_it_was_given_but_for_the_host() -> None:
    assert address_of("email", "Anna+Shop@EXAMPLE.com") == "Anna+Shop@example.com"


def test_push_tokens_keep_their_case() -> None:
    assert mailbox("push", "aB") != mailbox("push", "ab")


@pytest.mark.parametrize(
    ("channel", "value"),
    [
        ("email", "anna"),
        ("email", "anna@host"),
        ("email", "a b@example.com"),
        ("email", "anna@example.com\r\nBcc: all@example.com"),
        ("email", "anna@mail.invalid"),
        ("phone", "call me"),
        ("sms", "12"),
        ("push", "  "),
        ("push", "x" * 501),
        ("fax", "12345"),
    ],
)
def test_what_is_no_address_is_an_error_that_says_so(channel: str, value: str) -> None:
    with pytest.raises(ValueError, match=r"is no |is empty"):
        address_of(channel, value)


LOCAL = st.text("abz9._+-A", min_size=1, max_size=8) | st.sampled_from(
    ["a" * 64, "a" * 65, "postmaster", "a..b", ".a", "a."]
)
LABEL = st.text("ab1-B", min_size=1, max_size=6) | st.sampled_from(
    ["xn--a", "a--b", "xn--80ak6aa92e", "a" * 63, "a" * 64]
)
TOP = st.sampled_from(
    [
        "com",
        "c",
        "se",
        "arpa",
        "invalid",
        "local",
        "localhost",
        "onion",
        "test",
        "example",
        "xn--p1ai",
        "a1",
        "1a",
        "museum",
    ]
)


@given(LOCAL, st.lists(LABEL, max_size=4), TOP)
def test_an_address_is_taken_as_the_validator_takes_it(local: str, labels: list[str], top: str) -> None:
    """Plain ones are taken without asking it: that changes no answer."""
    text = f"{local}@{'.'.join([*labels, top])}"
    try:
        expected = validate_email(text, check_deliverability=False, globally_deliverable=False, test_environment=True)
    except EmailNotValidError:
        with pytest.raises(ValueError, match="is no e-mail address"):
            address_of("email", text)
    else:
        if labels:
            assert address_of("email", text) == expected.normalized
