"""Header fields as bytes: the one place where a value is refused, encoded or folded.

Written by hand because the standard library's writer turns long List-Unsubscribe and References values into encoded
words, which no receiver parses. RFC 5322 (form, folding), 2047 (encoded words), 6532 (mailbox names in UTF-8). What a
mail's headers are is `mime`'s matter; here one field is one call.
"""

import re
from base64 import b64encode
from functools import lru_cache

import idna

from cadence.providers.letter import Mailbox

MAX_LINE = 998
"""RFC 5322, 2.1.1: no line is longer, its CRLF not counted."""
_WISHED_LINE = 78
_ENCODED_LINE = 76
MAX_VALUE = 20_000
"""No header value of ours is longer; what is, is an accident or an attack."""

_HOSTILE = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_HOSTILES = re.compile(f"{_HOSTILE.pattern}+")
_FIELD_NAME = re.compile(r"[!-9;-~]{1,70}")
_PHRASE = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LOCAL = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u00a1-\U0010ffff-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u00a1-\U0010ffff-]+)*"
)
_DOMAIN = re.compile(
    r"(?!.{254})[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)
_MESSAGE_ID = re.compile(r"<[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9!#$%&'*+/=?^_`{|}~.:\[\]-]+>")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!#-;=?-~]+")


class HeaderRefused(ValueError):
    """A header that can't be written: names the header, what was found in it, and what is allowed."""


def text(name: str, value: str) -> bytes:
    """An unstructured field (Subject and the like); what isn't plain ASCII goes into encoded words.

    Folded only where the value has a single space, so that unfolding gives the value back. A word of ASCII is never
    broken. Raises `HeaderRefused`.
    """
    check(name, value)
    if not value.isascii() or "=?" in value or _spaced_oddly(value) or _longest_word(value) > MAX_LINE - len(name) - 2:
        return _lines(name, _encoded_words(value, len(name) + 2))
    return _fold(name, value)


def verbatim(name: str, value: str) -> bytes:
    """A field of ASCII tokens (References, Feedback-ID) that must arrive as it is: never encoded, folded at spaces.

    Raises `HeaderRefused` where that is impossible.
    """
    check(name, value)
    if not value.isascii():
        raise HeaderRefused(f"{name}: {_quoted(value)} has characters outside ASCII; this header must arrive unencoded")
    if _spaced_oddly(value):
        raise HeaderRefused(f"{name}: {_quoted(value)} begins or ends with a space, or has two in a row")
    if _longest_word(value) > MAX_LINE - len(name) - 2:
        raise HeaderRefused(
            f"{name}: a word of {_longest_word(value)} characters; at most {MAX_LINE - len(name) - 2} fit a line"
        )
    return _fold(name, value)


def uris(name: str, values: tuple[str, ...]) -> bytes:
    """A field of RFC 2369 (List-Unsubscribe): each bare URI in angle brackets, verbatim, on its own line if long."""
    for value in values:
        check(name, value)
        if not _URI.fullmatch(value):
            raise HeaderRefused(
                f"{name}: {_quoted(value)} is no URI; allowed is scheme:rest in printable ASCII without < > and spaces"
            )
    return verbatim(name, ", ".join(f"<{value}>" for value in values))


def message_id(name: str, value: str) -> bytes:
    """A Message-ID, `<left@right>`, verbatim."""
    if not _MESSAGE_ID.fullmatch(value) or len(value) > 250:
        raise HeaderRefused(
            f"{name}: {_quoted(value)} is no message id; allowed is <left@right> in ASCII, at most 250 characters"
        )
    return _fold(name, value)


def mailbox(name: str, who: Mailbox) -> bytes:
    """An address field of one mailbox: the domain in ASCII (IDNA), the mailbox name kept, the name encoded by need."""
    at_wire = wire_address(who.address, name)
    if not who.name:
        return f"{name}: {at_wire}\r\n".encode()
    check(name, who.name)
    return _lines(name, [*_phrase(who.name, len(name) + 2), f"<{at_wire}>"])


def as_name(value: str) -> str:
    """What is known of somebody as a name that stands beside an address: what could break out of the line is a space."""
    return " ".join(in_one_line(value).split())


def in_one_line(value: str) -> str:
    """The value with a space, one for a row of them, in place of what could break out of a header's line."""
    return _HOSTILES.sub(" ", value)


def wire_address(address: str, name: str = "address") -> str:
    """The address as it goes over the wire: Unicode domains as A-labels (IDNA 2008), the mailbox name untouched.

    Quoted mailbox names and address literals are refused, as is whatever could end or split an SMTP command.
    Raises `HeaderRefused`, naming `name`.
    """
    local, at, domain = address.rpartition("@")
    if not at or len(local.encode(errors="replace")) > 64 or not _LOCAL.fullmatch(local) or _HOSTILE.search(local):
        raise HeaderRefused(
            f"{name}: {_quoted(address)} is no mail address; allowed is mailbox@domain without quotes and spaces"
        )
    if not local.isprintable():
        raise HeaderRefused(f"{name}: {_quoted(address)} has invisible characters in its mailbox name")
    if domain.isascii() and _DOMAIN.fullmatch(domain):
        return address
    return f"{local}@{_ascii_domain(domain, name)}"


def check(name: str, value: str) -> None:
    """Refuse a header whose name or value could break out of its line: CR, LF, NUL and other control characters."""
    if not _FIELD_NAME.fullmatch(name):
        raise HeaderRefused(
            f"{_quoted(name)} is no header name; allowed are 1 to 70 of ASCII's printable characters but the colon"
        )
    found = _HOSTILE.search(value)
    if found:
        raise HeaderRefused(
            f"{name}: {_quoted(value)} has the character U+{ord(found.group()):04X} at position {found.start() + 1}; "
            "line breaks, NUL and other control characters are not allowed in a header: "
            "take it out of the contact's or the template's text"
        )
    if len(value) > MAX_VALUE:
        raise HeaderRefused(f"{name}: {len(value)} characters; at most {MAX_VALUE} are allowed in a header")


@lru_cache(maxsize=4096)
def _ascii_domain(domain: str, name: str) -> str:
    try:
        ascii_domain = idna.encode(domain, uts46=True).decode()
    except (idna.IDNAError, UnicodeError) as error:
        raise HeaderRefused(f"{name}: {_quoted(domain)} is no domain ({error})") from None
    if not _DOMAIN.fullmatch(ascii_domain):
        raise HeaderRefused(f"{name}: {_quoted(domain)} is no domain")
    return ascii_domain


def _phrase(name: str, used: int) -> list[str]:
    """A display name as words to be put on lines: atoms, a quoted string, or encoded words."""
    if name.isascii() and "=?" not in name and not _spaced_oddly(name) and len(name) < 200 and "\t" not in name:
        if _PHRASE.fullmatch(name):
            return [name]
        return ['"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"']
    return _encoded_words(name, used)


def _encoded_words(value: str, used: int) -> list[str]:
    """UTF-8 in base64 (RFC 2047), whole characters in each word, lines within 76, `used` of the first being taken."""
    words: list[str] = []
    room = max(_ENCODED_LINE - used - 12, 8) // 4 * 3
    chunk = b""
    for character in value:
        piece = character.encode()
        if len(chunk) + len(piece) > room:
            words.append(f"=?utf-8?b?{b64encode(chunk).decode()}?=")
            chunk, room = b"", 45
        chunk += piece
    words.append(f"=?utf-8?b?{b64encode(chunk).decode()}?=")
    return words


def _lines(name: str, words: list[str]) -> bytes:
    """The words on as few lines of 76 as they need; a word is never broken."""
    out, length = [f"{name}:"], len(name) + 1
    for word in words:
        if length + 1 + len(word) > _ENCODED_LINE and length > len(name) + 1:
            out.append("\r\n")
            length = 0
        out.append(f" {word}")
        length += 1 + len(word)
    out.append("\r\n")
    return "".join(out).encode()


def _fold(name: str, value: str) -> bytes:
    if len(name) + 2 + len(value) <= _WISHED_LINE:
        return f"{name}: {value}\r\n".encode()
    return _lines(name, value.split(" "))


def _spaced_oddly(value: str) -> bool:
    return "  " in value or "\t" in value or value != value.strip()


def _longest_word(value: str) -> int:
    return max(map(len, value.split(" "))) if len(value) > 900 else 0


def _quoted(value: str) -> str:
    """The value for an error: escaped, and no longer than a line."""
    return ascii(value if len(value) <= 60 else value[:57] + "...")
