"""What campaigns ask about their templates before anything is sent: are they right, and what content are they?

Also says which variables a letter always has, so that checking and writing letters can't differ.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from cadence.send.render import TemplateRefused, load_template
from cadence.send.templates import Finding, check_template, content_of, content_of_template

VARIABLES: tuple[str, ...] = (
    "id",
    "email",
    "country",
    "region",
    "timezone",
    "locale",
    "household",
    "account",
    "orders",
    "spend",
    "first_purchase",
    "last_purchase",
    "campaign",
    "category",
    "unsubscribe",
)
"""Of the contact, the campaign and the message; besides, every attribute of the contact under its own name."""


NAMES: tuple[str, ...] = ("first_name", "last_name")
"""Attributes that imports have columns for: who asks whether one is there makes no slip, also while nobody has it."""


class TemplateDesk:
    """Answers for the templates that `send` renders."""

    variables: Collection[str] = VARIABLES

    def check(
        self, subject: str, html: str | None, text: str | None, folder: Path | None, *, known: Collection[str]
    ) -> Sequence[Finding]:
        """All that is wrong with a template; see `templates.check_template`."""
        return check_template(subject, html, text, folder, known=known, perhaps=NAMES)

    def content(
        self, words: Sequence[tuple[str, str | None, str | None]], folder: Path | None, variables: Mapping[str, Any]
    ) -> str:
        """One hash for all languages of a template with the run's variables. A template that can't be read has the hash
        of what is written in the campaign."""
        hashes = []
        for subject, html, text in words:
            try:
                hashes.append(content_of_template(load_template(subject, html, text, folder), variables))
            except TemplateRefused:
                hashes.append(content_of(subject, [html or "", text or ""], variables))
        return hashes[0] if len(hashes) == 1 else content_of(hashes[0], hashes[1:], {})
