"""Letters written at hand-over: in the reader's language, from what is known by then; one that can't be is named with why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cadence.facts import DAY
from cadence.providers.letter import Mailbox
from cadence.queue.handover import Outgoing
from cadence.send import letters as letters_module
from cadence.send.letters import Letters, letters_of
from cadence.send.render import TemplateRefused
from cadence.send.wayout import WayOut
from cadence.store import Store
from cadence.store.cards import Card, attribute_names, cards_of
from cadence.store.contacts import upsert_contacts
from cadence.store.known import by_outside_id
from cadence.store.rows import ContactRow

NOW = 20_000 * DAY


@dataclass(frozen=True)
class Words:
    """A template in one language."""

    subject: str
    html: str | None = None
    text: str | None = None
    translations: Mapping[str, Words] = field(default_factory=dict)

    def words_for(self, locale: str | None) -> Words:
        return self.translations.get((locale or "").partition("-")[0], self)


@dataclass(frozen=True)
class Campaign:
    """As much of a campaign as letters need."""

    name: str
    template: Words
    category: str = "newsletter"
    names: Sequence[str] = ("letter", "old letter")
    folder: Path = Path()
    variables: Mapping[str, Any] = field(default_factory=lambda: {"code": "X1"})


SV = Words("Hej {{ first_name }}", text="{{ code }} {{ timezone }} {{ unsubscribe }}")
LETTER = Campaign("letter", Words("Hello {{ first_name }}", text="{{ code }} {{ colour }}", translations={"sv": SV}))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(f"sqlite:///{tmp_path / 'x.db'}")
    opened.migrate()
    rows = [
        ContactRow(
            "sv", {"email": "a@example.com"}, ("Asia/Kathmandu",), locale="sv-FI", attributes={"first_name": "Åsa"}
        ),
        ContactRow("en", {"email": "b@example.com"}, locale="en", attributes={"first_name": "Bo"}),
    ]
    with opened.write() as conn:
        upsert_contacts(conn, rows, NOW, "test")
    yield opened
    opened.close()


@pytest.fixture
def letters() -> Letters:
    way_out = WayOut("stop@shop.example", {1: b"0123456789abcdef"})
    return letters_of([LETTER], Mailbox("hello@shop.example", "The shop"), way_out, "sv", "Europe/Stockholm")


def outgoing(store: Store, who: str, **more: Any) -> Outgoing:
    with store.read() as conn:
        found = by_outside_id(conn, [who])
    plain: dict[str, Any] = {
        "id": 7, "shard": int(found.shard[0]), "circle": 1, "contact": int(found.contact[0]), "address": "a@example.com",
        "channel": "email", "category": "newsletter", "campaign": "letter", "run": None, "content": None, "thread": None,
        "topic": None, "variables": {}, "marketing": True, "decided_at": NOW,
    }  # fmt: skip
    return Outgoing(**{**plain, **more})


def written(store: Store, letters: Letters, *messages: Outgoing) -> Any:
    with store.read() as conn:
        return letters(conn, messages)


def card(store: Store, who: str) -> Card:
    message = outgoing(store, who)
    with store.read() as conn:
        return cards_of(conn, [(message.shard, message.contact)])[message.contact]


def test_a_letter_is_in_the_readers_language_with_a_way_out_of_their_own(store: Store, letters: Letters) -> None:
    letter = written(store, letters, outgoing(store, "sv")).letters[7]
    assert (letter.subject, letter.to) == ("Hej Åsa", Mailbox("a@example.com", "Åsa"))
    assert letter.locale == "sv"
    code, zone, unsubscribe = str(letter.text).split(" ")
    assert (code, zone) == ("X1", "Asia/Kathmandu")
    assert letter.list_unsubscribe == (unsubscribe,)


def test_who_lacks_an_attribute_of_the_template_is_named_and_the_others_get_theirs(
    store: Store, letters: Letters
) -> None:
    found = written(store, letters, outgoing(store, "en", id=8), outgoing(store, "sv"))
    assert list(found.letters) == [7]
    assert "colour" in found.failed[8]


@pytest.mark.parametrize("name", ["country", "region", "household", "account", "unsubscribe"])
def test_what_is_not_known_of_a_reader_leaves_no_gap(store: Store, name: str) -> None:
    def subject(template: str) -> str:
        campaign = Campaign("letter", Words(template, text="x"))
        no_way_out = letters_of([campaign], Mailbox("hello@shop.example"), None, "en", "UTC")
        return no_way_out.preview(campaign, card(store, "en"), "b@example.com", True).subject

    with pytest.raises(TemplateRefused, match=f"'{name}' is undefined"):
        subject(f"Free shipping to {{{{ {name} }}}}!")
    assert subject(f"For {{{{ {name} or 'you' }}}}{{% if {name} %}}, at home{{% endif %}}") == "For you"


def test_a_message_of_an_old_name_is_written_by_the_campaign_of_the_new_one(store: Store, letters: Letters) -> None:
    assert written(store, letters, outgoing(store, "sv", campaign="old letter")).letters[7].subject == "Hej Åsa"


def test_a_message_without_a_template_is_named(store: Store, letters: Letters) -> None:
    said = written(store, letters, outgoing(store, "sv", campaign="none"))

    assert (said.failed, list(said.missing)) == ({}, [7])
    assert "isn't among the campaigns' files" in said.missing[7]


def test_a_template_that_is_gone_or_broken_may_be_mended(store: Store, letters: Letters, tmp_path: Path) -> None:
    def said(text: str) -> Any:
        words = Words("Hello", text="whole.txt")
        sent = letters_of([Campaign("letter", words, folder=tmp_path)], Mailbox("a@shop.example"), None, "sv", "UTC")
        (tmp_path / "whole.txt").write_text(text, "utf-8")
        return written(store, sent, outgoing(store, "sv", marketing=False))

    (tmp_path / "foot.txt").write_text("Yours", "utf-8")
    assert list(said("Hello {% include 'foot.txt' %}").letters) == [7]
    assert list(said("Hello {% include 'feet.txt' %}").missing) == [7]
    assert list(said("Hello {% if").missing) == [7]
    assert list(said("Hello {{ colour }}").failed) == [7]
    (tmp_path / "foot.txt").write_text("{% Yours", "utf-8")
    assert list(said("Hello {% include 'foot.txt' %}").missing) == [7]


def test_a_callers_own_words_go_as_they_are(store: Store, letters: Letters) -> None:
    words = {"letter": {"subject": "{{ kept }}", "text": "as is"}}
    letter = written(store, letters, outgoing(store, "en", campaign=None, variables=words, marketing=False)).letters[7]
    assert (letter.subject, letter.text, letter.list_unsubscribe) == ("{{ kept }}", "as is", ())


@pytest.mark.parametrize(
    ("own", "says"),
    [
        ({"subject": "a\r\nBcc: all@example.com", "text": "x"}, "Subject"),
        ({"subject": "a\x00", "text": "x"}, "Subject"),
        ({"subject": "a\ud800", "text": "x"}, "Subject"),
        ({"subject": "a" * 30_000, "text": "x"}, "Subject"),
        ({"subject": "a", "text": "x\udfff"}, "lone surrogate"),
        ({"subject": "a", "text": "x" * 11_000_000}, "at most"),
        ({"subject": "a"}, "neither text nor HTML"),
        ({"subject": "a", "text": 5}, "text is 5"),
        ({"subject": "a", "html": {"a": "b"}}, "html is {'a': 'b'}"),
        ({"subject": ["a"], "text": "x"}, "subject is ['a']"),
    ],
    ids=str,
)
def test_own_words_that_cannot_be_a_letter_are_named_and_the_others_get_theirs(
    store: Store, letters: Letters, own: Any, says: str
) -> None:
    bad = outgoing(store, "en", id=8, variables={"letter": own})
    found = written(store, letters, bad, outgoing(store, "sv"))
    assert list(found.letters) == [7]
    assert says in found.failed[8]


@pytest.mark.parametrize(
    "address", ["", "nobody", "a@b\r\nRCPT TO:<c@d.se>", "a\x00@b.se", "\ud800@b.se", "a@\ud800.se"]
)
def test_an_address_that_is_none_is_named_and_the_others_get_theirs(
    store: Store, letters: Letters, address: str
) -> None:
    found = written(store, letters, outgoing(store, "sv", id=8, address=address), outgoing(store, "sv"))
    assert list(found.letters) == [7]
    assert "To" in found.failed[8]


@pytest.mark.parametrize("code", ["\ud800", "a\r\nBcc: b@c.se", "x" * 3_000_000, {"a": 1}, None, 10**30])
def test_whatever_a_run_s_variables_hold_it_is_a_letter_or_named(store: Store, letters: Letters, code: Any) -> None:
    bad = outgoing(store, "sv", id=8, variables={"code": code, "first_name": code})
    found = written(store, letters, bad, outgoing(store, "sv"))
    assert 7 in found.letters
    assert (8 in found.letters) != (8 in found.failed)
    if 8 in found.letters:
        assert b"\nBcc" not in found.letters[8].mime.partition(b"\r\n\r\n")[0]


def test_a_letter_whose_writing_throws_is_named_and_the_others_get_theirs(
    store: Store, letters: Letters, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = letters_module.compose

    def throws(envelope: Any, *more: Any) -> Any:
        if envelope.message_id == 8:
            raise RecursionError("too deep")
        return real(envelope, *more)

    monkeypatch.setattr(letters_module, "compose", throws)
    found = written(store, letters, outgoing(store, "sv", id=8), outgoing(store, "sv"))
    assert list(found.letters) == [7]
    assert found.failed[8] == "it can't be written: RecursionError: too deep"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Conan O\x92Brien", "Conan O Brien"),
        ("Anna\r\nBcc: all@example.com", "Anna Bcc: all@example.com"),
        ("Anna\u2028Berg", "Anna Berg"),
        ("\x00", ""),
    ],
    ids=repr,
)
def test_an_odd_character_in_a_name_keeps_no_letter_from_its_reader(
    store: Store, letters: Letters, name: str, shown: str
) -> None:
    with store.write() as conn:
        upsert_contacts(conn, [ContactRow("odd", {}, attributes={"first_name": name})], NOW, "test")
    words = {"letter": {"subject": "Your receipt", "text": "Paid."}}
    found = written(store, letters, outgoing(store, "odd", campaign=None, variables=words, marketing=False))
    assert found.failed == {}
    assert found.letters[7].to == Mailbox("a@example.com", shown)
    assert b"\nBcc" not in found.letters[7].mime


def test_a_line_break_in_a_name_keeps_no_letter_that_names_it_in_its_subject(store: Store, letters: Letters) -> None:
    with store.write() as conn:
        upsert_contacts(
            conn, [ContactRow("odd", {}, attributes={"first_name": "Åsa\r\nBcc: all@example.com"})], NOW, "test"
        )
    found = written(store, letters, outgoing(store, "odd"))
    assert found.failed == {}
    assert found.letters[7].subject.endswith("Åsa Bcc: all@example.com")
    assert b"\nBcc" not in found.letters[7].mime.partition(b"\r\n\r\n")[0]


def test_a_contact_that_is_gone_is_named(store: Store, letters: Letters) -> None:
    assert written(store, letters, outgoing(store, "sv", contact=1)).failed[7] == "the contact is no longer there"


def test_a_preview_is_what_they_would_read_and_says_what_is_missing(store: Store, letters: Letters) -> None:
    assert letters.preview(LETTER, card(store, "sv"), "a@example.com", True).subject == "Hej Åsa"
    with pytest.raises(TemplateRefused, match="colour"):
        letters.preview(LETTER, card(store, "en"), "b@example.com", True)


def test_a_test_letter_is_marked_and_its_way_out_stops_nobody(store: Store, letters: Letters) -> None:
    letter = letters.test_letter(LETTER, card(store, "sv"), "me@shop.example", 99, NOW, marketing=True)
    assert (letter.subject, letter.to.address) == ("[test] Hej Åsa", "me@shop.example")
    assert letters.way_out is not None
    assert letters.way_out.read(letter.list_unsubscribe[0].removeprefix("mailto:").partition("?")[0]).contact_id == 0


def test_the_names_of_attributes_that_contacts_have_are_known(store: Store) -> None:
    with store.read() as conn:
        assert attribute_names(conn) == {"first_name"}
