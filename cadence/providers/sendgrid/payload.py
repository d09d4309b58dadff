"""A letter as the body of POST /v3/mail/send, written by the official SDK. It sends nothing."""

from email.parser import BytesHeaderParser
from typing import Any

from sendgrid.helpers.mail import (
    Category,
    Content,
    CustomArg,
    From,
    Header,
    Mail,
    ReplyTo,
    SubscriptionTracking,
    To,
    TrackingSettings,
)

from cadence.providers.letter import Letter, Mailbox

_PASSED_ON = ("Message-ID", "List-Unsubscribe", "List-Unsubscribe-Post")
_MAX_CATEGORY = 255


def body_of(letter: Letter) -> dict[str, Any]:
    """The request's body, ready for JSON.

    Headers go as they stand in the letter's MIME, so that what isn't ASCII is encoded and nothing is written twice.
    SendGrid's own subscription tracking is switched off: it would put its List-Unsubscribe in the place of ours.
    Raises the SDK's `ApiKeyIncludedException` where the text begins with what looks like an API key.
    """
    mail = Mail()
    mail.from_email = _who(From, letter.sender_wire, letter.sender)
    mail.add_to(_who(To, letter.to_wire, letter.to))
    if letter.reply_to is not None:
        mail.reply_to = _who(ReplyTo, letter.reply_to_wire, letter.reply_to)
    mail.subject = letter.subject
    if letter.text is not None:
        mail.add_content(Content("text/plain", letter.text))
    if letter.html is not None:
        mail.add_content(Content("text/html", letter.html))
    for name, value in _headers(letter):
        mail.add_header(Header(name, value))
    for category in dict.fromkeys((letter.category, letter.campaign)):
        if category:
            mail.add_category(Category(category[:_MAX_CATEGORY]))
    for key, said in (("cadence_message", letter.message_id), ("cadence_contact", letter.contact_id)):
        mail.add_custom_arg(CustomArg(key, str(said)))
    mail.tracking_settings = TrackingSettings(subscription_tracking=SubscriptionTracking(enable=False))
    body: dict[str, Any] = mail.get()
    return body


def _who(kind: type, wire: str, mailbox: Mailbox) -> Any:
    # set apart from the constructor, which would parse an address given without a name
    who = kind()
    who.email = wire
    who.name = mailbox.name or None
    return who


def _headers(letter: Letter) -> list[tuple[str, str]]:
    """The headers that SendGrid doesn't make itself, unfolded, from the letter's MIME."""
    wanted = {name.lower() for name in _PASSED_ON} | {name.lower() for name, _ in letter.headers}
    head = letter.mime.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    found = BytesHeaderParser().parsebytes(head).items()
    return [(name, str(value).replace("\r\n", "")) for name, value in found if name.lower() in wanted]
