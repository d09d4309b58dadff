"""A campaign made ready: its keys, its conditions parsed, and what stands in the store for it. Nothing is planned
here."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from cadence.doors.campaigns.spec import Spec, State, Template
from cadence.policy.conditions import Condition


class TemplateComplaint(Protocol):
    """Something wrong with a template."""

    @property
    def place(self) -> str:
        """A file below the folder; subject, html or text for an inline one; template for the whole."""

    @property
    def line(self) -> int:
        """In that file or text, from 1."""

    @property
    def severity(self) -> Any:
        """`error` or `warning`."""

    @property
    def sentence(self) -> str:
        """What is wrong and what is allowed."""


class Desk(Protocol):
    """Who knows templates: rendering lies on another way than campaigns come in by, so it is handed in."""

    @property
    def variables(self) -> Collection[str]:
        """What every template can name of a contact, attributes aside."""

    def check(
        self, subject: str, html: str | None, text: str | None, folder: Path | None, *, known: Collection[str]
    ) -> Sequence[TemplateComplaint]:
        """All that is wrong with a template."""

    def content(
        self, words: Sequence[tuple[str, str | None, str | None]], folder: Path | None, variables: Mapping[str, Any]
    ) -> str:
        """What makes two messages the same content: a hash of subjects, template sources and the run's variables."""


@dataclass(frozen=True, slots=True)
class Campaign:
    """One campaign, checked."""

    spec: Spec
    file: Path
    """The YAML file; templates and lists stand beside it."""
    written: str
    """The canonical content (JSON): what the store keeps."""
    hash: str
    """Of that."""
    content: str
    """What it says, for the rule repetition."""
    audience: Condition | None
    """None: everyone, or those in the audience's file."""
    still_if: Condition | None

    @property
    def name(self) -> str:
        """What it is called."""
        return self.spec.name

    @property
    def names(self) -> tuple[str, ...]:
        """That, and its old names."""
        return (self.spec.name, *self.spec.was)

    @property
    def category(self) -> str:
        """What its messages are to the contact."""
        return self.spec.category

    @property
    def template(self) -> Template:
        """What it says."""
        return self.spec.template

    @property
    def folder(self) -> Path:
        """Where its templates are."""
        return self.file.parent

    @property
    def variables(self) -> Mapping[str, Any]:
        """For the template, besides the contact's own."""
        return self.spec.variables

    @property
    def first_state(self) -> State:
        """The state that its file gives."""
        return self.spec.state

    @property
    def list_file(self) -> Path | None:
        """The CSV file that names its audience."""
        audience = self.spec.audience
        return self.folder / audience.file if audience is not None and audience.file is not None else None
