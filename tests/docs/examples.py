"""What a page of the docs shows, as examples: fenced blocks with their language, title and place, found by sybil.

It says what a block is; whether it is true is tried in `test_docs`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from sybil import Document, Region, Sybil

PROJECT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", *sorted(str(p.relative_to(PROJECT)) for p in (PROJECT / "docs").rglob("*.md")))
_FENCE = re.compile(
    r'^```(?P<language>\w+)(?: title="(?P<title>[^"]+)")?\n(?P<text>.*?)^```$', re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Example:
    """One fenced block."""

    page: str
    line: int
    language: str
    title: str | None
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def content(self) -> Any:
        """A YAML block's content."""
        return YAML(typ="safe", pure=True).load(self.text)

    @property
    def is_wrong(self) -> bool:
        """Whether it shows what goes wrong; what a command says of it is tried."""
        return (self.title or "").startswith("wrong")

    @property
    def is_cases(self) -> bool:
        """Whether it is a policy test."""
        return self.language == "yaml" and not self.is_wrong and "cases" in self.content

    @property
    def is_campaign(self) -> bool:
        """Whether it is a campaign."""
        return self.language == "yaml" and "schedule" in self.content

    @property
    def is_policy(self) -> bool:
        """Whether it is a policy."""
        return self.language == "yaml" and not (self.is_wrong or self.is_cases or self.is_campaign)


def _blocks(document: Document) -> Iterator[Region]:
    for found in _FENCE.finditer(document.text):
        yield Region(found.start(), found.end(), found, lambda example: None)


@lru_cache
def examples() -> tuple[Example, ...]:
    """All fenced blocks of all pages, in their order."""
    sybil = Sybil(parsers=[_blocks])
    return tuple(
        Example(page, e.line, e.parsed["language"], e.parsed["title"], e.parsed["text"])
        for page in PAGES
        for e in sybil.parse(PROJECT / page).examples()
    )
