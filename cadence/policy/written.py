"""A policy as it is written, sorted by section but not yet understood: what `gather` hands to `build`.

Nodes with their places, and names; no meaning. A stored version is read back into the same shapes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cadence.policy.finding import Finding, Place, error
from cadence.policy.nodes import Entry, Node
from cadence.policy.places import validate
from cadence.policy.sections import Carried, CategorySection, SegmentSection
from cadence.rules.registry import RULES


@dataclass(frozen=True, slots=True)
class WrittenRule:
    """One rule as it is written: its kind, its keys, and what the place is called."""

    kind: str
    node: Node
    path: str

    @property
    def given_name(self) -> str | None:
        """The name written, where there is one."""
        name = self.node.get("name")
        return name.value if name and isinstance(name.value, str) else None

    def name(self) -> str | None:
        """What it is called in every answer, or None where its keys don't say (they are wrong)."""
        if self.given_name:
            return self.given_name
        module = RULES[self.kind]
        keys, _ = validate(module.Keys, own_keys(self.kind, self.node)) if module.Keys else (None, ())
        return keys.default_name() or self.kind if keys else None


@dataclass(frozen=True, slots=True)
class WrittenSegment:
    """One segment as it is written, its rules apart."""

    node: Node
    rules: tuple[WrittenRule, ...]
    keep_in_touch: Node | None
    path: str


@dataclass(frozen=True, slots=True)
class Replaced:
    """A category or rule of an included file, and what the including one puts in its place."""

    name: str
    old: Node | WrittenRule
    new: Node | WrittenRule


@dataclass
class Gathered:
    """A policy as it is written, after all includes."""

    place: Place = field(default_factory=Place)
    defaults: dict[str, Entry] = field(default_factory=dict)
    categories: dict[str, Entry] = field(default_factory=dict)
    rails: list[WrittenRule] = field(default_factory=list)
    segments: list[WrittenSegment] = field(default_factory=list)
    arbitration: dict[str, Entry] = field(default_factory=dict)
    replaced: list[Replaced] = field(default_factory=list)
    clashes: list[tuple[str, Entry, Entry]] = field(default_factory=list)
    """What two included files say differently: the section, and both."""
    places: dict[str, Place] = field(default_factory=dict)
    """Where the sections that are mappings begin, those of the file itself before those of its includes."""
    files: tuple[Path, ...] = ()
    """What was read, includes too; none for what is written inside of something else."""

    def mappings(self) -> Mapping[str, dict[str, Entry]]:
        """The sections that are mappings by name."""
        return {"defaults": self.defaults, "categories": self.categories, "arbitration": self.arbitration}


def written_keys(model: Any) -> list[str]:
    """The keys of a model as they are written in YAML."""
    return [f.alias or name for name, f in model.model_fields.items()]


def own_keys(kind: str, node: Node) -> Node:
    """A rule's node with nothing but the kind's own keys."""
    keys = written_keys(RULES[kind].Keys) if RULES[kind].Keys else []
    return node.with_entries({k: e for k, e in node.entries.items() if k in keys})


LOOSENING = {*written_keys(CategorySection), "categories", "guard_rails", "defaults", "multiply_by"} - {
    *written_keys(SegmentSection),
    *(set(written_keys(Carried)) - {"categories"}),
}
"""Keys by which somebody might hope to loosen the guard rails from within a segment."""


def loosening(entry: Entry, path: str) -> Finding:
    """The finding for a key by which a segment tries to loosen."""
    message = f"{path}: '{entry.key}' can't stand in a segment, which can only tighten"
    return error(
        entry.place, f"{message}: it exempts from nothing, un-counts nothing, scales nothing up", found=entry.key
    )
