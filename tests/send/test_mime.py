"""A letter's bytes, judged by the standard library's parser: no defects, and everything comes back as it was."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Callable
from email.header import decode_header, make_header
from email.message import EmailMessage

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cadence.providers.letter import Letter, Mailbox
from cadence.send.headers import HeaderRefused
from cadence.send.mime import date_of, mime_of

Make = Callable[..., Letter]
LONG_URI = "https://shop.example/leave/" + "x" * 400 + "?token=a%20b&c=d"
EXCHANGE_ID = "<" + "A" * 120 + "@" + "b" * 80 + ".prod.outlook.example>"
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=300)
LINES = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=300)
shared_letter = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def parsed(mime: bytes) -> EmailMessage:
    """The mail as the strictest reader at hand sees it; it must find nothing wrong."""
    mail: EmailMessage = email.message_from_string(mime.decode(), policy=email.policy.default)  # type: ignore[assignment]
    for part in mail.walk():
        assert part.defects == []
        for _, value in part.items():
            assert value.defects == ()
    return mail


def content(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def raw_header(mime: bytes, name: str) -> str:
    """A header unfolded but not decoded."""
    value = email.message_from_bytes(mime)[name]
    return str(value).replace("\r\n", "")


def test_a_mail_has_its_headers_and_both_parts(letter: Make) -> None:
    mail = parsed(mime_of(letter(html="<p>Hej då</p>\n", text="Hej då\n", reply_to=Mailbox("re@shop.example"))))
    assert mail["From"] == "The Shop <hello@shop.example>"
    assert mail["To"] == "A Person <a@example.com>"
    assert mail["Reply-To"] == "re@shop.example"
    assert mail["Message-ID"] == "<cadence.5.1@shop.example>"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert (content(mail, "plain"), content(mail, "html")) == ("Hej då\n", "<p>Hej då</p>\n")


def test_text_alone_is_plain(letter: Make) -> None:
    assert parsed(mime_of(letter())).get_content_type() == "text/plain"


def test_html_alone_is_html(letter: Make) -> None:
    assert parsed(mime_of(letter(text=None, html="<p>x</p>"))).get_content_type() == "text/html"


def test_a_mail_without_content_is_refused(letter: Make) -> None:
    with pytest.raises(HeaderRefused, match="neither text nor HTML"):
        mime_of(letter(text=None))


def test_the_date_is_the_decisions_instant() -> None:
    assert date_of(1_770_000_000_123_456) == "Mon, 02 Feb 2026 02:40:00 +0000"


def test_long_ways_out_arrive_verbatim(letter: Make) -> None:
    mime = mime_of(letter(list_unsubscribe=(LONG_URI, "mailto:unsubscribe+abc@shop.example?subject=unsubscribe")))
    header = raw_header(mime, "List-Unsubscribe")
    assert header == f"<{LONG_URI}>, <mailto:unsubscribe+abc@shop.example?subject=unsubscribe>"


def test_long_references_arrive_verbatim(letter: Make) -> None:
    mime = mime_of(letter(headers=(("References", f"{EXCHANGE_ID} {EXCHANGE_ID}"),)))
    assert raw_header(mime, "References") == f"{EXCHANGE_ID} {EXCHANGE_ID}"


def test_one_click_needs_an_https_address(letter: Make) -> None:
    with pytest.raises(HeaderRefused, match="8058"):
        mime_of(letter(list_unsubscribe=("mailto:u@shop.example",), list_unsubscribe_post=True))


def test_one_click_is_said_as_the_rfc_has_it(letter: Make) -> None:
    mime = mime_of(letter(list_unsubscribe=(LONG_URI,), list_unsubscribe_post=True))
    assert raw_header(mime, "List-Unsubscribe-Post") == "List-Unsubscribe=One-Click"


def test_no_line_is_too_long(letter: Make) -> None:
    mime = mime_of(
        letter(subject="ö" * 5000, text="word " * 5000, html="<p>" + "y" * 9000, list_unsubscribe=(LONG_URI,))
    )
    assert max(map(len, mime.split(b"\r\n"))) <= 998


@pytest.mark.parametrize("subject", ["ö" * 500, "🦀" * 100, "a" * 2_000, "Våren är här " * 30])
def test_encoded_words_keep_to_their_length(letter: Make, subject: str) -> None:
    head = mime_of(letter(subject=subject, to=Mailbox("a@example.com", subject))).partition(b"\r\n\r\n")[0]
    lines = [line for line in head.split(b"\r\n") if b"=?" in line]
    assert len(lines) > 10
    assert max(map(len, lines)) <= 76
    assert max(len(word) for line in lines for word in line.split() if word.startswith(b"=?")) <= 75


def test_a_word_that_fits_no_line_is_refused_where_it_must_be_verbatim(letter: Make) -> None:
    with pytest.raises(HeaderRefused, match="fit a line"):
        mime_of(letter(list_unsubscribe=("https://shop.example/" + "x" * 1000,)))


def test_a_subject_that_looks_encoded_stays_what_it_is(letter: Make) -> None:
    subject = "=?utf-8?b?aGVq?= is how it looks"
    assert parsed(mime_of(letter(subject=subject)))["Subject"] == subject


def test_a_name_that_is_an_address_is_no_address(letter: Make) -> None:
    mail = parsed(mime_of(letter(to=Mailbox("a@example.com", "boss@bank.example, <x@y.example>"))))
    assert [who.addr_spec for who in mail["To"].addresses] == ["a@example.com"]
    assert mail["To"].addresses[0].display_name == "boss@bank.example, <x@y.example>"


def test_a_long_name_arrives_whole(letter: Make) -> None:
    name = "Ærø Øystein " * 20
    value = raw_header(mime_of(letter(to=Mailbox("a@example.com", name))), "To")
    assert str(make_header(decode_header(value.rpartition(" <")[0]))) == name


def test_a_unicode_domain_goes_in_ascii(letter: Make) -> None:
    mail = parsed(mime_of(letter(to=Mailbox("a@räksmörgås.example"))))
    assert mail["To"] == "a@xn--rksmrgs-5wao1o.example"


def test_the_locale_becomes_the_language(letter: Make) -> None:
    assert parsed(mime_of(letter(locale="sv_SE")))["Content-Language"] == "sv-SE"


def test_a_locale_that_is_none_is_left_out(letter: Make) -> None:
    assert parsed(mime_of(letter(locale="sv\r\nBcc: x@y.z")))["Content-Language"] is None


@pytest.mark.parametrize("hostile", ["\r\n", "\n", "\r", "\0", "\x85", "\u2028", "\x0b", "\x1b", "\ud800"])
@pytest.mark.parametrize("where", ["subject", "to name", "from name", "reply name", "header", "list_unsubscribe"])
def test_what_could_break_out_of_a_header_is_refused(letter: Make, hostile: str, where: str) -> None:
    value = f"Hello{hostile}Bcc: victim@example.com"
    given = {
        "subject": {"subject": value},
        "to name": {"to": Mailbox("a@example.com", value)},
        "from name": {"sender": Mailbox("a@example.com", value)},
        "reply name": {"reply_to": Mailbox("a@example.com", value)},
        "header": {"headers": (("X-Note", value),)},
        "list_unsubscribe": {"list_unsubscribe": (f"mailto:{value}",)},
    }[where]
    with pytest.raises(HeaderRefused):
        mime_of(letter(**given))


def test_a_refusal_names_header_character_and_remedy(letter: Make) -> None:
    with pytest.raises(HeaderRefused, match=r"Subject: 'a\\nb' has the character U\+000A at position 2;.*take it out"):
        mime_of(letter(subject="a\nb"))


@pytest.mark.parametrize(
    "address",
    [
        *("", "a", "a@", "@b.example", "a b@c.example", "a@b c", "<a@b.example>", "a@b..example", "a@-b.example"),
        *(".a@b.example", "a@b.example>", "a@b.example\r\nRCPT TO:<x@y.example>", '"a b"@c.example', "a@[127.0.0.1]"),
        *("a@\u2028", "x" * 65 + "@b.example", "a\u200b@b.example", "a\xa0b@c.example", "a@" + "b" * 64 + ".example"),
        *("a@xn--\xff.example", "a,b@c.example"),
    ],
)
def test_what_is_no_address_is_refused(letter: Make, address: str) -> None:
    with pytest.raises(HeaderRefused):
        mime_of(letter(to=Mailbox(address)))


@pytest.mark.parametrize(
    "name", ["Bcc", "to", "Content-Type", "Resent-To", "MIME-Version", "X Y", "X:Y", "", "Åäö", "X\r\nY"]
)
def test_a_header_that_is_ours_or_none_is_refused(letter: Make, name: str) -> None:
    with pytest.raises(HeaderRefused):
        mime_of(letter(headers=((name, "x"),)))


@pytest.mark.parametrize("value", ["no brackets@x", "<a b@c>", "<a@b>\r\nX: y", "<a@b", "<" + "a" * 300 + "@b>"])
def test_what_is_no_message_id_is_refused(letter: Make, value: str) -> None:
    with pytest.raises(HeaderRefused):
        mime_of(letter(message_id_header=value))


def test_a_lone_surrogate_in_the_text_is_refused(letter: Make) -> None:
    with pytest.raises(HeaderRefused, match="surrogate"):
        mime_of(letter(text="a\ud800b"))


@shared_letter
@given(subject=LINES | TEXTS, name=LINES, text=TEXTS, html=TEXTS)
@example(subject=" x", name="\t", text=".", html="=")
@example(subject="a  b ", name='"\\', text="From x\n.\n\n", html="--=_cadence_5--\n")
@example(subject="x" * 2000, name="y" * 2000, text="z" * 2000, html="å" * 2000)
@example(subject="a b" * 400, name="a b" * 60, text="a b" * 400, html="\x00")
def test_whatever_is_written_comes_back_or_is_refused(
    letter: Make, subject: str, name: str, text: str, html: str
) -> None:
    try:
        mime = mime_of(letter(subject=subject, to=Mailbox("a@example.com", name), text=text, html=html))
    except HeaderRefused:
        return
    mail = parsed(mime)
    assert list(mail.keys()) == ["Date", "From", "To", "Subject", "Message-ID", "MIME-Version", "Content-Type"]
    assert str(make_header(decode_header(raw_header(mime, "Subject")))) == subject or mail["Subject"] == subject
    assert [who.addr_spec for who in mail["To"].addresses] == ["a@example.com"]
    for kind, given_ in (("plain", text), ("html", html)):
        unified = given_.replace("\r\n", "\n").replace("\r", "\n")
        assert content(mail, kind) == (unified if unified.endswith("\n") else unified + "\n")
    assert max(map(len, mime.split(b"\r\n"))) <= 998
    assert mime.count(b"\n") == mime.count(b"\r") == mime.count(b"\r\n")


@shared_letter
@given(st.text(max_size=40), st.text(max_size=80))
def test_no_further_header_ever_adds_another(letter: Make, name: str, value: str) -> None:
    before = len(parsed(mime_of(letter())).keys())
    try:
        mime = mime_of(letter(headers=((name, value),)))
    except HeaderRefused:
        return
    assert len(email.message_from_bytes(mime).keys()) == before + 1


@shared_letter
@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_no_address_ever_adds_another(letter: Make, address: str) -> None:
    try:
        mail = parsed(mime_of(letter(to=Mailbox(address))))
    except HeaderRefused:
        return
    assert len(mail["To"].addresses) == 1
