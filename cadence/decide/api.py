"""The policy for Python programs: load it, ask it, get decisions. What is asked and answered here is kept stable.

    policy = cadence.load_policy("config/policy.yaml")
    decision = policy.decide(contact={...}, history=[...], message={...}, now="2026-03-06T12:00+01:00")

It takes what a policy test takes (language.md section 8): mappings and texts as in YAML; datetimes too. No store is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from cadence.decide.decision import Decision, decision_of
from cadence.decide.round import Answers, decide, decide_columns
from cadence.decide.telling import Telling, tell
from cadence.decide.told import ToldContact, ToldEvent, ToldMember, ToldMessage
from cadence.facts import Candidates, History, key, micros
from cadence.policy.load import PolicyError, from_mapping, load
from cadence.policy.moments import Moment, moment_of
from cadence.policy.nodes import of_plain
from cadence.policy.places import validate
from cadence.policy.policy import Policy

M = TypeVar("M", bound=BaseModel)


class Misunderstood(ValueError):
    """What was given isn't what a policy test could hold: it names each key, what was found and what is allowed."""


@dataclass(frozen=True, slots=True)
class DecidingPolicy:
    """A policy that can be asked."""

    policy: Policy

    @property
    def hash(self) -> str:
        """The version: hex SHA-256 of the content."""
        return self.policy.hash

    def decide(
        self,
        *,
        contact: Mapping[str, Any],
        message: Mapping[str, Any],
        now: datetime | str,
        history: Sequence[Mapping[str, Any]] = (),
        circle: Sequence[Mapping[str, Any]] = (),
    ) -> Decision:
        """What becomes of one message to one contact at `now`. Raises Misunderstood for what can't be read."""
        (decision,) = self.decide_several(
            contact=contact, messages=[message], now=now, history=history, circle=circle
        ).values()
        return decision

    def decide_several(
        self,
        *,
        contact: Mapping[str, Any],
        messages: Sequence[Mapping[str, Any]],
        now: datetime | str,
        history: Sequence[Mapping[str, Any]] = (),
        circle: Sequence[Mapping[str, Any]] = (),
    ) -> dict[str, Decision]:
        """Several messages to one contact, all due at `now`, by their ids ("message 1"... without one)."""
        told = tell(
            self.policy,
            _read(ToldContact, contact, "contact"),
            [_read(ToldEvent, e, f"history[{i}]") for i, e in enumerate(history)],
            [self._message(m, i) for i, m in enumerate(messages)],
            _now(now),
            [_read(ToldMember, m, f"circle[{i}]") for i, m in enumerate(circle)],
        )
        return decisions(self.policy, told)

    def decide_batch(self, history: History, candidates: Candidates, now: datetime | int) -> Answers:
        """Many messages at once, as columns: `cadence.facts.History` and `cadence.facts.Candidates` in, verdicts, welcome
        instants and rules out, without evidence. now: a datetime, or microseconds since 1970 UTC."""
        at = micros(now) if isinstance(now, datetime) else now
        return decide_columns(self.policy, history, candidates, at)

    def _message(self, message: Mapping[str, Any], i: int) -> ToldMessage:
        told = _read(ToldMessage, message, f"message {i + 1}")
        if key(told.category) not in self.policy.by_key:
            allowed = ", ".join(sorted(self.policy.categories))
            raise Misunderstood(f"message {i + 1}: the policy has no category {told.category!r}; it has {allowed}")
        return told


def decisions(policy: Policy, told: Telling) -> dict[str, Decision]:
    """Decide what was told, and speak of it by the ids it was told with."""
    decided = decide(policy, told.history, told.candidates, told.now)
    segment = policy.segments[int(decided.segment[0])].name
    return {
        told.messages[o.message]: decision_of(
            o, policy=policy.hash, segment=segment, touches=told.touches, locale=told.locale, zone=told.zone
        )
        for o in sorted(decided.outcomes, key=lambda o: o.message)
    }


def load_policy(path: Path | str) -> DecidingPolicy:
    """The policy of a YAML file, or of a folder of them. Raises PolicyError, which lists every error with its place."""
    return DecidingPolicy(load(Path(path)).required())


def policy_of(content: Mapping[str, Any] | str, base: Path | None = None) -> DecidingPolicy:
    """A policy given as a mapping or as YAML text; `include:` is looked for under `base`. Raises PolicyError."""
    return DecidingPolicy(from_mapping(content, base or Path()).required())


def _read(model: type[M], given: Mapping[str, Any], name: str) -> M:
    plain = _plain(given, name)
    try:
        return model.model_validate(plain)
    except ValidationError as wrong:
        raise Misunderstood("; ".join(_wrongs(model, plain, name)) or str(wrong)) from None


def _wrongs(model: type[M], plain: Any, name: str) -> list[str]:
    """What is wrong in it, in the words in which a policy test would be told: what is allowed, and the nearest word."""
    try:
        node = of_plain(plain)
    except (TypeError, RecursionError) as odd:
        return [f"{name}: {odd}"]
    return [str(finding).removeprefix("error: ") for finding in validate(model, node, name=name, nulls=True)[1]]


def _plain(given: Any, name: str) -> Any:
    """Datetimes and dates as the texts a policy test would hold. Raises Misunderstood for a key that is no text."""
    if isinstance(given, datetime | date):
        return given.isoformat()
    if isinstance(given, Mapping):
        for odd in (k for k in given if not isinstance(k, str)):
            raise Misunderstood(f"{name}: found the key {odd!r}; a key is a text, for example {str(odd)!r}")
        return {k: _plain(v, f"{name}.{k}") for k, v in given.items()}
    if isinstance(given, list | tuple):
        return [_plain(v, f"{name}[{i}]") for i, v in enumerate(given)]
    return given


def _now(given: datetime | str) -> Moment:
    found = moment_of(given)
    if found is None:
        raise Misunderstood(f"now: found {given!r}; write an instant, for example 2026-03-06T12:00+01:00")
    return found


__all__ = ["Decision", "DecidingPolicy", "Misunderstood", "PolicyError", "load_policy", "policy_of"]
