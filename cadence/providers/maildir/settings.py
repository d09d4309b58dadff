"""What can be set for the maildir: where it lies. Where unsubscribe mails arrive is set with the way out."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """`path`: the maildir (its `tmp`, `new` and `cur` are made as needed)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path = Path("var/maildir")
