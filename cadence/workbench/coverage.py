"""What policy tests try of a policy: which of its rules held a message in some case, and which segments somebody was in.

A rule that no case ever meets could be deleted or mistyped, and no test would say so. It counts; it judges nothing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from cadence.policy.policy import Policy
from cadence.workbench.runner import CaseResult, Report


@dataclass(frozen=True, slots=True)
class RuleTried:
    """A written rule, and in how many cases it moved a message's welcome instant, or would have if it didn't only
    watch."""

    name: str
    kind: str
    segment: str | None
    """None for a guard rail."""
    cases: int

    def __str__(self) -> str:
        return f"{self.kind} '{self.name}'" + (f" of segment '{self.segment}'" if self.segment else "")


@dataclass(frozen=True, slots=True)
class Coverage:
    """What all cases together try of one version of a policy."""

    policy: str
    """The hash of its content."""
    files: tuple[str, ...]
    """The files with cases for it."""
    rules: tuple[RuleTried, ...]
    """Guard rails, then each segment's, as written; what is always on without being written is not among them."""
    segments: tuple[tuple[str, int], ...]
    """Each segment, and in how many cases the contact was in it."""

    @property
    def untried(self) -> tuple[RuleTried, ...]:
        """The rules that no case meets."""
        return tuple(r for r in self.rules if not r.cases)

    @property
    def empty(self) -> tuple[str, ...]:
        """The segments that no case's contact is in."""
        return tuple(name for name, cases in self.segments if not cases)

    def to_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "policy": self.policy,
            "files": list(self.files),
            "rules": [{"name": r.name, "kind": r.kind, "segment": r.segment, "cases": r.cases} for r in self.rules],
            "segments": [{"name": name, "cases": cases} for name, cases in self.segments],
        }


@dataclass
class _Tried:
    """What has been met so far, of one version."""

    policy: Policy
    files: list[str] = field(default_factory=list)
    rules: Counter[tuple[str, str, str | None]] = field(default_factory=Counter)
    segments: Counter[str] = field(default_factory=Counter)


def coverage(report: Report) -> tuple[Coverage, ...]:
    """What a report's cases try, for each version of a policy among them. A case that can't be run tries nothing."""
    tried: dict[str, _Tried] = {}
    version: dict[str, str] = {}
    for file, policy in report.policies:
        version[file] = policy.hash
        tried.setdefault(policy.hash, _Tried(policy)).files.append(file)
    for result in report.results:
        if result.outcome != "broken" and result.file in version:
            _count(tried[version[result.file]], result)
    return tuple(_coverage(t) for t in tried.values())


def _count(tried: _Tried, result: CaseResult) -> None:
    met: set[tuple[str, str, str | None]] = set()
    for _, decision in result.decisions:
        for evidence in (*decision.evidence, *decision.watched):
            # Evidence names a rule by kind and name alone: a rail and the segment's rule of one name are both met.
            met |= {(evidence.kind, evidence.rule, segment) for segment in (None, decision.segment)}
    tried.rules.update(met)
    tried.segments.update({decision.segment for _, decision in result.decisions if decision.segment is not None})


def _coverage(tried: _Tried) -> Coverage:
    policy = tried.policy
    written = [r for r in policy.rules if not r.always_on]
    rules = tuple(RuleTried(r.name, r.kind, r.segment, tried.rules[r.kind, r.name, r.segment]) for r in written)
    segments = tuple((s.name, tried.segments[s.name]) for s in policy.segments)
    return Coverage(policy.hash, tuple(tried.files), rules, segments)
