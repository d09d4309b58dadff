"""The policy as the engine uses it: made ready from YAML once, never changed, known by the hash of its content.

It holds meanings (keys, microseconds, parsed conditions), not YAML. How it is read from files stands in `load.py`; how
conditions are answered stands in `conditions.py`; who is governed by which rule stands in `governed.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from cadence.calendar import Duration
from cadence.rules.rule import Across, Category, Rule


@dataclass(frozen=True, slots=True)
class Defaults:
    """What goes for contacts and messages that don't say it themselves."""

    timezone: str = "UTC"
    country: str | None = None
    locale: str = "en"
    expires: Duration = field(default_factory=lambda: Duration.parse("14d"))
    spread: int = 0
    """Microseconds."""
    unknown_zone: Literal["default", "strict"] = "default"
    """`strict`: a contact without a zone has all zones of its country."""


@dataclass(frozen=True, slots=True)
class KeepInTouch:
    """How long silence may last in a segment."""

    at_least_every: Duration
    campaign: str | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """A group of contacts, by a condition; its rules stand among the policy's, under its name."""

    name: str
    where: Any
    """A `conditions.Condition`; None for the last, which everyone is in."""
    keep_in_touch: KeepInTouch | None = None


ArbitrationKey = Literal["priority", "value", "expiry", "age"]


@dataclass(frozen=True, slots=True)
class Arbitration:
    """In which order several messages for one person go."""

    order: tuple[ArbitrationKey, ...] = ("priority", "value", "expiry", "age")
    lookahead: int = 0
    """Microseconds; 0: none."""


@dataclass(frozen=True, slots=True)
class Policy:
    """All of it. `rules` are in the order in which equal answers bind: consent, own_wishes, holds, evasion, guard rails as
    written (one of evasion for its further scopes), then each segment's as written."""

    hash: str
    """Hex SHA-256 of the canonical content: not of comments and layout."""
    content: str
    """The canonical content itself (JSON), which `load.from_content` reads back: what the store keeps per version."""
    defaults: Defaults
    categories: Mapping[str, Category]
    rules: tuple[Rule, ...]
    segments: tuple[Segment, ...]
    arbitration: Arbitration
    renamed: Mapping[int, int]
    """Keys of old category names to keys of new ones."""

    @property
    def by_key(self) -> Mapping[int, Category]:
        """Categories by the key of their name and of their old names."""
        return {k: c for c in self.categories.values() for k in c.keys}

    @property
    def over_accounts(self) -> bool:
        """Whether a rule looks at all contacts of an account: then who shares one is in one circle."""
        return any(r.across is Across.ACCOUNT or (r.keys is not None and r.keys.over_accounts) for r in self.rules)
