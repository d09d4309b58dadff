"""Promise 3: stop means stop. No marketing of ours reached somebody, through whatever address or channel, once a stop was
on record that reaches it; looked at where it was decided and once more where it was handed over.

Consent that was never given, or has lapsed, is promise 1's."""

from __future__ import annotations

from cadence.audit.verify.clauses import Refused
from cadence.audit.verify.report import Breach, Report
from cadence.audit.verify.rows import Circle, Message, Touch
from cadence.audit.verify.sight import Known, Sight, touched
from cadence.audit.verify.welcome import Policies, written
from cadence.audit.verify.wishes import evasion
from cadence.facts import EventKind

HANDED_OVER = frozenset({"sending", "in_doubt", "sent"})
"""States in which a message has, or may have, reached its contact."""


def judge_stops(circle: Circle, policies: Policies, report: Report) -> None:
    """Judge every touch of ours against the stops that were known."""
    if not any(s.kind != EventKind.OPT_IN for said in circle.said.values() for s in said) and not any(
        e.kind == EventKind.BOUNCE_HARD for events in circle.events.values() for e in events
    ):
        return
    for touch in circle.touches:
        decision = circle.decisions.get(int(touch.source_id)) if touch.ours and touch.source_id.isdigit() else None
        terms = None if decision is None else policies(decision.policy)
        if decision is None or terms is None or touch.contact not in circle.people:
            continue
        known = Known(circle.shifts.get(decision.circle, 0), touch.number)
        sight = Sight(circle, circle.people[touch.contact], terms, touch.at, known, touched(touch, None))
        sight.segment = decision.segment
        if _judge(sight, touch, "it was decided", report):
            continue
        message = circle.messages.get(touch.message or 0)
        if message is not None and (at := handed_over_at(message, touch)) is not None:
            later = Sight(circle, sight.person, terms, at, Known(recorded_before=at), sight.thing)
            later.segment = decision.segment
            _judge(later, touch, "it was handed over", report)


def handed_over_at(message: Message, touch: Touch) -> int | None:
    """When a message went out as this touch; None where it didn't."""
    if message.touch != touch.id or touch.withdrawn_at is not None or message.state not in HANDED_OVER:
        return None
    return message.hand_over_at


def _judge(sight: Sight, touch: Touch, when: str, report: Report) -> bool:
    """Whether a stop reached this touch at an instant; then it is reported."""
    refused = _stopped(sight, report)
    if refused is None:
        return False
    because, evidence = f"{refused.because} before {when}", {**refused.evidence, "looked_at": sight.now}
    breach = Breach(3, "stop", because, touch.contact, touch.message, touch.id, sight.now, evidence)
    report.found(breach, sure=refused.sure(sight) and _stopped(sight.surely(), Report(sight.now)) is not None)
    return True


def _stopped(sight: Sight, report: Report) -> Refused | None:
    if (bounced_at := sight.dead_address()) is not None:
        return Refused("the address had bounced hard", {"bounced_at": bounced_at})
    if sight.terms.transactional(sight.thing.category):
        return None
    said = sight.decisive(sight.person.id, sight.thing.category, sight.thing.channel)
    if said is not None and said.kind != EventKind.OPT_IN:
        word = EventKind(said.kind).word
        return Refused(f"the contact had said stop ({word})", {"said_at": said.at, "recorded_at": said.recorded_at})
    further = (refused for _, refused in written(sight, report, released=False, kinds=("evasion",)))
    return evasion(sight) or next(further, None)
