"""A real decision told again as a policy test, with the people made anonymous.

Ids, addresses, households, threads and contents become `thread-1` and the like, alike where they were alike; of a
contact's attributes only those stay that the policy asks about. What is left are instants, places, and the policy's own
words. It reads what the decision saw; deciding it again is the runner's work.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from cadence.decide.needs import needs
from cadence.facts import EventKind, Verdict, instant
from cadence.policy.policy import Policy
from cadence.store.seen import Member, Row, Seen
from cadence.store.ways import in_turn

K = EventKind
NOT_KEPT = ("lookahead", "error")
"""Rules whose answer rests on what no case can tell: what waited beside the message, or what threw."""


class Unfit(ValueError):
    """This decision can't be told as a case; why, in a sentence."""


class Names:
    """Invented names for real ones: the same for the same, by what they are names of."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, str], str] = {}

    def of(self, what: str, real: object) -> str | None:
        """`thread-1` for a thread; None for nothing."""
        if real is None or real == "":
            return None
        n = sum(kind == what for kind, _ in self._made) + 1
        return self._made.setdefault((what, str(real)), f"{what}-{n}")

    def known(self, what: str, real: object) -> str | None:
        """The name that was invented for this before, if any."""
        return self._made.get((what, str(real)))

    def address(self, channel: str, mailbox: str) -> str:
        """An address nobody has; one mailbox is one address."""
        name = self.of(f"{channel} person", mailbox) or ""
        n = name.rpartition("-")[2]
        return f"person-{n}@example.com" if channel == "email" else f"+4670174{int(n):04d}"


def case_of(seen: Seen, policy: Policy, name: str) -> dict[str, Any]:
    """A case, as a mapping in the shape of a policy test. policy: the version that decided. Raises Unfit."""
    decision, message = seen.decision, seen.message
    if decision["rule"] in NOT_KEPT:
        raise Unfit(f"it was decided by {decision['rule']}, which rests on what isn't kept; choose another decision")
    if message["released_at"] is not None and message["released_at"] <= decision["at"]:
        raise Unfit("an admin had released the message, which no policy test can say; choose another decision")
    names, asked = Names(), needs(policy).attributes
    first, *others = seen.members
    shown = _Shown(names, decision["at"], asked, _zone(first, policy))
    case: dict[str, Any] = {"name": name, "contact": shown.contact(first)}
    if history := shown.history(first):
        case["history"] = history
    if circle := [m for other in others if (m := shown.member(other, first)) is not None]:
        case["circle"] = circle
    case["message"] = shown.message(message)
    case["now"] = shown.at(decision["at"])
    case["expect"] = {
        "verdict": Verdict(decision["verdict"]).word,
        "until": _until(shown, decision),
        "rule": decision["rule"],
    }
    return case


def _until(shown: _Shown, decision: Row) -> str | None:
    known = decision["verdict"] == Verdict.DEFER and not decision["held"] and decision["until"] is not None
    return shown.at(decision["until"]) if known else None


def _zone(member: Member, policy: Policy) -> ZoneInfo:
    zones = member.contact["zones"] or []
    return ZoneInfo(zones[0] if zones else policy.defaults.timezone)


class _Shown:
    """How rows are told: under invented names, in one zone."""

    def __init__(self, names: Names, now: int, attributes: frozenset[str], zone: ZoneInfo) -> None:
        self.names, self.now, self.attributes, self.zone = names, now, attributes, zone
        self.kinds_of_hold = set[str]()

    def at(self, at: int) -> str:
        """An instant in the contact's time, to the microsecond where it has any."""
        moment: datetime = instant(at).astimezone(self.zone)
        whole_minutes = moment.utcoffset() is not None and moment.utcoffset().seconds % 60 == 0  # type: ignore[union-attr]
        return (moment if whole_minutes else moment.astimezone(UTC)).isoformat()

    def contact(self, member: Member) -> dict[str, Any]:
        """Who it is, as far as rules may ask."""
        row = member.contact
        zones = row["zones"] or []
        told: dict[str, Any] = {"timezone": zones[0]} if len(zones) == 1 else {"timezones": zones} if zones else {}
        told |= {n: row[n] for n in ("country", "region", "locale") if row[n]}
        told |= {n: self.names.of(n, row[n]) for n in ("household", "account") if row[n]}
        addresses = {a["channel"]: self.names.address(a["channel"], a["mailbox"]) for a in _written_to(member)}
        told |= {"addresses": addresses} if addresses else {}
        given = {n: v for n, v in (row["attributes"] or {}).items() if n in self.attributes}
        told |= {"attributes": given} if given else {}
        undated = self._undated(member)
        told |= {"consents": undated} if undated else {}
        return told | {n: row[n] for n in ("hours", "days") if row[n]}

    def _undated(self, member: Member) -> dict[str, list[str]]:
        said: dict[str, list[str]] = {}
        for row in member.consents:
            if row["at"] is None:
                said.setdefault(row["channel"] or "all", []).append(row["category"] or "all")
        return said

    def member(self, other: Member, first: Member) -> dict[str, Any] | None:
        """Another of the circle; None for one who shares nothing and of whom nothing was known."""
        shares = [n for n in ("household", "account") if (v := first.contact[n]) and v == other.contact[n]]
        history = self.history(other)
        boxes = {a["mailbox"] for a in first.addresses}
        if not (shares or history or boxes & {a["mailbox"] for a in other.addresses}):
            return None
        told: dict[str, Any] = {"contact": self.contact(other)}
        return told | ({"shares": shares} if shares else {}) | ({"history": history} if history else {})

    def history(self, member: Member) -> list[dict[str, Any]]:
        """What had happened, in order of time."""
        told = [(t["at"], 0, t["number"], self._touch(t)) for t in member.touches]
        told += [
            (e["at"], 1, e["number"], fact)
            for e in member.events
            if e["at"] <= self.now
            for fact in self._event(e, member)
        ]
        told += [
            (c["at"], 2, c["number"], self._said(c))
            for c in member.consents
            if c["at"] is not None and c["at"] <= self.now
        ]
        told.sort(key=lambda one: one[:3])
        return [{"at": self.at(at), **_given(fact)} for at, _, _, fact in told]

    def _touch(self, row: Row) -> dict[str, Any]:
        return {
            "touch": row["category"],
            "channel": row["channel"],
            "campaign": row["campaign"],
            "content": self.names.of("content", row["content"]),
            "thread": self.names.of("thread", row["thread"]),
            "topic": row["topic"],
            "tags": row["tags"],
            "triggered": True if row["triggered"] else None,
            "outcome": None if row["outcome"] == "sent" else row["outcome"],
        }

    def _said(self, row: Row) -> dict[str, Any]:
        kind = EventKind(row["kind"])
        if kind not in (K.OPT_IN, K.OPT_OUT):
            return {kind.word: True}
        named = row["category"] or (row["channel"] if row["channel"] else "all")
        return {kind.word: named, "channel": row["channel"] if row["category"] else None}

    def _event(self, row: Row, member: Member) -> Iterator[dict[str, Any]]:
        """An event in the words of a history; one that no history holds is left out."""
        kind, subject, detail = EventKind(row["kind"]), row["subject"], row["detail"] or {}
        word = kind.word
        channel = {"channel": row["channel"]}
        until = None if row["until"] is None else self.at(row["until"])
        if kind in (K.REPLY, K.CLICK, K.VISIT, K.PURCHASE, K.CALL_ANSWERED):
            yield {"engagement": word, **channel, "amount": row["amount"] if kind is K.PURCHASE else None}
        elif kind in (K.OPEN, K.CONVERSATION, K.INQUIRY, K.REFUSAL):
            yield {word: True, **channel}
        elif kind in (K.BOUNCE_HARD, K.BOUNCE_SOFT):
            written_to = {a["address"] for a in _written_to(member)}
            if subject is None or subject in written_to:
                yield {"bounce": word.removeprefix("bounce_"), **channel}
        elif kind is K.HOLD:
            self.kinds_of_hold.add(subject or "manual")
            yield {"hold": subject or "manual", "until": until, "id": self.names.of("hold", detail.get("about"))}
        elif kind is K.RELEASE:
            yield {"release": subject or "manual", "id": self.names.of("hold", detail.get("about"))}
        elif kind in (K.INCIDENT, K.INCIDENT_RESOLVED):
            yield {word: self.names.of("incident", subject)}
        elif word.startswith(("ticket_", "promise_")):
            what, _, how = word.partition("_")
            due = until if kind is K.PROMISE_MADE else None
            yield {what: how, "id": self.names.of(what, subject), "due": due}
        elif kind is K.SNOOZE:
            yield {"snooze": until or self.at(row["at"])}
        elif kind is K.LESS_OFTEN:
            yield {"less_often": subject}
        elif kind is K.SCREENED:
            yield {"screened": {"register": subject, "listed": bool(detail.get("listed"))}}

    def message(self, row: Row) -> dict[str, Any]:
        """The message that was decided."""
        trigger = None
        if row["trigger_at"] is not None:
            trigger = {"kind": row["trigger_kind"] or "trigger", "at": self.at(row["trigger_at"])}
        return _given(
            {
                "category": row["category"],
                "channel": row["channel"],
                "campaign": row["campaign"],
                "content": self.names.of("content", row["content"]),
                "thread": self.names.of("thread", row["thread"]),
                "topic": row["topic"],
                "tags": row["tags"],
                "trigger": trigger,
                "priority": row["priority"],
                "value": row["value"],
                "about": self._about(row["about"]),
                "expires": None if row["expires_at"] is None else self.at(row["expires_at"]),
            }
        )

    def _about(self, about: str | None) -> str | None:
        """A hold's kind is a word of the company's and stays; an id gets the name that its hold has here."""
        if about is None or about in self.kinds_of_hold:
            return about
        found = (self.names.known(what, about) for what in ("ticket", "promise", "incident"))
        return next((name for name in found if name is not None), None) or self.names.of("hold", about)


def _written_to(member: Member) -> list[Row]:
    """Of each channel the address that is written to: one that hasn't bounced before one that has, then the latest."""
    best: dict[str, Row] = {}
    for row in sorted(member.addresses, key=lambda a: in_turn(a["bounced_at"], a["at"], a["address"])):
        best[row["channel"]] = row
    return list(best.values())


def _given(told: Mapping[str, Any]) -> dict[str, Any]:
    """Without what isn't there."""
    return {n: v for n, v in told.items() if v is not None and v != [] and v != ()}
