"""The way out: our addresses are read back, all others are refused, and no mail system can spoil them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadence.send.wayout import Stopper, WayOut, open_way_out

OLD, NEW = b"an old secret of 16+", b"a new secret of 16+"
IDS = st.integers(min_value=-(2**63), max_value=2**63 - 1)


def way_out(**secrets: bytes) -> WayOut:
    return open_way_out("unsubscribe@shop.example", {int(k[1:]): v for k, v in (secrets or {"s1": OLD}).items()})


def address(uri: str) -> str:
    found = re.fullmatch(r"mailto:(.+)\?subject=unsubscribe", uri)
    assert found is not None
    return found.group(1)


@given(IDS, IDS)
def test_what_was_made_is_read_back(contact_id: int, message_id: int) -> None:
    assert way_out().read(address(way_out().uri(contact_id, message_id))) == Stopper(contact_id, message_id)


@given(IDS, IDS)
def test_the_mailbox_name_fits_in_64_characters(contact_id: int, message_id: int) -> None:
    longest = open_way_out("a" * 16 + "@shop.example", {255: OLD})
    assert len(address(longest.uri(contact_id, message_id)).partition("@")[0]) <= 64


def test_the_case_does_not_matter() -> None:
    assert way_out().read(address(way_out().uri(1, 2)).upper()) == Stopper(1, 2)


@given(st.data())
def test_a_changed_token_is_refused(data: st.DataObject) -> None:
    name, _, domain = address(way_out().uri(123456, 987654)).partition("@")
    place = data.draw(st.integers(min_value=len("unsubscribe+"), max_value=len(name) - 2))
    other = data.draw(st.sampled_from(sorted(set("abcdefghijklmnopqrstuvwxyz234567") - {name[place]})))
    with pytest.raises(ValueError, match=r"signed|signature"):
        way_out().read(f"{name[:place]}{other}{name[place + 1 :]}@{domain}")


@given(st.text(max_size=80))
def test_junk_is_refused_and_never_raises_anything_else(junk: str) -> None:
    for forged in (junk, f"unsubscribe+{junk}@shop.example"):
        with pytest.raises(ValueError):
            way_out().read(forged)


def test_another_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="signature"):
        way_out(s1=NEW).read(address(way_out(s1=OLD).uri(1, 2)))


def test_mails_signed_before_a_change_of_secrets_still_work() -> None:
    assert way_out(s1=OLD, s2=NEW).read(address(way_out(s1=OLD).uri(1, 2))) == Stopper(1, 2)


def test_the_newest_secret_signs() -> None:
    assert way_out(s2=NEW).read(address(way_out(s1=OLD, s2=NEW).uri(1, 2))) == Stopper(1, 2)


def test_another_mailbox_is_refused() -> None:
    token = address(way_out().uri(1, 2)).replace("shop.example", "other.example")
    with pytest.raises(ValueError, match="not the unsubscribe address"):
        way_out().read(token)


def test_the_right_one_of_many_addresses_is_found() -> None:
    ours = address(way_out().uri(1, 2))
    assert way_out().find(["x@y.example", "unsubscribe@shop.example", ours]) == Stopper(1, 2)


def test_none_of_many_addresses_is_none() -> None:
    assert way_out().find(["x@y.example", ""]) is None


def test_the_secret_is_not_in_the_repr() -> None:
    assert OLD.decode() not in repr(way_out())


@pytest.mark.parametrize(
    "address,secrets",
    [
        ("no address", {1: OLD}),
        ("with+plus@shop.example", {1: OLD}),
        ("a" * 17 + "@shop.example", {1: OLD}),
        ("avmälan@shop.example", {1: OLD}),
        ("u@shop.example", {}),
        ("u@shop.example", {256: OLD}),
        ("u@shop.example", {1: b"short"}),
    ],
)
def test_a_way_out_that_cannot_work_is_refused(address: str, secrets: dict[int, bytes]) -> None:
    with pytest.raises(ValueError):
        open_way_out(address, secrets)
