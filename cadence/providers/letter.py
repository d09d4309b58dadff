"""A letter: everything a provider needs to know of one mail, finished and ready to be handed over.

It is made by `cadence.send.letter.compose`, which has checked every header value and built the MIME bytes; a
provider reads it and changes nothing. It is not a message of the queue: it has no state and is never stored.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address of the channel email with the name shown beside it.

    `address` is `local@domain`, Unicode allowed in both; `name` may be empty.
    """

    address: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail to one contact.

    `message_id` is our message's id (unique in the installation); `message_id_header` the Message-ID, with its angle
    brackets. `at` is the instant of the hand-over's decision, int64 microseconds since 1970 UTC, and becomes the
    Date. `list_unsubscribe` holds bare URIs (`mailto:...`, `https://...`), `list_unsubscribe_post` says that the
    https one takes RFC 8058's one-click POST. `headers` are further (name, value) pairs. At least one of `html`
    and `text` is given. `mime` is the whole mail as bytes, lines ended by CRLF; `to_wire`, `sender_wire` and
    `reply_to_wire` are the addresses as they go over the wire (domain in ASCII), and `needs_utf8` says that one of
    them has a mailbox name outside ASCII, so that the way there must speak SMTPUTF8 (RFC 6531).
    """

    message_id: int
    contact_id: int
    to: Mailbox = field(repr=False)
    sender: Mailbox
    subject: str = field(repr=False)
    message_id_header: str
    category: str
    at: int
    marketing: bool
    campaign: str | None = None
    reply_to: Mailbox | None = None
    html: str | None = field(default=None, repr=False)
    text: str | None = field(default=None, repr=False)
    list_unsubscribe: tuple[str, ...] = field(default=(), repr=False)
    list_unsubscribe_post: bool = False
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    locale: str | None = None
    to_wire: str = field(default="", repr=False)
    sender_wire: str = ""
    reply_to_wire: str = ""
    needs_utf8: bool = False
    mime: bytes = field(default=b"", repr=False)
