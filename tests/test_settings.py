"""Settings: where they come from, which place wins, and what a wrong one says."""

from __future__ import annotations

from pathlib import Path

import pytest

from cadence.providers.registry import PROVIDERS
from cadence.settings import Settings, read, strangers


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without settings, and none in the environment."""
    (tmp_path / "config").mkdir()
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(f"CADENCE_{name.upper()}", raising=False)
    return tmp_path


def toml(home: Path, text: str) -> None:
    (home / "config/cadence.toml").write_text(text, "utf-8")


def test_the_environment_goes_before_the_file(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toml(alone, 'provider = "smtp"\nbatch = 7\n')
    monkeypatch.setenv("CADENCE_BATCH", "9")
    assert (read(Settings).provider, read(Settings).batch) == ("smtp", 9)


def test_a_dotenv_file_goes_before_the_toml_file(alone: Path) -> None:
    toml(alone, "batch = 7\n")
    (alone / ".env").write_text("CADENCE_BATCH=8\n", "utf-8")
    assert read(Settings).batch == 8


def test_how_long_things_are_kept_can_be_set_in_either_place(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toml(alone, "[retention]\ndecisions = 800\n")
    assert read(Settings).retention.decisions == 800
    monkeypatch.setenv("CADENCE_RETENTION__DECISIONS", "900")
    assert read(Settings).retention.decisions == 900


def test_a_secret_may_lie_in_a_file(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (alone / "secrets").mkdir()
    (alone / "secrets/cadence_secret").write_text("not to be seen", "utf-8")
    monkeypatch.setenv("CADENCE_SECRETS_DIR", str(alone / "secrets"))
    secret = read(Settings).secret
    assert secret is not None
    assert secret.get_secret_value() == "not to be seen"


def test_how_loud_the_log_is_may_be_written_in_capitals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CADENCE_LOG_LEVEL", "DEBUG")
    assert read(Settings).log_level == "debug"


def test_a_misspelt_key_of_the_file_is_an_error_that_names_it(alone: Path) -> None:
    toml(alone, 'databse_url = "sqlite:///x.db"\n')
    with pytest.raises(ValueError, match="databse_url"):
        read(Settings)


def test_other_tables_of_the_file_are_the_providers(alone: Path) -> None:
    toml(alone, '[smtp]\nhost = "relay.internal"\n')
    assert read(Settings).provider == "maildir"


def test_a_misspelt_variable_is_named_with_the_nearest_right_one(monkeypatch: pytest.MonkeyPatch) -> None:
    before = strangers({name: module.Settings for name, module in PROVIDERS.items()})
    for name in ("CADENCE_DATABSE_URL", "CADENCE_DATABASE_URL", "CADENCE_SMTP_HOST", "CADENCE_RETENTION__DECISIONS"):
        monkeypatch.setenv(name, "1")

    told = strangers({name: module.Settings for name, module in PROVIDERS.items()})

    assert [t for t in told if t not in before] == [
        "CADENCE_DATABSE_URL is no setting and sets nothing; did you mean CADENCE_DATABASE_URL?"
    ]


def test_a_misspelt_name_in_a_dotenv_file_is_named_likewise(alone: Path) -> None:
    (alone / ".env").write_text("CADENCE_BATCH=8\nCADENCE_BACTH=9\nOTHER=1\n", "utf-8")

    assert "CADENCE_BACTH is no setting and sets nothing; did you mean CADENCE_BATCH?" in strangers({})
    assert not [told for told in strangers({}) if "OTHER" in told or "CADENCE_BATCH is" in told]
