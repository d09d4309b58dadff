"""The mailbox of the way out: each mail that arrives there stops all marketing to whoever sent it.

The token in the address says which contact and which message; where it names nobody, the sender's address does. A stop is written
before the mail is put aside, so that a crash reads it again, and writing it twice is writing it once. Bounces are not read here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

from sqlalchemy.engine import Connection

from cadence.addresses import address_of
from cadence.facts import EventKind
from cadence.log import logger
from cadence.store import Store, StoreError
from cadence.store.consents import record_consents
from cadence.store.find import Found, contact_by_id, contacts_of_address
from cadence.store.rows import ConsentRow

SOURCE = "unsubscribe mail"

_log = logger("mailbox")


class Mail(Protocol):
    """One mail that lies in the mailbox, as far as it matters here."""

    @property
    def name(self) -> str:
        """What it is called, in plain text, however often it is moved: no other mail is."""

    @property
    def unread(self) -> str | None:
        """Why it can't be read at the moment; None where it was."""

    @property
    def received_at(self) -> int:
        """When it was delivered, microseconds."""

    @property
    def addressed_to(self) -> tuple[str, ...]:
        """Where it came to."""

    @property
    def sender(self) -> str | None:
        """The address in From."""


class Stopper(Protocol):
    """Who wants out."""

    @property
    def contact_id(self) -> int:
        """The contact that the mail was written to."""

    @property
    def message_id(self) -> int:
        """The message they answered to."""


class WayOut(Protocol):
    """Reads the addresses that were given out as ways out."""

    def find(self, addresses: Iterable[str], /) -> Stopper | None:
        """Who wants out, by the first of these that we made."""


M = TypeVar("M", bound=Mail)


class Mailbox(Protocol[M]):
    """A mailbox that keeps its mails until they are done."""

    def waiting(self) -> Iterator[M]:
        """Mails not yet done, oldest first."""

    def done(self, arrival: M) -> None:
        """Put one aside."""


def read_mailbox(store: Store, mailbox: Mailbox[M], way_out: WayOut, now: int, most: int = 1_000) -> int:
    """Turn what lies in the mailbox into stops, of at most so many mails; returns how many were read.

    A mail that names nobody we know is put aside with a warning, since nothing can follow from it. One that can't be read or
    turned into a stop stays where it is, for the next time, and keeps no other waiting: somebody wants out. The stop is
    said now: a file's own time may come from another clock. Raises StoreError where the database is away."""
    read = 0
    for mail in mailbox.waiting():
        if read == most:
            break
        if mail.unread is not None:
            _log.error(
                "a mail to the way out can't be read; it stays, to be tried again", file=mail.name, error=mail.unread
            )
            continue
        try:
            with store.write() as conn:
                stopped = _stop(conn, mail, way_out, now)
            mailbox.done(mail)
        except StoreError:
            raise
        except Exception:  # noqa: BLE001 - one odd mail must not keep all others from being read
            _log.exception("a mail to the way out gave trouble; it stays, to be tried again", file=mail.name)
            continue
        if not stopped:
            _log.warning("a mail to the way out names nobody we know; it is kept, and nothing follows", file=mail.name)
        read += 1
    return read


def _stop(conn: Connection, mail: Mail, way_out: WayOut, now: int) -> bool:
    """Write the stop that a mail asks for; whether anybody was meant."""
    stopper = way_out.find(mail.addressed_to)
    meant = None if stopper is None else contact_by_id(conn, stopper.contact_id)
    found = _senders(conn, mail) if meant is None else [meant]
    message = None if stopper is None or meant is None else stopper.message_id
    rows = [
        ConsentRow(f.outside_id or "", None, EventKind.OPT_OUT, source_id=mail.name, by="the contact", message=message)
        for f in found
    ]
    if rows:
        record_consents(conn, rows, now, SOURCE, places=[(f.shard, f.id) for f in found])
    return bool(rows)


def _senders(conn: Connection, mail: Mail) -> list[Found]:
    """Without a token, or with one of a contact who isn't there, as after a backup was restored: everyone who has the sender's
    address, or is known by it. It may be forged, but a stop too many harms nobody."""
    try:
        return contacts_of_address(conn, "email", address_of("email", mail.sender or ""))
    except ValueError:
        return []
