"""What the verifier found, for people and for machines: breaches of the promises, each with its evidence.

Nothing is judged here, and no address or name of a person is ever in it: contacts are told by their ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST_KEPT: int = 1_000
"""So many breaches are kept with all they tell; the others are counted."""
MOST_SHOWN: int = 20
"""So many are shown to people, who look at the first few; machines get all that are kept."""
PROMISES: Mapping[int, str] = {
    1: "No one is over-contacted",
    2: "Nothing is lost, and no marketing is sent twice",
    3: "Stop means stop",
}


@dataclass(frozen=True, slots=True)
class Breach:
    """One promise not kept, once. at: microseconds since 1970 UTC; contact, message and touch are ids, None where there
    is none."""

    promise: int
    rule: str
    """The rule's name as the policy has it, or what else was broken: `order`, `outcome`, `left lying`..."""
    because: str
    """A plain sentence."""
    contact: int | None = None
    message: int | None = None
    touch: int | None = None
    at: int | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    """What it was judged by: ids, instants and texts."""

    def sentence(self) -> str:
        """One line for people."""
        where = [
            f"{name} {value}"
            for name, value in (("contact", self.contact), ("message", self.message), ("touch", self.touch))
            if value is not None
        ]
        when = "" if self.at is None else f" at {shown(self.at)}"
        return f"promise {self.promise}, {self.rule}: {', '.join(where) or 'the record'}{when}: {self.because}"


@dataclass
class Report:
    """All that one run of the verifier found. ok: no promise was broken."""

    now: int
    judged: Counter[str] = field(default_factory=Counter)
    """How many of what were judged: circles, contacts, touches, messages, decisions."""
    breaches: list[Breach] = field(default_factory=list)
    unsure: list[Breach] = field(default_factory=list)
    """What would be a breach by what the contact's row says today, but that row has changed since the decision, and
    nothing tells what it said then."""
    total: Counter[int] = field(default_factory=Counter)
    """Breaches by promise, those that aren't kept in the list too."""
    unjudged: Counter[str] = field(default_factory=Counter)
    """What could not be judged, by reason."""
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether every promise was kept, as far as could be judged."""
        return not self.total

    def found(self, breach: Breach, *, sure: bool = True) -> None:
        """Takes one in."""
        if not sure:
            if len(self.unsure) < MOST_KEPT:
                self.unsure.append(breach)
            self.judged["unsure"] += 1
            return
        self.total[breach.promise] += 1
        if len(self.breaches) < MOST_KEPT:
            self.breaches.append(breach)

    def text(self, most: int = MOST_SHOWN) -> str:
        """The report for people: what was judged, each promise, and of breaches and of what isn't sure at most so many, with
        their evidence."""
        counts = ", ".join(f"{n:,} {what}" for what, n in self.judged.items()) or "nothing"
        lines = [f"Judged {counts} in {self.seconds:.1f} s, as of {shown(self.now)}."]
        for promise, words in PROMISES.items():
            broken = self.total[promise]
            lines.append(f"{promise}. {words}: " + (f"BROKEN {_times(broken)}" if broken else "kept"))
        for breach in self.breaches[:most]:
            lines.append(f"  {breach.sentence()}")
            lines += [f"      {name}: {_told(name, value)}" for name, value in breach.evidence.items()]
        lines += _and_more(self.total.total() - min(most, len(self.breaches)))
        if self.unsure:
            lines.append(
                "Not sure, because the contact's own data has changed since and what it was then isn't kept, or was being "
                "written just then:"
            )
            lines += [f"  {breach.sentence()}" for breach in self.unsure[:most]]
            lines += _and_more(self.judged["unsure"] - min(most, len(self.unsure)))
        lines += [f"Not judged: {_times(n)}, {why}" for why, n in self.unjudged.items()]
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """The same for machines: plain values, instants as RFC 3339."""
        return {
            "ok": self.ok,
            "now": shown(self.now),
            "seconds": round(self.seconds, 3),
            "judged": dict(self.judged),
            "promises": {str(p): {"words": PROMISES[p], "breaches": self.total[p]} for p in PROMISES},
            "breaches": [_plain(b) for b in self.breaches],
            "unsure": [_plain(b) for b in self.unsure],
            "unjudged": dict(self.unjudged),
        }


def _and_more(n: int) -> list[str]:
    return [f"  ... and {n:,} more; --json lists them (at most {MOST_KEPT:,})"] if n > 0 else []


def shown(at: int) -> str:
    """An instant as RFC 3339 in UTC; one that no calendar has, as its number."""
    try:
        return (_EPOCH + timedelta(microseconds=at)).isoformat().replace("+00:00", "Z")
    except OverflowError:
        return str(at)


def _times(n: int) -> str:
    return "once" if n == 1 else f"{n:,} times"


def _plain(breach: Breach) -> dict[str, Any]:
    told = asdict(breach)
    evidence = {name: _instant(name, value) for name, value in breach.evidence.items()}
    return {**told, "at": None if breach.at is None else shown(breach.at), "evidence": evidence}


def _instant(name: str, value: Any) -> Any:
    """Values that are instants, by their names, as RFC 3339."""
    return shown(value) if isinstance(value, int) and name.endswith(("_at", "since", "until")) else value


def _told(name: str, value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(_instant(name, value))
