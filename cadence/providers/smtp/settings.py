"""What can be set for SMTP: the server, how the connection is secured, who we are, and how long we wait."""

from pathlib import Path
from typing import Literal

import idna
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from cadence.addresses import address_of

_HERE = frozenset({"localhost", "127.0.0.1", "::1"})


class Settings(BaseModel):
    """The settings of the provider smtp."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True)

    host: str = "localhost"
    """The server: the company's relay, or a provider's submission host."""
    port: int = Field(default=587, ge=1, le=65535)
    """587 for starttls, 465 for tls, 25 for none, as a rule."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """starttls (never falls back to plain text), tls (from the first byte), or none."""
    user: str | None = None
    """Whom to log in as; without it there is no login."""
    password: SecretStr | None = None
    """Goes with the user; never over an unencrypted connection, but to this machine itself."""
    helo_name: str | None = None
    """What we call ourselves to the server; default: this machine's full name."""
    bounce_address: str | None = None
    """The envelope's sender, where bounces go: an address without a name; default: the letter's sender."""
    ca_file: Path | None = None
    """Certificate authorities to trust in place of the system's (PEM)."""
    connections: int = Field(default=1, ge=1, le=64)
    """Used side by side. More than one is worth it where the server is far away; as many letters may be in doubt when
    it breaks down in the middle of a batch."""
    timeout: float = Field(default=30.0, gt=0, le=600)
    """Seconds to wait for each answer."""
    call_timeout: float = Field(default=20.0, gt=0, le=3600)
    """Seconds that a batch may take. Whether what isn't begun by then may still go is looked at once more: so late, at worst, a
    stop is heeded that is said while a batch is under way."""

    @field_validator("bounce_address")
    @classmethod
    def _as_it_goes_over_the_wire(cls, given: str | None) -> str | None:
        if given is None:
            return None
        mailbox, _, host = address_of("email", given).rpartition("@")
        try:
            return f"{mailbox}@{idna.encode(host, uts46=True).decode()}"
        except (idna.IDNAError, UnicodeError) as error:
            raise ValueError(
                f"{given!r} is no e-mail address: its host {host!r} is no name of a host ({error})"
            ) from None

    @model_validator(mode="after")
    def _login_is_whole_and_safe(self) -> "Settings":
        if (self.user is None) != (self.password is None):
            given, lacking = ("user", "password") if self.password is None else ("password", "user")
            raise ValueError(f"{given} is given without {lacking}; give both or neither")
        if self.password is not None and self.security == "none" and self.host not in _HERE:
            raise ValueError(f"a password would go to {self.host} unencrypted; set security to starttls or tls")
        return self
