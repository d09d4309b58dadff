"""Mail into a local maildir: the default, with nothing to install, and a mailbox anyone can look into.

It keeps what it was given under a name made from the message's id, so that it takes each message once and can say
afterwards which it has. It does not spread mail over mailboxes of its own for each contact.
"""

from cadence.providers.maildir.delivery import Maildir
from cadence.providers.maildir.settings import Settings

__all__ = ["Settings", "open"]


def open(settings: Settings, /) -> Maildir:
    """Open the maildir, which is made at the first delivery if it isn't there."""
    return Maildir(settings)
