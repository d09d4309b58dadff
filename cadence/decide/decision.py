"""A decision as people and machines read it: verdict, until, rule, a plain sentence, the evidence, the policy's
version.

It is made from an `Outcome`; what it says in JSON is stable (design.md section 8). It decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cadence.calendar.shown import LAST_SHOWN, on_calendar
from cadence.facts import Outcome, Push, Verdict
from cadence.rules.sentence import ERROR, TOGETHER, sentence, too_late, unbound


@dataclass(frozen=True, slots=True)
class Evidence:
    """One rule's last answer on the way to the welcome instant."""

    rule: str
    kind: str
    welcome_at: datetime | None
    """None: not yet known, or never; `because` says which."""
    because: str
    touches: tuple[Mapping[str, Any], ...]
    """The touches that fill its window: id, at, category, channel."""

    def __getitem__(self, name: str) -> Any:
        """A field by its name, as it is read out of JSON."""
        if name not in self.__slots__:
            raise KeyError(name)
        return getattr(self, name)

    def to_json(self) -> dict[str, Any]:
        """As in `--json`. Ids are texts: as numbers they would be too large for many readers of JSON."""
        return {
            "rule": self.rule,
            "kind": self.kind,
            "welcome_at": text_of(self.welcome_at),
            "because": self.because,
            "touches": [{**t, "id": str(t["id"]), "at": text_of(t["at"])} for t in self.touches],
        }


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer for one message."""

    verdict: str
    """send, defer or suppress."""
    until: datetime | None
    """When a deferred message is welcome; None where that isn't known yet, and for the other verdicts."""
    rule: str | None
    """The binding rule; None for a message that nothing held."""
    reason: str
    """A plain sentence."""
    evidence: tuple[Evidence, ...]
    policy: str
    """The hash of the policy's content."""
    segment: str | None = None
    watched: tuple[Evidence, ...] = ()
    """What rules that only watch would have answered."""

    def to_json(self) -> dict[str, Any]:
        """As in `--json` (design.md section 8); instants are RFC 3339."""
        out: dict[str, Any] = {
            "verdict": self.verdict,
            "until": text_of(self.until),
            "rule": self.rule,
            "reason": self.reason,
            "evidence": [e.to_json() for e in self.evidence],
            "policy": self.policy,
        }
        if self.watched:
            out["watched"] = [e.to_json() for e in self.watched]
        return out


def text_of(at: datetime | None) -> str | None:
    """An instant as RFC 3339 in UTC, to the microsecond where it has any."""
    if at is None:
        return None
    return at.isoformat().replace("+00:00", "Z")


def decision_of(
    outcome: Outcome,
    *,
    policy: str,
    segment: str | None,
    touches: Mapping[int, Mapping[str, Any]],
    locale: str,
    zone: str,
) -> Decision:
    """An outcome as a decision. touches: what is to be shown of each touch, by the id that the evidence names."""
    evidence = tuple(_evidence(p, touches, locale, zone) for p in outcome.pushes)
    return Decision(
        verdict=outcome.verdict.word,
        until=on_calendar(outcome.welcome_at) if outcome.verdict is Verdict.DEFER else None,
        rule=outcome.rule,
        reason=_reason(outcome, locale, zone),
        evidence=evidence,
        policy=policy,
        segment=segment,
        watched=tuple(_evidence(p, touches, locale, zone) for p in outcome.watched),
    )


def _evidence(push: Push, touches: Mapping[int, Mapping[str, Any]], locale: str, zone: str) -> Evidence:
    return Evidence(
        rule=push.rule,
        kind=push.kind,
        welcome_at=on_calendar(push.welcome_at),
        because=sentence(push, push.kind, locale, zone),
        touches=tuple(touches[t] for t in push.touches),
    )


def _reason(outcome: Outcome, locale: str, zone: str) -> str:
    """The sentence of the rule that bound; one of its own where none did."""
    bound = bound_by(outcome.pushes, outcome.rule)
    if bound is None:
        return unbound(outcome.verdict, locale)
    said = sentence(bound, bound.kind, locale, zone)
    late = outcome.verdict is Verdict.SUPPRESS and outcome.welcome_at <= LAST_SHOWN
    return too_late(said, locale) if late else said


def bound_by(pushes: Sequence[Push], rule: str | None) -> Push | None:
    """The line of evidence of the rule that bound; None where none of these is its.

    Several rules may share a name, for unnamed ones are called by their kind or their figures: of these it is the one
    with the latest answer, the first of equal ones, but for the one that tells of several that leave no time together."""
    named = [p for p in pushes if (ERROR in p.detail if rule == ERROR else p.rule == rule)]
    return max(named, key=lambda p: (p.detail.get("why") == TOGETHER, p.welcome_at), default=None)
