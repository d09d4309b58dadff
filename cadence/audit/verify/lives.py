"""Promise 2: nothing is lost, and no marketing is sent twice. Each message's state, outcome, touches and mails are held
against one another, and nothing welcome may have been left lying.

What lies in a maildir is looked at by file names alone: they are the messages' ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cadence.audit.verify.report import Breach, Report, shown
from cadence.audit.verify.rows import Circle, Message, Touch
from cadence.audit.verify.stops import HANDED_OVER
from cadence.audit.verify.terms import Terms
from cadence.audit.verify.welcome import Policies, judgeable, welcome_now
from cadence.facts import HOUR, MINUTE, NEVER, SECOND, Verdict
from cadence.store.tables import FINAL_STATES, LIVE_STATES

GRACE: int = 15 * MINUTE
"""So long may something be overdue in a run that goes on."""
WENT_ON: str = "messages that went on since then"
"""Why a message isn't judged as of an earlier instant."""
HAND_OVER_WITHIN: int = 5 * MINUTE


@dataclass
class Mails:
    """The mails in a maildir, by message; those met on the record are taken out."""

    found: Counter[int] = field(default_factory=Counter)
    put_at: dict[int, int] = field(default_factory=dict)
    """When each was put there, in microseconds: a mail's file has the time of its hand-over."""

    @classmethod
    def of(cls, folder: Path) -> Mails:
        """Those in `new` and `cur`. Raises FileNotFoundError where neither is there."""
        if not (folder / "new").is_dir() and not (folder / "cur").is_dir():
            raise FileNotFoundError(f"{folder} is no maildir: it has neither new nor cur")
        mails = cls()
        for file in (file for part in ("new", "cur") for file in (folder / part).glob("*.cadence*")):
            if (stem := file.name.partition(".")[0]).isdigit():
                mails.found[int(stem)] += 1
                mails.put_at[int(stem)] = file.stat().st_mtime_ns // 1_000
        return mails


@dataclass(frozen=True, slots=True)
class Run:
    """From where messages' lives are judged."""

    now: int
    drained: bool
    terms: Terms | None
    """The policy that is active."""
    spread: int
    """The widest that any version had."""
    campaigns: dict[str, str]
    mails: Mails | None
    kept_since: int
    """Older decisions and messages may have been removed."""
    at: int | None
    """The earlier instant that the record is judged as of; None: as it is."""

    @property
    def sees_until(self) -> int:
        """What has changed later isn't judged."""
        return NEVER if self.at is None else self.at

    @property
    def overdue_before(self) -> int:
        """What was due by then is overdue."""
        return self.now + 1 if self.drained else self.now - GRACE


def judge_lives(circle: Circle, run: Run, policies: Policies, report: Report) -> None:
    """Judge every message of a circle."""
    standing: dict[int, list[Touch]] = {}
    for touch in circle.touches:
        if touch.ours and touch.withdrawn_at is None and touch.message is not None:
            standing.setdefault(touch.message, []).append(touch)
    sends = {d.message for d in circle.decisions.values() if d.verdict == Verdict.SEND}
    went = [m for m in circle.messages.values() if m.state in HANDED_OVER and m.changed_at <= run.sees_until]
    revived = Counter(m.revives for m in went if m.revives)
    for message in circle.messages.values():
        mails = 0 if run.mails is None else run.mails.found.pop(message.id, 0)
        if message.changed_at > run.sees_until:
            report.unjudged[WENT_ON] += 1
            continue
        report.judged["messages"] += 1
        marketing = _marketing(circle, message, run, policies)
        decided = message.id in sends or (message.decided_at or run.now) < run.kept_since
        for rule, because in (
            *_ended(message),
            *_reached(message, standing.get(message.id, []), decided, marketing),
            *_twice(message, marketing, revived),
            *_left_lying(message, run),
            *(() if run.mails is None else _mailed(message, marketing, mails)),
        ):
            _found(report, message, rule, because)
    _held_back(circle, run, report)


def _found(report: Report, message: Message, rule: str, because: str) -> None:
    at = message.outcome_at or message.due_at or message.created_at
    report.found(Breach(2, rule, because, message.contact, message.id, message.touch, at, {"state": message.state}))


def _marketing(circle: Circle, message: Message, run: Run, policies: Policies) -> bool:
    """By the policy that it was decided by last, else the active one."""
    decision = circle.decisions.get(message.decision or 0)
    terms = (policies(decision.policy) if decision is not None else None) or run.terms
    return terms is None or not terms.transactional(message.category)


def _ended(message: Message) -> Iterator[tuple[str, str]]:
    """Exactly one state, and a final one with its instant and reason."""
    if message.state not in (*FINAL_STATES, *LIVE_STATES):
        yield "outcome", f"'{message.state}' is no state of a message"
    if message.state in FINAL_STATES and message.outcome_at is None:
        yield "outcome", f"it ended as {message.state}, and not when"
    if message.state in FINAL_STATES and message.state != "sent" and not message.because:
        yield "outcome", f"it ended as {message.state} without a reason"
    if message.state == "suppressed" and message.decision is None:
        yield "outcome", "it was suppressed without a decision"


def _reached(message: Message, touches: list[Touch], decided: bool, marketing: bool) -> Iterator[tuple[str, str]]:
    """What went out is a touch, once, and was decided; what didn't is none."""
    if len(touches) > 1:
        ids = ", ".join(str(t.id) for t in touches)
        yield "sent twice", f"{len(touches)} touches of it stand ({ids})"
    if message.state in (*HANDED_OVER, "decided"):
        if not decided:
            yield "no decision", f"it is {message.state}, and no decision to send it is on record"
        if not any(t.id == message.touch for t in touches):
            yield "no touch", f"it is {message.state}, and no touch of it stands: it doesn't count"
    elif touches and message.doubt_at is None:
        yield "outcome", f"it is {message.state}, and its touch {touches[0].id} still stands"
    if message.state in HANDED_OVER and message.hand_over_at is None:
        yield "outcome", f"it is {message.state}, and its hand-over isn't on record"
    late = (message.hand_over_at or 0) > (message.decided_at or 0) + HAND_OVER_WITHIN
    if message.state in HANDED_OVER and late and (marketing or message.doubt_at is None):
        yield "stale", "it was handed over more than five minutes after its decision"


def _twice(message: Message, marketing: bool, revived: Counter[int]) -> Iterator[tuple[str, str]]:
    """Marketing whose fate is unknown goes no more, and what was suppressed and released goes once. What became marketing
    while it waited is left in doubt right before the hand-over."""
    if marketing and message.doubt_at is not None and message.state == "sending":
        yield "sent twice", "an earlier hand-over is in doubt, and it is being handed over again"
    went = revived[message.revives or 0]
    if message.state in HANDED_OVER and went > 1:
        yield "sent twice", f"message {message.revives} was released, and {went} went in its place"


def _left_lying(message: Message, run: Run) -> Iterator[tuple[str, str]]:
    """What waits will be asked, and nothing that is due was forgotten."""
    limit = run.overdue_before
    if message.state == "waiting":
        if message.due_at is None and message.asked_at is None:
            yield "left lying", "it was never asked, and nothing will ask it"
        if message.due_at is None and message.until is not None:
            yield "left lying", "its welcome instant is known, and nothing will ask it then"
        if message.due_at is not None and message.due_at < limit:
            yield "left lying", "it was due to be asked, and wasn't"
        if message.until is not None and message.until + run.spread < limit:
            yield "left lying", "its welcome instant and the spread have passed"
        if (message.expires_at or NEVER) < limit:
            yield "left lying", "it has expired, and wasn't ended"
    in_time = message.hand_over_at or message.decided_at or 0
    if message.state == "decided" and (in_time < limit if run.drained else in_time + HAND_OVER_WITHIN < limit):
        yield "left lying", "it was decided to send, and it was neither handed over nor decided anew"
    if message.state == "sending" and (message.hand_over_at or 0) < limit:
        yield "left lying", "its hand-over began, and nobody has settled what became of it"


def _mailed(message: Message, marketing: bool, mails: int) -> Iterator[tuple[str, str]]:
    """What lies in the maildir is what the record says was sent. mails: how many of it lie there."""
    if mails > 1 and marketing:
        yield "sent twice", f"{mails} mails of it lie in the maildir"
    if mails and message.state not in HANDED_OVER and message.doubt_at is None:
        yield "outcome", f"a mail of it lies in the maildir, and the record says {message.state}"
    if not mails and message.state == "sent" and message.provider == "maildir":
        yield "lost", "it was sent, and no mail of it lies in the maildir"


def unknown_mails(run: Run) -> Iterator[tuple[int, int]]:
    """The mails of no message that was met on the record, with when they were put into the maildir."""
    if run.mails is None:
        return
    for message in run.mails.found:
        if (put_at := run.mails.put_at[message]) <= run.sees_until:
            yield message, put_at


def _held_back(circle: Circle, run: Run, report: Report) -> None:
    """Waiting messages that every rule accepts now: without this, holding everything would pass."""
    waiting = [m for m in circle.messages.values() if m.state == "waiting" and m.changed_at <= run.sees_until]
    if run.terms is None or not judgeable(run.terms):
        report.unjudged["waiting messages, by a policy that can't be judged"] += len(waiting)
        return
    for message in waiting:
        person = circle.people.get(message.contact)
        if (
            person is not None
            and _should_go(message, waiting, run)
            and welcome_now(circle, person, message, run.terms, run.now, report)
        ):
            until = f"until {shown(message.until)}" if message.until is not None else "nobody knows until when"
            _found(report, message, "held back", f"every rule accepts it now, and it waits ({until})")


def _should_go(message: Message, waiting: list[Message], run: Run) -> bool:
    """Whether nothing but rules could keep a waiting message from going: no spread, campaign, error, or more important
    one."""
    if message.rule == "error" or run.campaigns.get(message.campaign or "", "running") != "running":
        return False
    if message.until is not None and message.until - SECOND <= run.now <= message.until + run.spread:
        return False
    if message.rule in (None, "missing template") and message.due_at is not None and message.due_at > run.now:
        # Not asked yet, or sent back by the hand-over to be tried again soon.
        return message.asked_at is not None and message.due_at > run.now + HOUR
    overdue = message.due_at is not None and message.due_at <= run.now
    if overdue and not run.drained:
        return False
    if message.rule == "lookahead":
        return not any(other.contact == message.contact and other.id != message.id for other in waiting)
    return True
