"""What a check has to say about a file: one error or warning with its place, in words for the person who will read it.

Nothing here reads files; `nodes` and `places` make findings of YAML, `load` of policies, others of campaigns and tests.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal

Level = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is written. Lines and columns begin at 1; line 0 is a content that has no places."""

    file: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Finding:
    """One error or warning. As text: `config/policy.yaml:12:5: error: ...`."""

    level: Level
    file: str
    line: int
    column: int
    message: str
    """What is wrong, with the thing it is wrong with, as one sentence without its full stop."""
    found: str | None = None
    """What was written there."""
    allowed: str | None = None
    """What may be written there."""
    suggestion: str | None = None
    """The nearest right word."""

    def __str__(self) -> str:
        place = str(Place(self.file, self.line, self.column))
        parts = [f"{place}: {self.level}: {self.message}" if place else f"{self.level}: {self.message}"]
        if self.found is not None:
            parts.append(f"found {self.found}")
        if self.allowed is not None:
            parts.append(f"allowed: {self.allowed}")
        text = "; ".join(parts)
        return f"{text}; did you mean {self.suggestion}?" if self.suggestion is not None else text

    def as_json(self) -> dict[str, str | int | None]:
        """The same as a mapping for JSON."""
        return asdict(self)


def error(
    place: Place, message: str, *, found: str | None = None, allowed: str | None = None, suggestion: str | None = None
) -> Finding:
    """A finding that keeps the content from being used."""
    return Finding("error", place.file, place.line, place.column, message, found, allowed, suggestion)


def warning(
    place: Place, message: str, *, found: str | None = None, allowed: str | None = None, suggestion: str | None = None
) -> Finding:
    """A finding that is worth a look; the content can be used."""
    return Finding("warning", place.file, place.line, place.column, message, found, allowed, suggestion)


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings by file and place, each once."""
    return tuple(sorted(dict.fromkeys(findings), key=lambda f: (f.file, f.line, f.column, f.level, f.message)))


def has_errors(findings: Iterable[Finding]) -> bool:
    """True where one of them is an error."""
    return any(f.level == "error" for f in findings)


def nearest(word: str, words: Iterable[str]) -> str | None:
    """The word most like this one, or None where none is like it."""
    by_lower = {w.lower(): w for w in words}
    close = difflib.get_close_matches(word.lower(), list(by_lower), n=1, cutoff=0.6)
    return by_lower[close[0]] if close else None


def listed(words: Iterable[str], most: int = 24) -> str:
    """Words as a sentence lists them, cut short where there are many."""
    all_of_them = list(words)
    shown = ", ".join(all_of_them[:most])
    return f"{shown} and {len(all_of_them) - most} more" if len(all_of_them) > most else shown
