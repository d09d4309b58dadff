"""The clauses: what each kind of rule demands of a touch, in the verifier's own plain words. One function per kind, and
the table of them.

A clause says why a touch at `sight.now` was not welcome, or None. It works nothing out ahead, knows no welcome instant,
and shares no code with the rules. The rules of stops and wishes stand in `wishes`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from math import exp, log
from typing import Any

from cadence.audit.verify.conditions import consents, value_of
from cadence.audit.verify.localtime import Quiet, exact, is_exact, later, leaves_window, quiet
from cadence.audit.verify.rows import Touch
from cadence.audit.verify.sight import Sight
from cadence.audit.verify.terms import Filtered, Rule
from cadence.facts import EventKind

TOLERANCE = 2e-9
"""A pressure this near to the limit is at it; the language allows 1e-9, and sums differ by how they are added up."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a touch was not welcome."""

    because: str
    evidence: Mapping[str, Any]
    by_row: bool = False
    """It leans on what the contact's row says (zone, household), which may have been otherwise then."""
    others: tuple[int, ...] = ()
    """Further contacts whose rows it leans on then."""

    def sure(self, sight: Sight) -> bool:
        """Whether no row that it leans on was written since."""
        return not (self.by_row and (sight.changed_since or any(map(sight.changed_of, self.others))))


def _touches(touches: list[Touch]) -> dict[str, Any]:
    return {"touches": [t.id for t in touches]}


def caps(rule: Rule, sight: Sight) -> Refused | None:
    """Fewer than `max` counted touches in the window; others' reserves kept free."""
    says, per = rule.says, str(rule.says["per"])
    inside = [t for t in sight.counted("caps", says) if leaves_window(t.at, per, sight.zone) > sight.now]
    mine = sight.terms.now_called(sight.thing.category)
    slots = sorted((says.get("reserve") or {}).items(), key=lambda given: given[1])
    reserve = {sight.terms.now_called(c): n for c, n in slots}  # of a category's old and new name the larger
    taken = 0
    for category in {sight.terms.now_called(t.category) for t in inside} | set(reserve):
        there = sum(sight.terms.now_called(t.category) == category for t in inside)
        taken += max(there, reserve.get(category, 0) if category != mine else 0)
    if taken < int(says["max"]):
        return None
    kept = f" (with what is kept free {taken})" if taken != len(inside) else ""
    because = f"{len(inside)} touches{kept} lay in {per}, and {says['max']} are allowed"
    return Refused(because, _touches(inside), not is_exact(per) or _wide(says), _others(says, inside))


def _wide(says: Mapping[str, Any]) -> bool:
    return says.get("across") in ("household", "account")


def _others(says: Mapping[str, Any], touches: list[Touch]) -> tuple[int, ...]:
    return tuple(sorted({t.contact for t in touches})) if _wide(says) else ()


def gap(rule: Rule, sight: Sight) -> Refused | None:
    """`wait` has passed since the latest counted touch."""
    wait = str(rule.says["wait"])
    last = sight.counted("gap", rule.says)[-1:]
    if not last or later(last[0].at, wait, sight.zone) <= sight.now:
        return None
    because = f"the touch before came less than {wait} ago"
    return Refused(because, _touches(last), not is_exact(wait) or _wide(rule.says), _others(rule.says, last))


def cool_down(rule: Rule, sight: Sight) -> Refused | None:
    """`wait` has passed since the latest event of `after`."""
    after, wait = rule.says["after"], str(rule.says["wait"])
    events = sight.answers(after)
    if not events:
        return None
    over = leaves_window if "local day" in wait else later
    if over(events[-1].at, wait, sight.zone) <= sight.now:
        return None
    kind = EventKind(events[-1].kind).word
    return Refused(f"{wait} had not passed since {kind}", {"event_at": events[-1].at}, by_row=not is_exact(wait))


def quiet_hours(rule: Rule, sight: Sight) -> Refused | None:
    """It is quiet in none of the contact's zones."""
    interval, country = Quiet.of(rule.says), value_of("country", sight)
    for zone in sight.zones:
        if quiet(interval, sight.now, zone, country):
            return Refused(f"it was quiet time in {zone}", {"zone": zone}, by_row=True)
    return None


def silence(rule: Rule, sight: Sight) -> Refused | None:
    """The wait grows with each touch since the latest answer, and at last nothing goes any more."""
    says = rule.says
    answers = sight.answers(says.get("answered_by"))
    since = [t for t in sight.counted("silence", says) if not answers or t.at > answers[-1].at]
    if not since:
        return None
    if says.get("stop_after") is not None and len(since) >= says["stop_after"]:
        return Refused(f"{len(since)} touches in a row had no answer", _touches(since))
    if says.get("base") is None or sight.now - since[-1].at >= _wait(says, len(since)):
        return None
    return Refused(f"after {len(since)} touches without an answer the wait is longer", _touches(since))


def _wait(says: Mapping[str, Any], unanswered: int) -> Fraction:
    longest = Fraction(exact(says["max"])) if says.get("max") else Fraction(10 * 366 * 86_400_000_000)
    wait, factor = Fraction(exact(says["base"])), Fraction(Decimal(str(says.get("factor", 1))))
    for _ in range(unanswered - 1):
        if wait >= longest or factor == 1:
            break
        wait *= factor
    return min(wait, longest)


def fatigue(rule: Rule, sight: Sight) -> Refused | None:
    """Pressure and the message's own weight stay within the limit."""
    says = rule.says
    counted = sight.counted("fatigue", says)
    relief = {EventKind[word.upper()]: float(off) for word, off in (says.get("relief") or {}).items()}
    steps = [(t.at, 0, _weight(says, sight, t)) for t in counted]
    steps += [(e.at, 1, -relief[EventKind(e.kind)]) for e in sight.events(*relief)]
    rate = log(2) / exact(says["half_life"])
    pressure, before = 0.0, sight.now
    for at, _, change in sorted(steps):
        pressure = max(0.0, pressure * exp(min(0.0, (before - at) * rate)) + change)
        before = at
    pressure *= exp(min(0.0, (before - sight.now) * rate))
    mine = _weight(says, sight, sight.thing)
    if pressure + mine <= float(says["limit"]) + TOLERANCE:
        return None
    because = f"a pressure of {pressure:.4f} and {mine:g} of its own are over the limit {says['limit']:g}"
    return Refused(because, _touches(counted))


def _weight(says: Mapping[str, Any], sight: Sight, thing: Filtered) -> float:
    """The larger of the category's and the channel's weight, else 1."""
    category = sight.terms.now_called(thing.category)
    given = [
        float(weight)
        for name, weight in (says.get("weights") or {}).items()
        if name == thing.channel or sight.terms.now_called(name) == category
    ]
    return max(given, default=1.0)


def follow_ups(rule: Rule, sight: Sight) -> Refused | None:
    """Fewer than `max` follow-ups in the thread since the latest answer."""
    says, thread = rule.says, sight.thing.thread
    if not thread:
        return None
    answers = sight.answers(says.get("answered_by"))
    in_thread = [t for t in sight.counted("follow_ups", says) if t.thread == thread]
    since = [t for t in in_thread if not answers or t.at > answers[-1].at]
    if len(since) < int(says["max"]):
        return None
    return Refused(f"{len(since)} follow-ups in the thread had no answer", _touches(since))


def channel_hop(rule: Rule, sight: Sight) -> Refused | None:
    """No jump to another channel after silence on the last, and not too many channels in a window."""
    says, channel = rule.says, sight.thing.channel
    counted = sight.counted("channel_hop", says)
    answers = sight.answers(says.get("answered_by"))
    latest = [t for t in counted if t.at == counted[-1].at]
    answered = answers and latest and answers[-1].at >= latest[0].at
    hopped = latest and not answered and channel not in {t.channel for t in latest}
    wait, per = says.get("wait"), says.get("per")
    if wait and hopped and later(latest[0].at, str(wait), sight.zone) > sight.now:
        because = f"the touch before, on {latest[-1].channel}, was not answered yet"
        return Refused(because, _touches(latest), by_row=not is_exact(str(wait)))
    if per:
        inside = [t for t in counted if leaves_window(t.at, str(per), sight.zone) > sight.now]
        used = {channel, *(t.channel for t in inside)}
        if len(used) > int(says["max_channels"]):
            because = f"it was the channel number {len(used)} in {per}, and {says['max_channels']} are allowed"
            return Refused(because, _touches(inside), by_row=not is_exact(str(per)))
    return None


def surveillance(rule: Rule, sight: Sight) -> Refused | None:
    """What was triggered waits, is capped, and keeps away from some topics."""
    says, trigger_at = rule.says, sight.thing.trigger_at
    if trigger_at is None:
        return None
    if sight.thing.topic in (says.get("never_topics") or ()):
        return Refused(f"the topic {sight.thing.topic} is never used", {})
    wanted = says.get("needs_consent", "profiling")
    if wanted != "none" and not consents(wanted, sight):
        return Refused(f"consent to {wanted} was not given on any channel", {})
    wait = str(says.get("wait"))
    if says.get("wait") and later(trigger_at, wait, sight.zone) > sight.now:
        because = f"{wait} had not passed since the trigger"
        return Refused(because, {"trigger_at": trigger_at}, by_row=not is_exact(wait))
    if says.get("max"):
        per = str(says["per"])
        inside = [
            t
            for t in sight.counted("surveillance", says)
            if t.triggered and leaves_window(t.at, per, sight.zone) > sight.now
        ]
        if len(inside) >= int(says["max"]):
            because = f"{len(inside)} triggered touches lay in {per}"
            return Refused(because, _touches(inside), by_row=not is_exact(per))
    return None


def escalation(rule: Rule, sight: Sight) -> Refused | None:
    """Not more contact than in the window before, unless they answer no less."""
    says, window = rule.says, exact(rule.says["window"])
    counted, answers, t = sight.counted("escalation", says), sight.answers(), sight.now
    near = [c for c in counted if c.at > t - window]
    far = [c for c in counted if t - 2 * window < c.at <= t - window]
    allowed = max(int(says.get("floor", 2)), len(far) + int(says.get("allow", 0)))
    engaged = sum(e.at > t - window for e in answers)
    before = sum(t - 2 * window < e.at <= t - window for e in answers)
    if len(near) + 1 <= allowed or (engaged and engaged >= before):
        return None
    return Refused(f"with it {len(near) + 1} touches in {says['window']}, and {allowed} are allowed", _touches(near))


def repetition(rule: Rule, sight: Sight) -> Refused | None:
    """The same content doesn't lie in the window."""
    says, content, window = rule.says, sight.thing.content, str(rule.says["window"])
    if not content:
        return None
    same = [
        t
        for t in sight.counted("repetition", says)
        if t.content == content and leaves_window(t.at, window, sight.zone) > sight.now
    ]
    if not same:
        return None
    return Refused(f"the same content went out within {window}", _touches(same), by_row=not is_exact(window))


def screened(rule: Rule, sight: Sight) -> Refused | None:
    """Looked up in the register lately, and not on it: of look-ups at one instant the one that found them decides."""
    says = rule.says
    looks = [
        e
        for e in sight.events(EventKind.SCREENED)
        if e.subject == says["register"] and later(e.at, str(says["within"]), sight.zone) > sight.now
    ]
    if not looks:
        return Refused(f"{says['register']} had not been looked up within {says['within']}", {})
    last = max(looks, key=lambda e: (e.at, bool(e.detail.get("listed"))))
    if last.detail.get("listed"):
        return Refused(f"the contact is on {says['register']}", {"looked_up_at": last.at})
    return None


def evasion(rule: Rule, sight: Sight) -> Refused | None:
    """No stop of another of the household or account reaches here; a segment may say for itself who shares an address."""
    shared_by = rule.says.get("shared_by")
    if shared_by and (refused := stop_of(sight, sight.sharing_an_address(int(shared_by)), "a mailbox")):
        return refused
    for scope in ("household", "account"):
        if scope in (rule.says.get("scope") or ()) and (
            refused := stop_of(sight, sight.belonging_together(scope), f"the {scope}")
        ):
            return replace(refused, by_row=True)
    return None


def stop_of(sight: Sight, others: Iterable[int], shared: str) -> Refused | None:
    """The stop of one of these contacts, as far as it names this message; shared: what they share."""
    for other in others:
        said = sight.decisive(other, sight.thing.category, sight.thing.channel)
        if said is not None and said.kind != EventKind.OPT_IN:
            because = f"contact {other}, who shares {shared}, had said stop"
            return Refused(because, {"said_at": said.at, "by": other}, others=(other,))
    return None


CLAUSES: Mapping[str, Callable[[Rule, Sight], Refused | None]] = {
    "caps": caps,
    "gap": gap,
    "cool_down": cool_down,
    "quiet_hours": quiet_hours,
    "silence": silence,
    "fatigue": fatigue,
    "follow_ups": follow_ups,
    "channel_hop": channel_hop,
    "surveillance": surveillance,
    "escalation": escalation,
    "repetition": repetition,
    "screened": screened,
    "evasion": evasion,
}
"""The clause of each kind of rule that a policy writes; those that are always on stand in `wishes.ALWAYS_ON`."""
