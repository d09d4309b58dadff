"""Mail through SendGrid's web API, v3: the official SDK writes the body, our own kept-alive client posts it.

One request is one letter, several at a time. What SendGrid reports later (its webhooks) is read elsewhere; our
message's id goes along in `custom_args`, so that each report names it.
"""

from cadence.providers.sendgrid.sending import SendGrid
from cadence.providers.sendgrid.settings import Settings

__all__ = ["Settings", "open"]


def open(settings: Settings, /) -> SendGrid:
    """Open the provider. SendGrid is asked nothing before the first sending."""
    return SendGrid(settings)
