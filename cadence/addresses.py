"""Addresses: how each is written to, and which mailbox stands behind it in any spelling.

The two differ: a hard bounce stops an address, a person is behind a mailbox. Whether an address can be reached is not
asked here, and no network is used.
"""

from __future__ import annotations

import re

from email_validator import EmailNotValidError, validate_email

from cadence.facts import CHANNELS

LONGEST = 500
"""Characters that an address may have."""
_DOTS_IGNORED = frozenset({"gmail.com"})
_SAME_HOST = {"googlemail.com": "gmail.com"}
_PLAIN = re.compile(
    r"(?=.{6,254}\Z)(?!.{65,}@)[a-z0-9_+-]+(\.[a-z0-9_+-]+)*@([a-z0-9]([a-z0-9]|-(?=[a-z0-9])){0,62}\.)+[a-z]{2,63}",
    re.ASCII,
)
"""Addresses that need no further look: what email-validator says of each of them is known (a test holds both equal)."""
_SPECIAL = frozenset({"arpa", "invalid", "local", "localhost", "onion"})
"""Top domains that it refuses."""
_PHONE = re.compile(r"\+?[0-9]{3,17}", re.ASCII)
_PHONE_MARKS = re.compile(r"[\s().\-/\u2010-\u2015\u00a0]")
_INTERNATIONAL = re.compile(r"^00(?=[1-9])", re.ASCII)


def address_of(channel: str, value: str) -> str:
    """An address as it is written to: spaces gone, the host in lower case, phone numbers as + and digits where so
    given.

    Raises ValueError with a plain sentence for one that is none, and for a channel that is none."""
    if channel not in CHANNELS:
        raise ValueError(f"{channel!r} is no channel; allowed are {', '.join(CHANNELS)}")
    text = str(value).strip()
    if not text:
        raise ValueError(f"an address for {channel} is empty; give one, or leave it out")
    if channel == "post":
        text = " ".join(text.split())
    if len(text) > LONGEST or (not text.isprintable() and any(ord(c) < 32 or ord(c) == 127 for c in text)):
        raise ValueError(f"{text[:60]!r} is no address: at most {LONGEST} characters, without control characters")
    if channel == "email":
        return _email(text)
    if channel in ("sms", "phone"):
        return _phone(text)
    return text


def mailbox_of(channel: str, address: str) -> str:
    """The mailbox behind an address that `address_of` gave: the same text for all its spellings.

    For e-mail case, what follows a plus, and dots where the host ignores them make no difference; one number is the
    same for phone and sms. Texts of different kinds never are the same."""
    if channel == "email":
        local, _, host = address.casefold().rpartition("@")
        host = _SAME_HOST.get(host, host)
        local = local.partition("+")[0] or local
        if host in _DOTS_IGNORED:
            local = local.replace(".", "") or local
        return f"email:{local}@{host}"
    if channel in ("sms", "phone"):
        return f"phone:{address}"
    if channel == "push":
        return f"push:{address}"
    return f"{channel}:{address.casefold()}"


def _email(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.rpartition(".")[2] not in _SPECIAL:
        return text
    try:
        found = validate_email(text, check_deliverability=False, globally_deliverable=False, test_environment=True)
    except EmailNotValidError as problem:
        raise ValueError(f"{text!r} is no e-mail address: {problem}") from None
    if "." not in found.domain and found.domain != "localhost":
        raise ValueError(f"{text!r} is no e-mail address: its host {found.domain!r} has no dot")
    return found.normalized


def _phone(text: str) -> str:
    digits = _INTERNATIONAL.sub("+", _PHONE_MARKS.sub("", text.removeprefix("tel:").replace("(0)", "")), count=1)
    if not _PHONE.fullmatch(digits):
        raise ValueError(f"{text!r} is no phone number; write it like +46 70 123 45 67")
    return digits
