"""Mail through an SMTP server: the company's relay or a provider's submission port.

One letter is one transaction with one recipient, so that each gets its own verdict; connections are kept and reused.
It looks up no MX records: it speaks to the one server that is set.
"""

from cadence.providers.smtp.sending import Smtp
from cadence.providers.smtp.settings import Settings

__all__ = ["Settings", "open"]


def open(settings: Settings, /) -> Smtp:
    """Open the provider. The server is connected to at the first sending."""
    return Smtp(settings)
