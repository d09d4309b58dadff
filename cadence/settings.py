"""What an installation sets: where the database is, which policy, how long things are kept. Not what marketing writes.

Read, in this order, from the environment (`CADENCE_*`), a `.env` file, files in `CADENCE_SECRETS_DIR`, and
`config/cadence.toml`.
Each provider brings a model of its own, read by the same way under its name (`read`), so that this page names no
provider.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

CONFIG_FILE = Path("config/cadence.toml")
ENV_FILE = Path(".env")

Model = TypeVar("Model", bound=BaseModel)


def _small(text: object) -> object:
    return text.lower() if isinstance(text, str) else text


class Retention(BaseModel):
    """How long each kind of row is kept, in days, before housekeeping removes it. The daemon removes a bounded
    number a time."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    decisions: int = Field(default=400, ge=35)
    """Decisions. An answer to "why did I get this?" can be given for so long."""
    messages: int = Field(default=400, ge=35)
    """Messages, and runs of campaigns, that have ended."""
    touches: int = Field(default=1100, ge=400)
    """Touches. Never less than the longest window of the policy, whatever is set."""
    events: int = Field(default=1100, ge=400)
    """Engagement. Purchases, consents, stops, complaints and holds are never removed."""


class Settings(BaseModel):
    """What every part may need to know of the installation."""

    model_config = ConfigDict(hide_input_in_errors=True, use_attribute_docstrings=True)

    database_url: str = "sqlite:///var/cadence.db"
    """SQLAlchemy URL: sqlite:///FILE, or postgresql+psycopg://USER@HOST/NAME."""
    policy: Path = Path("config/policy.yaml")
    """The policy: a YAML file, or a folder of them."""
    campaigns: Path = Path("config/campaigns")
    """The folder of campaigns."""
    var: Path = Path("var")
    """Where a run writes what isn't in the database."""
    provider: str = "maildir"
    """Which provider hands e-mail over."""
    send_per_second: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """How many mails a second the provider may be given; unset: as many as it takes."""
    sender: str = "Cadence <hello@cadence.example>"
    """From whom mail comes: a name and an address."""
    unsubscribe_domain: str | None = None
    """The host whose mailbox `unsubscribe` takes the mails of those who want out; its maildir is `var/unsubscribe`. Unset:
    mail into a local maildir still carries one, and providers that reach real people refuse marketing."""
    secret: SecretStr | None = None
    """Signs the way out in each mail: 16 bytes or more; `openssl rand -hex 32` makes one. Made and kept in `var/` where it isn't
    set."""
    tick_seconds: float = Field(default=5.0, gt=0, allow_inf_nan=False)
    """How often the daemon asks what is due."""
    batch: int = Field(default=5_000, ge=1, le=50_000)
    """The most messages one tick takes."""
    hand_over_within: float = Field(default=300.0, gt=0, allow_inf_nan=False)
    """Seconds after its decision within which a message must be handed over; later, it is decided anew."""
    lease_seconds: float = Field(default=30.0, ge=2, allow_inf_nan=False)
    """After so long without a sign of life a daemon's work is taken over."""
    ask_again_rate: int = Field(default=50_000, ge=100)
    """After a new policy, so many waiting messages are asked again each minute, oldest first."""
    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_small)] = "info"
    """What the log tells from there on."""
    retention: Retention = Retention()


class _Section(InitSettingsSource):
    """A table of the TOML file as a source."""


def read(model: type[Model], section: str = "", **given: Any) -> Model:
    """A model of settings, read for this installation. section: the provider's name, or "" for the installation's own.

    The environment's `CADENCE_DATABASE_URL` sets `database_url`; in section `smtp`, `CADENCE_SMTP_HOST` sets `host`,
    and so does
    `host` under `[smtp]` in `config/cadence.toml`. Raises pydantic.ValidationError naming each setting that is
    wrong; its title is what their names begin with in the environment."""
    prefix = f"CADENCE_{section.upper()}_" if section else "CADENCE_"
    secrets = os.environ.get("CADENCE_SECRETS_DIR")

    class Read(BaseSettings, model):  # type: ignore[valid-type, misc]
        model_config = SettingsConfigDict(
            title=prefix,
            env_prefix=prefix,
            env_file=ENV_FILE,
            env_nested_delimiter="__",
            extra="ignore",
            secrets_dir=secrets,
            hide_input_in_errors=True,
        )

        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            table = _Section(settings_cls, init_kwargs=_table(section, model))
            return (init_settings, env_settings, dotenv_settings, file_secret_settings, table)

    read_model = Read(**given)
    return model.model_validate({name: getattr(read_model, name) for name in read_model.model_fields_set})


_NO_SETTINGS = ("CADENCE_SECRETS_DIR", "CADENCE_CI", "CADENCE_THOROUGH")
"""Variables that are read elsewhere: where secrets lie, and how tests are run."""


def strangers(sections: Mapping[str, type[BaseModel]]) -> list[str]:
    """Variables of the environment and of `.env` that look like settings and set nothing, each as a sentence with the nearest
    right name. sections: each provider's model, by its name."""
    known = [*_names("CADENCE_", Settings), *_NO_SETTINGS]
    known += [name for section, model in sections.items() for name in _names(f"CADENCE_{section.upper()}_", model)]
    given = {*os.environ, *(name.upper() for name in DotEnvSettingsSource(BaseSettings, env_file=ENV_FILE).env_vars)}
    found = sorted(name for name in given if name.startswith("CADENCE_") and name not in known)
    near = {name: difflib.get_close_matches(name, known, n=1) for name in found}
    return [f"{n} is no setting and sets nothing" + (f"; did you mean {near[n][0]}?" if near[n] else "") for n in found]


def _names(prefix: str, model: type[BaseModel]) -> Iterator[str]:
    """What a model's settings are called in the environment; those of a model inside follow two underscores."""
    for name, field in model.model_fields.items():
        yield f"{prefix}{name.upper()}"
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _names(f"{prefix}{name.upper()}__", field.annotation)


def _table(section: str, model: type[BaseModel]) -> dict[str, Any]:
    """What `config/cadence.toml` says for a section. Raises ValueError naming a key that is none."""
    if not CONFIG_FILE.is_file():
        return {}
    try:
        whole = tomllib.loads(CONFIG_FILE.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"{CONFIG_FILE}: {error}; it is TOML, saved as UTF-8") from error
    fields = model.model_fields
    ours = {k: v for k, v in whole.items() if k in fields or not isinstance(v, dict)}
    table = whole.get(section, {}) if section else ours
    unknown = set(table) - set(model.model_fields)
    if unknown:
        raise ValueError(
            f"{CONFIG_FILE}, [{section or 'top'}]: unknown {sorted(unknown)}; allowed: {sorted(model.model_fields)}"
        )
    return dict(table)
