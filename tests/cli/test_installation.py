"""An installation put together from its settings: each provider's own, wherever they are written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cadence.cli.installation import Installation
from tests.cli.office import Office


def maildir() -> Path:
    """Where mail goes."""
    provider: Any = Installation.open().provider()
    return Path(provider._path)


@pytest.mark.parametrize(
    ("file", "says"),
    [(".env", "CADENCE_MAILDIR_PATH=elsewhere\n"), ("config/cadence.toml", "[maildir]\npath = 'elsewhere'\n")],
)
def test_mail_goes_where_a_file_of_settings_says(office: Office, file: str, says: str) -> None:
    (office.folder / file).parent.mkdir(exist_ok=True)
    (office.folder / file).write_text(says, "utf-8")

    assert maildir() == Path("elsewhere")


def test_mail_goes_where_the_environment_says(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CADENCE_MAILDIR_PATH", "elsewhere")

    assert maildir() == Path("elsewhere")


def test_mail_lies_with_what_else_a_run_writes_where_nothing_is_said(office: Office) -> None:
    assert maildir() == office.folder / "var" / "maildir"
