"""The other end of the maildir provider: a folder, and the standard library's reader of maildirs."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage
from pathlib import Path

from cadence.providers import maildir
from cadence.providers.provider import Provider


class Bench:
    """A maildir in a folder of its own; in trouble it is no folder but a file."""

    secret = ""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "maildir"

    def open(self, behaviour: str) -> Provider:
        if behaviour in ("later", "unreachable"):
            self._path.write_text("not a folder")
        elif self._path.is_file():
            self._path.unlink()
        return maildir.open(maildir.Settings(path=self._path))

    def received(self) -> list[EmailMessage]:
        files = sorted((self._path / "new").iterdir()) if self._path.is_dir() else []
        return [email.message_from_string(file.read_text("utf-8"), policy=email.policy.default) for file in files]  # type: ignore[misc]

    def close(self) -> None:
        pass
