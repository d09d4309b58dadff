"""How an installation stands: who is at work, what waits, and what needs somebody's attention, with what to do about it.

It only looks; how it is shown is the business of `status`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from cadence.cli.installation import Installation
from cadence.cli.screen import counted, lasting
from cadence.daemon import CAMPAIGNS, CAMPAIGNS_BROKEN, FAILING, POLICY_REFUSED, unsettled_jump
from cadence.facts import DAY, HOUR, MINUTE, SECOND
from cadence.queue.agreement import unsettled_gap
from cadence.queue.breaker import Breaker
from cadence.queue.endings import UNWRITTEN
from cadence.queue.leases import REMEMBERED, living, this_process
from cadence.queue.receipts import LONGEST_WAIT
from cadence.queue.states import State
from cadence.rules.sentence import ERROR
from cadence.store import leases, policies, status
from cadence.store.campaigns import next_of_running
from cadence.store.engine import now_of

PATIENCE: int = 5 * MINUTE
"""A message that should have been asked, or handed over, longer ago than this is a sign of trouble."""
MANY_TRIES: int = 6
"""So often a message is tried in about an hour."""


@dataclass(frozen=True, slots=True)
class Daemon:
    """One daemon. heard_at is by the real clock, clock_at by the one it decides by."""

    id: str
    alive: bool
    holds: tuple[int, ...]
    """The shards it holds."""
    shards: int
    """How many these are."""
    overdue: int
    """Waiting messages in them that should have been asked by now."""
    behind: int | None
    """Since when the longest of them should have been."""
    started_at: int
    heard_at: int
    clock_at: int
    policy: str
    last: Any
    release: str | None
    """None where it is of one that didn't write it down."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How an installation stands. Instants are microseconds since 1970 UTC, None where there is none."""

    now: int
    database: str
    version: str | None
    policy: str | None
    """The hash of the active one; None before the first."""
    policy_since: int | None
    daemons: tuple[Daemon, ...]
    messages: dict[str, int]
    """By state."""
    holding: dict[str, int]
    """Waiting messages by the rule that holds them."""
    overdue: int
    """Waiting messages that should have been asked by now."""
    behind: int | None
    """Since when the longest of them should have been."""
    next_due: int | None
    in_doubt: int
    in_doubt_since: int | None
    providers: tuple[dict[str, Any], ...]
    heard_now: int
    """The instant by the clock that signs of life go by."""
    latest_now: int | None
    """The latest instant that any daemon decided at; None where none ever ran."""
    next_campaign: int | None
    """When the first running campaign is due by its schedule."""
    being_taken_over: int
    """Shards that no daemon at work holds, and whose last lease ended a moment ago, or hasn't yet."""
    lingering: int
    """Messages that should have been handed over by now."""
    tried: int
    """Messages that were tried MANY_TRIES times or more, and nobody took."""
    tried_because: str | None
    """What was said of one of them."""
    unwritten_because: str | None
    """Why letters can't be written as their campaigns' files are, of one of them; None where all can."""
    held_by_nobody: int
    """Shards that no daemon at work has held for longer."""
    attention: tuple[str, ...]
    """What somebody should look at, in sentences; empty: all is well."""


def standing_of(installation: Installation) -> Standing:
    """How an installation stands now."""
    store, now = installation.store, installation.now()
    lease = int(installation.settings.lease_seconds * SECOND)
    doubts = (unsettled_jump(store), unsettled_gap(store))
    with store.read() as conn:
        heard_now = now_of(conn)
        alive = living(leases.signs(conn), this_process(), heard_now, lease)
        ends = [until for _, until in leases.unheld(conn, alive)]
        passing = sum(until is not None and until + lease > heard_now for until in ends)
        active = policies.latest(conn)
        counts = status.counts_by_state(conn)
        due = status.next_due(conn)
        late = status.overdue_by_holder(conn, now)
        handed_over_by = int(installation.settings.hand_over_within * SECOND) + PATIENCE
        tried, tried_because = status.tried_in_vain(conn, MANY_TRIES, now + LONGEST_WAIT)
        standing = Standing(
            now=now,
            database=store.dialect,
            version=store.version(),
            policy=None if active is None else active.hash,
            policy_since=None if active is None else active.at,
            daemons=tuple(_daemon(row, alive, late) for row in status.daemons(conn)),
            messages=counts,
            holding=status.counts_by_rule(conn, State.WAITING),
            overdue=sum(n for n, _ in late.values()),
            behind=due if due is not None and due <= now else None,
            next_due=due,
            in_doubt=counts.get(State.IN_DOUBT, 0),
            in_doubt_since=status.in_doubt_since(conn),
            providers=tuple(status.providers(conn)),
            heard_now=heard_now,
            latest_now=status.latest_now(conn),
            next_campaign=next_of_running(conn),
            being_taken_over=passing,
            lingering=status.lingering(conn, now - handed_over_by),
            tried=tried,
            tried_because=tried_because,
            unwritten_because=status.why_held(conn, UNWRITTEN),
            held_by_nobody=len(ends) - passing,
            attention=(*(doubt.sentence for doubt in doubts if doubt is not None), *store.cannot_write(conn)),
        )
    told = (*_attention(standing), *_gone(standing), *_apart(standing))
    return replace(standing, attention=(*standing.attention, *told))


def _daemon(row: dict[str, Any], alive: set[str], late: dict[str | None, tuple[int, int]]) -> Daemon:
    overdue, behind = late.get(row["id"], (0, None))
    return Daemon(
        row["id"],
        row["id"] in alive,
        tuple(row["holds"]),
        row["shards"],
        overdue,
        behind,
        row["started_at"],
        row["heartbeat_at"],
        row["clock_now"],
        row["policy"],
        row["last_tick"],
        row["release"],
    )


def _attention(standing: Standing) -> Iterator[str]:
    """What somebody should look at."""
    late = standing.behind is not None and standing.now - standing.behind > PATIENCE
    if standing.policy is None:
        yield "no policy was ever in use; `cadence run` starts the daemon with the one in the settings"
    elif not any(d.alive for d in standing.daemons):
        yield from _nobody(standing)
    elif late:
        yield f"{_of(standing.overdue)} overdue; is the daemon's log quiet, or its providers slow?"
    if standing.lingering and any(d.alive for d in standing.daemons):
        yield (
            f"{_of(standing.lingering)} decided and should have been handed over long ago; does a provider hang, or does the "
            "hand-over fail? The daemon's log tells"
        )
    if standing.tried:
        yield (
            f"{counted(standing.tried, 'message was', 'messages were')} tried {MANY_TRIES} times or more, and nobody took "
            f"{'it' if standing.tried == 1 else 'them'}: {standing.tried_because}"
        )
    if errors := standing.holding.get(ERROR):
        yield f"{_of(errors)} held because a rule threw; `cadence queue --rule error` tells which"
    if n := standing.holding.get(UNWRITTEN):
        yield (
            f"{counted(n, 'message waits for its', 'messages wait for their')} template: {standing.unwritten_because}; once "
            f"the files are there, or mended, {'it goes' if n == 1 else 'they go'} on"
        )
    for row in standing.providers:
        if row["breaker"] != Breaker.CLOSED:
            yield f"provider {row['name']} is left alone for now: {row['because'] or 'it failed repeatedly'}"


def _nobody(standing: Standing) -> Iterator[str]:
    """That no daemon is at work: always worth a word, but where none ever was and nothing waits for one, and where a run on a
    virtual clock, which left the record ahead of the real one, has done all it had to."""
    ran = standing.latest_now is not None or bool(standing.daemons)
    virtual = standing.latest_now is not None and standing.latest_now - standing.heard_now > DAY
    waits = _undone(standing)
    if not virtual:
        waits = waits or _to_come(standing)
    if not waits and (virtual or not ran):
        return
    last = max(standing.daemons, key=lambda d: d.heard_at, default=None)
    told = f", and {waits}" if waits else ""
    heard = f" ({last.id} died, last heard of {lasting(standing.heard_now - last.heard_at)} ago)" if last else ""
    yield (
        f"no daemon is at work{told}{heard}: without one no campaign is planned, nothing is decided or sent, and no "
        "mail of the way out is read; `cadence run` starts one"
    )


def _gone(standing: Standing) -> Iterator[str]:
    """Which daemons died, where others are at work, until their rows are removed."""
    if not any(d.alive for d in standing.daemons):
        return
    for d in standing.daemons:
        silent = standing.heard_now - d.heard_at
        if d.alive or silent < 0:
            continue
        share = (
            f"its {counted(d.shards, 'shard is', 'shards are')} being taken over" if d.shards else "others do its work"
        )
        yield (
            f"daemon {d.id} is gone, or asleep: it never ended in order, and has given no sign of life for {lasting(silent)}; "
            f"{share}. Its log, or its machine's, tells why; this is said for another {lasting(max(0, REMEMBERED - silent))}"
        )


def _apart(standing: Standing) -> list[str]:
    """Where daemons at work differ in what they should agree on."""
    alive, told = [d for d in standing.daemons if d.alive], []
    if len({d.policy for d in alive}) > 1:
        which = ", ".join(f"{d.id} by {d.policy[:12]}" for d in alive)
        told.append(f"daemons at work go by different policies ({which}); does each see the same files?")
    planned = {d.id: d.last[CAMPAIGNS] for d in alive if CAMPAIGNS in (d.last or {})}
    if len({*planned.values()}) > 1:
        which = ", ".join(f"{id_} by {its[:12]}" for id_, its in planned.items())
        told.append(
            f"daemons at work go by different campaigns ({which}); does each see the same files? Their logs name those that "
            "differ. Until they agree, a schedule that differs begins anew again and again, and may be missed"
        )
    ahead = {d.id: d.clock_at - d.heard_at for d in alive}
    if ahead and max(ahead.values()) - min(ahead.values()) > MINUTE:
        first = max(ahead, key=lambda id_: ahead[id_])
        told.append(
            f"daemons at work decide by clocks that differ by {(max(ahead.values()) - min(ahead.values())) / HOUR:.1f} h; the "
            f"one ahead is that of {first}. End the one whose clock is wrong"
        )
    for d in standing.daemons:
        if d.heard_at - standing.heard_now > MINUTE:
            told.append(
                f"the last sign of life of {d.id} lies {(d.heard_at - standing.heard_now) / HOUR:.1f} h ahead of now: its "
                "machine's clock, or this one's, is wrong, or was set back"
            )
    for d in alive:
        if refused := (d.last or {}).get(POLICY_REFUSED):
            told.append(f"{d.id} refused a changed policy, and goes on by the one before: {refused}; mend its file")
        if broken := (d.last or {}).get(CAMPAIGNS_BROKEN):
            told.append(
                f"{d.id} has broken campaigns, which go on as they were before, or not at all: {broken}; `cadence campaign "
                "list` tells of all"
            )
        told += [
            f"{d.id} fails at its job {job}, and tries again at each turn: {why}; its log tells more"
            for job, why in (d.last or {}).get(FAILING, {}).items()
        ]
    if alive and standing.held_by_nobody and not any(d.started_at + MINUTE > standing.heard_now for d in alive):
        told.append(
            f"{counted(standing.held_by_nobody, 'shard is', 'shards are')} held by no daemon that is at work; are they all of "
            "one release?"
        )
    return told


def _of(n: int) -> str:
    return counted(n, "message is", "messages are")


def _undone(standing: Standing) -> str:
    """What waits for a daemon, in words; empty where nothing does."""
    decided, sending = (standing.messages.get(state, 0) for state in (State.DECIDED, State.SENDING))
    told = [
        f"{_of(standing.overdue)} due to be asked" if standing.overdue else "",
        f"{_of(decided)} decided and not handed over" if decided else "",
        f"{counted(sending, 'message was', 'messages were')} being handed over when it ended" if sending else "",
    ]
    return ", ".join(t for t in told if t)


def _to_come(standing: Standing) -> str:
    """What will wait for a daemon, in words; empty where nothing will."""
    waiting = standing.messages.get(State.WAITING, 0)
    told = [
        counted(waiting, "message waits", "messages wait") if waiting else "",
        "a campaign comes due" if standing.next_campaign is not None else "",
    ]
    return ", ".join(t for t in told if t)
