"""From a rendered mail to a letter that any provider takes: the last place where a mail can be refused for its form.

`compose` is the only way a letter is made, so that what is checked here is checked for every provider. It decides
nothing about the contact, and hands nothing over.
"""

import re
from dataclasses import dataclass, replace

from cadence.providers.letter import Letter, Mailbox
from cadence.send.headers import HeaderRefused, wire_address
from cadence.send.mime import mime_of
from cadence.send.render import Rendered
from cadence.send.wayout import WayOut

_OUR_ID = re.compile(r"<cadence\.(\d+)\.(-?\d+)@[^<>@\s]+>")


@dataclass(frozen=True, slots=True)
class Envelope:
    """What is known of a letter beside its content.

    `at` is the instant of the decision, int64 microseconds since 1970 UTC. `headers` are further (name, value) pairs.
    """

    message_id: int
    contact_id: int
    to: Mailbox
    sender: Mailbox
    category: str
    marketing: bool
    at: int
    campaign: str | None = None
    reply_to: Mailbox | None = None
    locale: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


def compose(
    envelope: Envelope,
    rendered: Rendered,
    way_out: WayOut | None,
    one_click: str | None = None,
) -> Letter:
    """The finished letter, MIME and all.

    Marketing gets a List-Unsubscribe with the way out's mailto, and `one_click` (an https URI that takes RFC 8058's
    POST) before it, where there is one. Without either it is composed all the same, and every provider refuses it.
    Raises `HeaderRefused` for what can't be written safely.
    """
    uris: list[str] = []
    if envelope.marketing:
        if one_click is not None:
            uris.append(one_click)
        if way_out is not None:
            uris.append(way_out.uri(envelope.contact_id, envelope.message_id))
    to_wire = wire_address(envelope.to.address, "To")
    sender_wire = wire_address(envelope.sender.address, "From")
    reply_wire = "" if envelope.reply_to is None else wire_address(envelope.reply_to.address, "Reply-To")
    letter = Letter(
        message_id=envelope.message_id,
        contact_id=envelope.contact_id,
        to=envelope.to,
        sender=envelope.sender,
        subject=rendered.subject,
        message_id_header=message_id_header(envelope.message_id, envelope.at, sender_wire),
        category=envelope.category,
        at=envelope.at,
        marketing=envelope.marketing,
        campaign=envelope.campaign,
        reply_to=envelope.reply_to,
        html=rendered.html,
        text=rendered.text,
        list_unsubscribe=tuple(uris),
        list_unsubscribe_post=envelope.marketing and one_click is not None,
        headers=envelope.headers,
        locale=envelope.locale,
        to_wire=to_wire,
        sender_wire=sender_wire,
        reply_to_wire=reply_wire,
        needs_utf8=not (to_wire + sender_wire + reply_wire).isascii(),
    )
    return replace(letter, mime=mime_of(letter))


def message_id_header(message_id: int, at: int, sender_wire: str) -> str:
    """Our Message-ID for a message: the same for each hand-over of one decision, and readable in what comes back."""
    return f"<cadence.{message_id}.{at}@{sender_wire.rpartition('@')[2]}>"


def message_of(message_id_header: str) -> int | None:
    """The id of our message, from a Message-ID found in a bounce, a reply or a report; None where it isn't ours."""
    found = _OUR_ID.fullmatch(message_id_header.strip())
    return int(found.group(1)) if found and len(found.group(1)) <= 19 else None


__all__ = ["Envelope", "HeaderRefused", "compose", "message_id_header", "message_of"]
