"""What can be set for SMTP: the server, how the connection is secured, who we are, and how long we wait."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

_HERE = frozenset({"localhost", "127.0.0.1", "::1"})


class Settings(BaseModel):
    """`security`: starttls (never falls back to plain), tls (from the first byte), or none.

    `bounce_address` is the envelope's sender, where bounces go (default: the letter's sender). `ca_file` trusts these
    authorities instead of the system's. `timeout` is for each answer, `call_timeout` for a whole batch, in seconds:
    what isn't begun by then is tried later.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = "localhost"
    port: int = Field(default=587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str | None = None
    password: SecretStr | None = None
    helo_name: str | None = None
    bounce_address: str | None = None
    ca_file: Path | None = None
    timeout: float = Field(default=30.0, gt=0, le=600)
    call_timeout: float = Field(default=120.0, gt=0, le=3600)

    @model_validator(mode="after")
    def _login_is_whole_and_safe(self) -> "Settings":
        if (self.user is None) != (self.password is None):
            given, lacking = ("user", "password") if self.password is None else ("password", "user")
            raise ValueError(f"{given} is given without {lacking}; give both or neither")
        if self.password is not None and self.security == "none" and self.host not in _HERE:
            raise ValueError(f"a password would go to {self.host} unencrypted; set security to starttls or tls")
        return self
