"""Reading a maildir for mails that ask to be let go (the mailto of List-Unsubscribe).

It reads the headers only, and of those no more than a fixed number of bytes, so that neither huge nor deeply nested
mails matter; nothing in a mail can make it raise. It says what came; which contact that is and what follows is decided
above. A mail stays in `new` until `done` is called: whoever dies in between reads it again.
"""

import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MAX_HEADERS = 65_536
"""Bytes read of one mail; an unsubscribe mail's headers are a few thousand."""
MAX_ADDRESSES = 50
"""Addresses taken from one mail's headers."""

_DELIVERED = ("delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "to", "cc", "resent-to")
_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\u00a1-\uffff-]{1,128}@[A-Za-z0-9.\u00a1-\uffff-]{1,255}")


@dataclass(frozen=True, slots=True)
class Arrival:
    """A mail that lies in the inbox.

    `addressed_to`: where it came to, those the mail system wrote first, in small letters; the token is in one of them.
    `sender`: the address in From, or None. `received_at`: when the file was delivered, microseconds since 1970 UTC.
    `automatic`: it says of itself that a machine answered. `unread`: why it can't be read at the moment, or None.
    `trouble`: what is wrong with it for good, or None.
    """

    file: Path
    received_at: int
    addressed_to: tuple[str, ...] = ()
    sender: str | None = None
    subject: str = ""
    automatic: bool = False
    unread: str | None = None
    trouble: str | None = None

    @property
    def name(self) -> str:
        """What its file is called, in plain text whatever bytes it is made of."""
        return os.fsencode(self.file.name).decode("utf-8", "backslashreplace")


class Inbox:
    """A maildir that unsubscribe mails arrive in. One that isn't there yet is empty."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def waiting(self, limit: int = 1_000) -> Iterator[Arrival]:
        """At most `limit` mails that lie in `new` and can be read, oldest first, among those that can't be at the moment;
        things that are no mails are passed over.

        Never raises for a mail; raises `OSError` if the folder itself can't be read.
        """
        found: list[tuple[int, Path]] = []
        try:
            with os.scandir(self.path / "new") as entries:
                for entry in entries:
                    if not entry.name.startswith(".") and entry.is_file(follow_symlinks=False):
                        with suppress(FileNotFoundError):  # a reader, or another daemon, has just taken it
                            found.append((entry.stat(follow_symlinks=False).st_mtime_ns // 1_000, Path(entry.path)))
        except FileNotFoundError:
            return
        for received_at, file in sorted(found):
            if limit <= 0:
                return
            arrival = _arrival(file, received_at)
            limit -= arrival.unread is None
            yield arrival

    def done(self, arrival: Arrival) -> None:
        """Move a mail to `cur`, marked as seen. Moving it twice, or one that a reader has moved, is no error."""
        cur = self.path / "cur"
        cur.mkdir(exist_ok=True)
        try:
            arrival.file.rename(cur / f"{arrival.file.name.partition(':')[0]}:2,S")
        except FileNotFoundError:
            return


def _arrival(file: Path, received_at: int) -> Arrival:
    try:
        # without following links and without waiting: what was a file a moment ago may be something else by now
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, "rb") as opened:
            if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
                return Arrival(file, received_at, trouble="it is no file")
            head = opened.read(MAX_HEADERS)
    except OSError as error:
        return Arrival(file, received_at, unread=error.strerror)
    fields = _fields(head)
    addresses = [
        address.lower() for name in _DELIVERED for value in fields.get(name, ()) for address in _ADDRESS.findall(value)
    ]
    senders = [address for value in fields.get("from", ()) for address in _ADDRESS.findall(value)]
    return Arrival(
        file,
        received_at,
        addressed_to=tuple(dict.fromkeys(addresses))[:MAX_ADDRESSES],
        sender=senders[-1] if senders else None,  # the last: a name before it may look like an address too
        subject=" ".join(fields.get("subject", [""])[0].split())[:200],
        automatic=not all(value.strip().lower() == "no" for value in fields.get("auto-submitted", ())),
        trouble=None if addresses else "it names no address that it came to",
    )


def _fields(head: bytes) -> dict[str, list[str]]:
    """The header fields by name in small letters, unfolded, as far as `head` reaches; the rest is passed over."""
    text = head.replace(b"\r\n", b"\n").partition(b"\n\n")[0].decode("utf-8", "replace")
    fields: dict[str, list[str]] = {}
    current: list[str] | None = None
    for line in text.split("\n"):
        if line[:1] in (" ", "\t"):
            if current is not None:
                current[-1] += " " + line.strip()
            continue
        name, colon, value = line.partition(":")
        current = fields.setdefault(name.strip().lower(), []) if colon and name.strip().isascii() else None
        if current is not None:
            current.append(value.strip())
    return fields
