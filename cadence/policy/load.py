"""Reading a policy: from a file, a folder, a mapping or a stored version to a `Policy`, or to findings saying why not.

This is the way in; the steps stand in `gather` (files and includes), `build` (sections and rules) and `checks` (what
shows only side by side). All errors are told at once, each with its place.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cadence.policy.build import build
from cadence.policy.checks import check
from cadence.policy.finding import Finding, Place, error, has_errors, in_order
from cadence.policy.gather import gather_node, gather_path
from cadence.policy.nodes import Entry, Node, of_plain, read_text
from cadence.policy.policy import Policy
from cadence.policy.ready import Reading
from cadence.policy.written import Gathered, WrittenRule, WrittenSegment


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of reading a policy: the policy, if nothing is wrong with it, and all that was found."""

    policy: Policy | None
    findings: tuple[Finding, ...]
    files: tuple[Path, ...] = ()
    """What was read for it, includes too."""

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings for which there is no policy."""
        return tuple(f for f in self.findings if f.level == "error")

    def required(self) -> Policy:
        """The policy; raises PolicyError with all errors where there is none."""
        if self.policy is None:
            raise PolicyError(self.findings)
        return self.policy


class PolicyError(ValueError):
    """A policy can't be used; the message lists every error with its place."""

    def __init__(self, findings: Collection[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(str(f) for f in self.findings if f.level == "error"))


def load(path: Path, *, campaigns: Collection[str] | None = None) -> Loaded:
    """The policy in a file, or in the `.yaml` files of a folder. Never raises for what is written there.

    campaigns: names (old ones too) of the campaigns there are, if they are known: filters naming others are errors."""
    findings: list[Finding] = []
    return _finished(gather_path(path, findings), findings, campaigns)


def load_policy(path: Path | str) -> Policy:
    """The policy in a file or folder. Raises PolicyError, whose message lists every error with its place."""
    return load(Path(path)).required()


def from_mapping(
    content: Mapping[str, Any] | Node | str,
    base_dir: Path | None = None,
    *,
    file: str = "policy",
    campaigns: Collection[str] | None = None,
) -> Loaded:
    """A policy that is written inside of something else: a mapping, a node with its places, or YAML text.

    Its includes are looked for in `base_dir`; `file` names texts and mappings in findings."""
    findings: list[Finding] = []
    node = _as_node(content, file, findings)
    if node is None:
        return Loaded(None, in_order(findings))
    return _finished(gather_node(node, base_dir, findings), findings, campaigns)


def from_content(content: str) -> Policy:
    """A stored version (`Policy.content`) as a policy again. Raises PolicyError where it can't be read any more."""
    try:
        stored = json.loads(content)
        written = _restored(of_plain(stored, "stored policy"))
    except (ValueError, TypeError, AttributeError, KeyError, IndexError) as broken:
        message = f"this is no stored content of a policy: {broken}"
        raise PolicyError([error(Place("stored policy"), message)]) from broken
    return _finished(written, [], None).required()


def _as_node(content: Mapping[str, Any] | Node | str, file: str, findings: list[Finding]) -> Node | None:
    if isinstance(content, Node):
        return content
    if isinstance(content, str):
        node, found = read_text(content, file)
        findings.extend(found)
        return node
    try:
        return of_plain(content, file)
    except (TypeError, RecursionError) as broken:
        findings.append(error(Place(file), str(broken)))
        return None


def _finished(written: Gathered, findings: list[Finding], campaigns: Collection[str] | None) -> Loaded:
    """What is written, built and checked."""
    unreadable = has_errors(findings) and not (written.categories or written.rails or written.segments)
    if unreadable:
        return Loaded(None, in_order(_one_per_gap(findings)), written.files)
    reading = Reading(written, campaigns, findings)
    policy = build(reading)
    check(reading)
    return Loaded(None if has_errors(findings) else policy, in_order(_one_per_gap(findings)), written.files)


def _one_per_gap(findings: list[Finding]) -> list[Finding]:
    """Findings without those that only follow from an empty value at the same place."""
    empty = {(f.file, f.line, f.column): f for f in findings if f.line and " is empty; write a value" in f.message}
    return [f for f in findings if empty.get((f.file, f.line, f.column), f) is f]


def _restored(node: Node) -> Gathered:
    """What `build.canonical` wrote, as it was before."""
    out = Gathered(node.place)
    for section, into in out.mappings().items():
        into.update(node.entries[section].node.entries)
    out.rails.extend(_rules_of(node.entries["guard_rails"].node, "guard_rails"))
    for i, segment in enumerate(node.entries["segments"].node.items):
        entries: dict[str, Entry] = dict(segment.entries)
        rules = _rules_of(entries.pop("cadence").node, f"segments[{i}].cadence")
        keep = entries.pop("keep_in_touch", None)
        own = segment.with_entries(entries)
        out.segments.append(WrittenSegment(own, tuple(rules), keep.node if keep else None, f"segments[{i}]"))
    return out


def _rules_of(node: Node, path: str) -> list[WrittenRule]:
    return [WrittenRule(str(pair.items[0].value), pair.items[1], f"{path}[{i}]") for i, pair in enumerate(node.items)]
