"""What can be set for SendGrid: the key, the host, and how patient and how broad we are."""

from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

_HERE = frozenset({"localhost", "127.0.0.1", "::1"})


class Settings(BaseModel):
    """The settings of the provider sendgrid."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True)

    api_key: SecretStr
    """An API key that may send mail ("Mail Send")."""
    host: str = "https://api.sendgrid.com"
    """The API's address; https://api.eu.sendgrid.com for accounts in the EU."""
    connections: int = Field(default=8, ge=1, le=64)
    """So many letters are on their way at once."""
    timeout: float = Field(default=20.0, gt=0, le=600)
    """Seconds to wait for each step of a request."""
    call_timeout: float = Field(default=20.0, gt=0, le=3600)
    """Seconds that a batch may take. Whether what isn't begun by then may still go is looked at once more: so late, at worst, a
    stop is heeded that is said while a batch is under way."""

    @field_validator("api_key")
    @classmethod
    def _fits_a_header(cls, api_key: SecretStr) -> SecretStr:
        key = api_key.get_secret_value()
        if not key or not key.isascii() or not key.isprintable() or " " in key:
            raise ValueError("the API key is empty or has characters that no key has; copy it again")
        return api_key

    @field_validator("host")
    @classmethod
    def _is_safe(cls, host: str) -> str:
        parts = urlsplit(host)
        if not parts.hostname or parts.query or parts.fragment or parts.username:
            raise ValueError(f"{host!r} is no host; allowed is https://NAME")
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _HERE):
            raise ValueError(f"the API key would go to {host} unencrypted; allowed is https://NAME")
        return host.rstrip("/")
