"""A letter as bytes: which headers a mail of ours has, and its parts.

A small writer of our own (the standard library's makes 600 mails a second and breaks long List-Unsubscribe headers);
the standard library's parser is the judge in the tests. How one field is written is `headers`' matter. There are no
attachments: a mail here is text, HTML, or both as alternatives.
"""

import re
from base64 import encodebytes
from binascii import b2a_qp
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from cadence.providers.letter import Letter
from cadence.send import headers
from cadence.send.headers import HeaderRefused

MAX_MAIL = 10_000_000
"""Bytes of a finished mail; most receivers refuse more than 10 to 25 MB."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OURS = frozenset(
    [
        "date",
        "from",
        "sender",
        "to",
        "cc",
        "bcc",
        "reply-to",
        "subject",
        "message-id",
        "list-unsubscribe",
        "list-unsubscribe-post",
        "mime-version",
        "return-path",
        "received",
        "dkim-signature",
    ]
)
_VERBATIM = frozenset(
    [
        "references",
        "in-reply-to",
        "list-id",
        "list-help",
        "list-owner",
        "list-archive",
        "list-post",
        "feedback-id",
        "precedence",
        "auto-submitted",
    ]
)
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:[-_][A-Za-z0-9]{1,8})*")


def mime_of(letter: Letter) -> bytes:
    """The whole mail, each line ended by CRLF and none longer than 998 bytes.

    Raises `HeaderRefused` for a header value that can't be written safely, or a body that can't (a lone surrogate,
    no part at all, too large).
    """
    if letter.html is None and letter.text is None:
        raise HeaderRefused(f"message {letter.message_id} has neither text nor HTML")
    mail = _header_block(letter) + _body(letter)
    if len(mail) > MAX_MAIL:
        raise HeaderRefused(
            f"message {letter.message_id} makes a mail of {len(mail)} bytes; at most {MAX_MAIL} are allowed"
        )
    return mail


def date_of(at: int) -> str:
    """The Date header's value for an instant in microseconds since 1970 UTC (RFC 5322, 3.3)."""
    return format_datetime(_EPOCH + timedelta(microseconds=at))


def _header_block(letter: Letter) -> bytes:
    fields = [
        f"Date: {date_of(letter.at)}\r\n".encode(),
        headers.mailbox("From", letter.sender),
        headers.mailbox("To", letter.to),
    ]
    if letter.reply_to is not None:
        fields.append(headers.mailbox("Reply-To", letter.reply_to))
    fields.append(headers.text("Subject", letter.subject))
    fields.append(headers.message_id("Message-ID", letter.message_id_header))
    if letter.list_unsubscribe:
        fields.append(headers.uris("List-Unsubscribe", letter.list_unsubscribe))
    if letter.list_unsubscribe_post:
        if not any(uri.startswith("https:") for uri in letter.list_unsubscribe):
            raise HeaderRefused(
                "List-Unsubscribe-Post: one-click needs an https address in List-Unsubscribe (RFC 8058)"
            )
        fields.append(b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n")
    fields.extend(_further(name, value) for name, value in letter.headers)
    if letter.locale and _LANGUAGE.fullmatch(letter.locale):
        fields.append(f"Content-Language: {letter.locale.replace('_', '-')}\r\n".encode())
    fields.append(b"MIME-Version: 1.0\r\n")
    return b"".join(fields)


def _further(name: str, value: str) -> bytes:
    lower = name.lower()
    if lower in _OURS or lower.startswith(("content-", "resent-")):
        raise HeaderRefused(f"{name}: this header is written by the program and can't be given besides")
    return headers.verbatim(name, value) if lower in _VERBATIM else headers.text(name, value)


def _body(letter: Letter) -> bytes:
    if letter.html is None:
        return _part("plain", letter.text or "")
    if letter.text is None:
        return _part("html", letter.html)
    # "=_" can occur in neither base64 nor quoted-printable, so this never meets a part's content
    boundary = f"=_cadence_{letter.message_id}"
    edge = f"\r\n--{boundary}".encode()
    return b"".join(
        (
            f'Content-Type: multipart/alternative; boundary="{boundary}"\r\n'.encode(),
            edge + b"\r\n",
            _part("plain", letter.text),
            edge + b"\r\n",
            _part("html", letter.html),
            edge + b"--\r\n",
        )
    )


def _part(subtype: str, content: str) -> bytes:
    """One part with its headers; quoted-printable (which people can read) where most of it is ASCII, else base64."""
    unified = content.replace("\r\n", "\n").replace("\r", "\n")
    if not unified.endswith("\n"):
        unified += "\n"
    try:
        raw = unified.encode()
    except UnicodeEncodeError as error:
        raise HeaderRefused(
            f"the text/{subtype} part has a lone surrogate at character {error.start + 1}: it is no text"
        ) from None
    if len(raw) - len(unified) > len(raw) // 6:
        encoding, coded = "base64", encodebytes(raw.replace(b"\n", b"\r\n"))
    else:
        encoding, coded = "quoted-printable", b2a_qp(raw, istext=True)
    coded = coded.replace(b"\n", b"\r\n")
    return (
        f'Content-Type: text/{subtype}; charset="utf-8"\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n'.encode()
        + coded
    )
