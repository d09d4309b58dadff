"""Promise 1: no one is over-contacted. Each touch of ours is judged at its instant, by the policy of its decision and by
what the record held before it.

Its second half is promise 2's: whether something waits that was welcome long since."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace

from cadence.audit.verify.clauses import CLAUSES, Refused
from cadence.audit.verify.conditions import holds, segment_of
from cadence.audit.verify.report import Breach, Report
from cadence.audit.verify.rows import Circle, Decision, Message, Person, Touch
from cadence.audit.verify.sight import Known, Sight, meant, touched
from cadence.audit.verify.terms import Terms
from cadence.audit.verify.wishes import ALWAYS_ON
from cadence.facts import Verdict

Policies = Callable[[str], Terms | None]
"""The version of the policy with a hash; None for one that isn't on record."""


def judge_touches(circle: Circle, policies: Policies, report: Report, kept_since: int) -> None:
    """Judge every touch of ours in a circle. kept_since: older decisions may have been removed."""
    decided: dict[int, int] = {}
    for touch in circle.touches:
        if not touch.ours:
            continue
        report.judged["touches"] += 1
        decision = circle.decisions.get(int(touch.source_id)) if touch.source_id.isdigit() else None
        if decision is None and touch.at < kept_since:
            report.unjudged["touches older than decisions are kept"] += 1
            continue
        if decision is None:
            _found(report, touch, "no decision", "no decision to send it is on record")
            continue
        if decision.id in decided:
            _found(report, touch, "no decision", f"its decision already made touch {decided[decision.id]}")
        decided[decision.id] = touch.id
        for rule, because in _unlike(circle, touch, decision, kept_since):
            _found(report, touch, rule, because)
        _judge(circle, touch, decision, policies, report)
    _without_touch(circle, decided, report)


def _unlike(circle: Circle, touch: Touch, decision: Decision, kept_since: int) -> Iterator[tuple[str, str]]:
    """In what a touch differs from the decision and the message that made it."""
    if decision.verdict != Verdict.SEND:
        yield "no decision", f"its decision said {Verdict(decision.verdict).word}, not send"
    if decision.at != touch.at:
        yield "no decision", "it doesn't lie at the instant of its decision"
    if decision.message != touch.message or decision.contact != touch.contact:
        yield "no decision", "its decision is about another message"
    message = circle.messages.get(touch.message or 0)
    if message is None and touch.at >= kept_since:
        yield "record", "its message isn't on record"
    elif message is not None and (message.channel, message.category) != (touch.channel, touch.category):
        yield "record", "it is recorded in another channel or category than its message's"
    seen = decision.seen_number + circle.shifts.get(decision.circle, 0)
    if seen != touch.number - 1:
        because = f"the decision saw facts up to number {seen}, and the touch is number {touch.number}"
        yield "order", f"{because}: something was written in between, or the same slot was taken twice"


def _judge(circle: Circle, touch: Touch, decision: Decision, policies: Policies, report: Report) -> None:
    terms, person = policies(decision.policy), circle.people.get(touch.contact)
    if terms is None:
        _found(report, touch, "policy", f"version {decision.policy} of the policy isn't on record")
        return
    if person is None:
        report.unjudged["touches of contacts that are no longer there"] += 1
        return
    message = circle.messages.get(touch.message or 0)
    # Facts of another circle, which came by a merge since, are numbered from that circle's shift on.
    known = Known(circle.shifts.get(decision.circle, 0), touch.number)
    sight = Sight(circle, person, terms, touch.at, known, touched(touch, message))
    sight.segment = decision.segment
    released = message is not None and message.released_at is not None and message.released_at <= touch.at
    refused_by = list(refusals(sight, report, released=released))
    surely = (
        {rule for rule, _ in refusals(sight.surely(), Report(sight.now), released=released)} if refused_by else set()
    )
    for rule, refused in refused_by:
        evidence = {**refused.evidence, "decision": decision.id, "policy": decision.policy[:12]}
        breach = Breach(1, rule, refused.because, touch.contact, touch.message, touch.id, touch.at, evidence)
        report.found(breach, sure=refused.sure(sight) and rule in surely)


def refusals(sight: Sight, report: Report, *, released: bool) -> Iterator[tuple[str, Refused]]:
    """Every rule that says no to a message, by name, with why; its expiry says so too."""
    if (expires_at := sight.thing.expires_at) is not None and expires_at <= sight.now:
        yield "expires", Refused("it had expired", {"expires_at": expires_at})
    for name, always in ALWAYS_ON.items():
        if (refused := always(sight)) is not None:
            yield name, refused
    yield from written(sight, report, released=released)


def written(
    sight: Sight, report: Report, *, released: bool, kinds: Collection[str] | None = None
) -> Iterator[tuple[str, Refused]]:
    """Every rule that the policy writes, of all kinds or of these, that says no."""
    for rule in sight.terms.governing(sight.thing, sight.segment, sight.now, released=released):
        if kinds is not None and rule.kind not in kinds:
            continue
        clause, where = CLAUSES.get(rule.kind), rule.says.get("where")
        if clause is None:
            report.unjudged[f"there is no clause for rules of the kind {rule.kind}"] += 1
            continue
        apart = (clause(rule, one) for one in sight.apart(rule.says.get("each")))
        if (refused := next(filter(None, apart), None)) is not None and holds(where, sight):
            yield rule.name, replace(refused, by_row=refused.by_row or where is not None)


def _without_touch(circle: Circle, decided: dict[int, int], report: Report) -> None:
    """Decisions to send that made no touch, for messages that had none standing."""
    made = {t.message for t in circle.touches if t.ours}
    for decision in circle.decisions.values():
        report.judged["decisions"] += 1
        if decision.verdict == Verdict.SEND and decision.id not in decided and decision.message not in made:
            because = "it was decided to send, and no touch was written down"
            where = (decision.contact, decision.message, None, decision.at)
            report.found(Breach(1, "no touch", because, *where, {"decision": decision.id}))


def _found(report: Report, touch: Touch, rule: str, because: str) -> None:
    report.found(Breach(1, rule, because, touch.contact, touch.message, touch.id, touch.at))


def welcome_now(circle: Circle, person: Person, message: Message, terms: Terms, now: int, report: Report) -> bool:
    """Whether no rule says no to a waiting message now, by all that is on record."""
    sight = Sight(circle, person, terms, now, Known(), meant(message, _mailbox(circle, message)))
    sight.segment = segment_of(sight)
    return next(refusals(sight, report, released=message.released_at is not None), None) is None


def judgeable(terms: Terms) -> bool:
    """Whether there is a clause for all that a policy says."""
    rules = [*terms.rails, *(rule for rules in terms.of_segment.values() for rule in rules)]
    return not terms.trust and all(rule.kind in CLAUSES for rule in rules)


def _mailbox(circle: Circle, message: Message) -> str | None:
    """Where it would go: the latest address of its contact on its channel."""
    found = [a for a in circle.addresses if a.contact == message.contact and a.channel == message.channel]
    return max(found, key=lambda a: (a.at, a.address)).mailbox if found else None
