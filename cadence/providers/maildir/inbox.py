"""Reading a maildir for mails that ask to be let go (the mailto of List-Unsubscribe).

It reads the headers only, and of those no more than a fixed number of bytes, so that neither huge nor deeply nested
mails matter; nothing in a mail can make it raise. It says what came; which contact that is and what follows is decided
above. A mail waits, in `new` or in `cur`, until `done` puts it into a folder of our own: whoever dies in between reads it
again, and a mail program that moves mails to `cur`, whatever flags it gives them, hides none. No mail is ever removed.
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
READ = ".Read"
"""The folder, as Maildir++ has them, of mails that are done. That they lie there is the only mark that they were read."""
LOOKS = 3
"""So often one call looks where a mail is that a mail program moves about meanwhile."""

_FLAGS = re.compile(r":[12],[^:/]*$")
"""What mail programs write behind a mail's name, anew each time."""

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
        """What its file is called, in plain text whatever bytes it is made of: the same in each folder, under all flags."""
        return os.fsencode(_bare(self.file)).decode("utf-8", "backslashreplace")


class Inbox:
    """A maildir that unsubscribe mails arrive in. One that isn't there yet is empty."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def waiting(self) -> Iterator[Arrival]:
        """The mails that aren't done, oldest first, those that can't be read at the moment among them; things that are no mails
        are passed over.

        Never raises for a mail; raises `OSError` if the folder itself can't be read.
        """
        seen: set[str] = set()
        for _ in range(LOOKS):
            moved = False
            for received_at, file in self._lying():
                if (name := _bare(file)) in seen:
                    continue
                arrival = _arrival(file, received_at)
                if arrival is None:
                    moved = True
                    continue
                seen.add(name)
                yield arrival
            if not moved:
                return

    def done(self, arrival: Arrival) -> None:
        """Put a mail into the folder of those that are done, as seen. Doing that twice, or of one that a reader has moved, is no
        error: where that moved it to another flag, it waits again."""
        for name in ("tmp", "new", "cur"):
            (self.path / READ / name).mkdir(parents=True, exist_ok=True)
        bare = _bare(arrival.file)
        place, n = self.path / READ / "cur" / f"{bare}:2,S", 0
        while place.exists():  # whoever delivers here uses names again
            n += 1
            place = place.with_name(f"{bare}.{n}:2,S")
        with suppress(FileNotFoundError):
            arrival.file.rename(place)

    def _lying(self) -> list[tuple[int, Path]]:
        """What lies in `new` and `cur`, each mail once, with when it was delivered. In this order, so that one which goes from
        the one to the other meanwhile is seen."""
        found: dict[str, tuple[int, Path]] = {}
        for folder in ("new", "cur"):
            with suppress(FileNotFoundError), os.scandir(self.path / folder) as entries:
                for entry in entries:
                    if not entry.name.startswith(".") and entry.is_file(follow_symlinks=False):
                        with suppress(FileNotFoundError):  # a reader, or another daemon, has just taken it
                            at = entry.stat(follow_symlinks=False).st_mtime_ns // 1_000
                            found[_bare(Path(entry.name))] = (at, Path(entry.path))
        return sorted(found.values())


def _bare(file: Path) -> str:
    return _FLAGS.sub("", file.name)


def _arrival(file: Path, received_at: int) -> Arrival | None:
    """The mail in a file; None where it has just been moved."""
    try:
        # without following links and without waiting: what was a file a moment ago may be something else by now
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, "rb") as opened:
            if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
                return Arrival(file, received_at, trouble="it is no file")
            head = opened.read(MAX_HEADERS)
    except FileNotFoundError:
        return None
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
