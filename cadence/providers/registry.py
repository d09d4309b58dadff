"""The providers there are: a plain table from name to module. To add one, add its folder and a line here."""

from collections.abc import Mapping
from typing import Any, Protocol

from pydantic import BaseModel

from cadence.providers import maildir, sendgrid, smtp
from cadence.providers.provider import Provider


class ProviderModule(Protocol):
    """What a provider's folder offers: its settings, and how it is opened with them."""

    @property
    def Settings(self) -> type[BaseModel]:
        """The model of its settings."""

    def open(self, settings: Any, /) -> Provider:
        """Open the provider with an instance of its `Settings`. Touches no network yet."""


PROVIDERS: Mapping[str, ProviderModule] = {
    "maildir": maildir,
    "smtp": smtp,
    "sendgrid": sendgrid,
}
