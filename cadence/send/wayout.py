"""The way out in every marketing mail: a mailto address whose mailbox name carries a signed token.

Who sends a mail there, from whatever address, wants to be written to no more; the token says which contact and which
message it was, and nobody can make one up. Reading that mailbox is the maildir provider's inbox; what a stop does is
`receive`'s matter.

The token is base32 in small letters, since mail systems are free to change the case of a mailbox name on its way,
and short enough for the 64 characters that one may have (RFC 5321, 4.5.3.1.1).
"""

import hmac
import struct
from base64 import b32decode, b32encode
from binascii import Error as NotBase32
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from urllib.parse import quote

from cadence.send.headers import wire_address

_MAC_BYTES = 12
_BODY = struct.Struct(">Bqq")
_TOKEN_LENGTH = -(-(_BODY.size + _MAC_BYTES) * 8 // 5)
_LONGEST_NAME = 64 - 1 - _TOKEN_LENGTH
SHORTEST_SECRET: int = 16
"""So many bytes a signing secret has at least."""
_PURPOSE = b"cadence way out\0"


@dataclass(frozen=True, slots=True)
class Stopper:
    """Who wants out: the contact, and the message they answered to."""

    contact_id: int
    message_id: int


@dataclass(frozen=True, slots=True)
class WayOut:
    """Makes and reads unsubscribe addresses. `keys` holds the signing keys by number; the highest number signs."""

    address: str
    keys: Mapping[int, bytes] = field(repr=False)

    def uri(self, contact_id: int, message_id: int) -> str:
        """The mailto URI (RFC 6068) for one message to one contact, to stand in List-Unsubscribe and in the mail."""
        name, _, domain = self.address.rpartition("@")
        return f"mailto:{quote(name)}+{self._token(contact_id, message_id)}@{domain}?subject=unsubscribe"

    def read(self, address: str) -> Stopper:
        """Who wants out, from an address that a mail came to. Raises `ValueError` where we didn't make that address."""
        name, _, domain = address.strip().lower().rpartition("@")
        ours, _, our_domain = self.address.lower().rpartition("@")
        mailbox, _, token = name.partition("+")
        if (mailbox, domain) != (ours, our_domain):
            raise ValueError(f"not the unsubscribe address {self.address}")
        return self._stopper(token)

    def find(self, addresses: Iterable[str]) -> Stopper | None:
        """The first of the addresses that we made, read; None where there is none."""
        for address in addresses:
            try:
                return self.read(address)
            except ValueError:
                continue
        return None

    def _token(self, contact_id: int, message_id: int) -> str:
        body = _BODY.pack(max(self.keys), contact_id, message_id)
        return b32encode(body + _mac(self.keys[max(self.keys)], body)).decode().rstrip("=").lower()

    def _stopper(self, token: str) -> Stopper:
        if len(token) != _TOKEN_LENGTH:
            raise ValueError(f"a token of {len(token)} characters; ours have {_TOKEN_LENGTH}")
        try:
            raw = b32decode(token.upper() + "=" * (-len(token) % 8))
        except NotBase32:
            raise ValueError("the token is no base32") from None
        body, mac = raw[: _BODY.size], raw[_BODY.size :]
        number, contact_id, message_id = _BODY.unpack(body)
        key = self.keys.get(number)
        if key is None:
            raise ValueError(f"the token is signed with secret {number}, which isn't in the settings")
        if not hmac.compare_digest(mac, _mac(key, body)):
            raise ValueError("the token's signature is wrong: it was changed or made up")
        return Stopper(contact_id, message_id)


def open_way_out(address: str, secrets: Mapping[int, bytes]) -> WayOut:
    """The way out through a mailbox, signed with the secrets.

    `address` is the mailbox, to whose name `+TOKEN` is added. `secrets` are numbered 0 to 255 and have at least
    `SHORTEST_SECRET` bytes each; the highest number signs and all are read, so that a new one can be added while mails
    signed with the old are still about. Raises `ValueError` for what can't work.
    """
    wire = wire_address(address, "the unsubscribe address")
    name = wire.rpartition("@")[0]
    if not name.isascii() or "+" in name or len(name) > _LONGEST_NAME:
        raise ValueError(
            f"the unsubscribe address {address}: its mailbox name can't carry a token; "
            f"allowed are at most {_LONGEST_NAME} ASCII characters without +"
        )
    if not secrets:
        raise ValueError("the way out has no signing secret; give at least one")
    for number, secret in secrets.items():
        if not 0 <= number <= 255:
            raise ValueError(f"signing secret number {number}; allowed are 0 to 255")
        if len(secret) < SHORTEST_SECRET:
            raise ValueError(f"signing secret {number} has {len(secret)} bytes; allowed are {SHORTEST_SECRET} or more")
    return WayOut(wire, dict(secrets))


def _mac(key: bytes, body: bytes) -> bytes:
    return hmac.digest(key, _PURPOSE + body, sha256)[:_MAC_BYTES]
