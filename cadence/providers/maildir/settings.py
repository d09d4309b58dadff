"""What can be set for the maildir: where it lies. Where unsubscribe mails arrive is set with the way out."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """The settings of the provider maildir."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True)

    path: Path = Path("var/maildir")
    """The maildir; its `tmp`, `new` and `cur` are made as needed."""
