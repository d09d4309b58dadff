"""Campaigns that an event triggers: a message to whom it happened, due when the wait is over.

It is queued as soon as the event is known, and known by campaign and event, so that an event looked at twice triggers
once. Events whose wait was over before the campaign ran, or so long ago that the message would have expired, trigger
nothing. Which events are new is told by when they were recorded, on the database's clock: their ids go by the clock of the
machine that they were imported on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
from sqlalchemy.engine import Connection

from cadence.calendar import add, local_day, subtract, zone_index
from cadence.doors.campaigns.audience import chosen, zone_of
from cadence.doors.campaigns.campaign import Campaign
from cadence.doors.campaigns.register import names_of
from cadence.doors.campaigns.wording import SOURCE, key_after, message_after
from cadence.facts import DAY, NEVER, EventKind
from cadence.policy.policy import Policy
from cadence.queue.accept import accept
from cadence.store import campaigns as stored
from cadence.store.audience import Happening, happened
from cadence.store.campaigns import Run
from cadence.store.engine import SEEN_WITHIN, Store
from cadence.store.fresh import AHEAD
from cadence.store.ids import id_at, instant_of
from cadence.store.known import look_up

SLOT = "trigger"
OPEN = "open"
"""The state of the one run that such a campaign has."""
AT_ONCE = 5_000
"""Events looked at in one transaction."""
MOST_PAGES = 50
"""Of so many events, in one call; the next goes on."""


@dataclass(frozen=True, slots=True)
class Place:
    """How far such a campaign has looked, and how many it queued on its latest day (for `at_most`)."""

    upto: int
    """All events recorded before this instant have been looked at."""
    day: int
    """Days since 1970, in the policy's zone."""
    queued: int

    @classmethod
    def of(cls, run: Run | None) -> Place:
        """Out of a run's cursor. The instant stands there as an id of then, for releases before 0006 go by ids."""
        upto, day, queued = (int(part) for part in run.cursor.split(":")) if run and run.cursor else (0, 0, 0)
        return cls(instant_of(upto), day, queued)

    def written(self) -> str:
        """As a run's cursor."""
        return f"{id_at(self.upto)}:{self.day}:{self.queued}"


def queue_triggered(store: Store, policy: Policy, campaign: Campaign, now: int) -> int:
    """Queues the messages for events recorded since the last call; returns how many."""
    kind = EventKind[str(campaign.spec.schedule.trigger).upper()]
    settled = now - SEEN_WITHIN
    with store.read() as conn:
        since = _since(conn, policy, campaign, now)
        place = Place.of(stored.run_at(conn, campaign.name, SLOT))
    # What happened since then was recorded since a day before. After `settled`, too, where the clock has been set back.
    begin = min(max(place.upto, since - AHEAD), settled)
    accepted, after = 0, (begin, -1)
    for page in count(1):
        with store.read() as conn:
            found = happened(conn, kind, since, after, AT_ONCE)
            new = _unknown(conn, campaign, found)
        more = len(found) == AT_ONCE
        after = (found[-1].recorded_at, found[-1].event) if found else after
        upto = min(after[0], settled) if more else settled
        if new or abs(upto - place.upto) >= SEEN_WITHIN:
            accepted += _write(store, policy, campaign, new, upto, now)
        if not more or (page >= MOST_PAGES and after[0] > begin):  # else the next call would begin with the same ones
            break
    return accepted


def _write(store: Store, policy: Policy, campaign: Campaign, found: Sequence[Happening], upto: int, now: int) -> int:
    """Queues what these events trigger, and writes down how far they have been looked at: in one transaction, going by the
    place as it is then, for another daemon may have queued some of it meanwhile. Returns how many were queued."""
    with store.write() as conn:
        stored.add_run(conn, campaign.name, (), now, SLOT, OPEN, now)  # the first time; later it is there
        run = stored.run_at(conn, campaign.name, SLOT, lock=True)
        assert run is not None
        place, today = Place.of(run), _today(policy, now)
        before = place.queued if place.day == today else 0
        new = _unknown(conn, campaign, found)
        accepted = _queue(conn, policy, campaign, run.id, new, before, now)
        written = Place(upto, today, before + accepted).written()
        stored.advance_run(conn, run.id, written, run.planned + accepted, run.skipped, None)
    return accepted


def _today(policy: Policy, now: int) -> int:
    return int(local_day(now, zone_index(policy.defaults.timezone)))


def _since(conn: Connection, policy: Policy, campaign: Campaign, now: int) -> int:
    """The earliest instant of an event whose message could still go: a day on the safe side, each is looked at by
    itself."""
    zone = zone_index(policy.defaults.timezone)
    lasting = campaign.spec.expires or policy.defaults.expires
    started = stored.campaigns_of(conn)[campaign.name].state_at
    earliest = max(int(subtract(now, lasting, zone)), started)
    wait = campaign.spec.schedule.wait
    return (earliest if wait is None else int(subtract(earliest, wait, zone))) - DAY


def _unknown(conn: Connection, campaign: Campaign, found: Sequence[Happening]) -> list[Happening]:
    """Those that haven't triggered a message yet, under whichever of the campaign's names."""
    keys = {f"{SOURCE}:{key_after(name, h)}": h.event for name in names_of(conn, campaign) for h in found}
    known = {keys[key] for key in look_up(conn, "caller_key", list(keys))}
    return [happening for happening in found if happening.event not in known]


def _queue(
    conn: Connection, policy: Policy, campaign: Campaign, run: int, found: Sequence[Happening], queued: int, now: int
) -> int:
    started = stored.campaigns_of(conn)[campaign.name].state_at
    room = campaign.spec.at_most.per_day
    members = list({h.member.id: h.member for h in found}.values())
    going = {m.id for m in chosen(conn, policy, campaign.audience, (), members, now)}
    messages = []
    for happening in found:
        due_at, expires_at = _times(policy, campaign, happening)
        if happening.member.id in going and due_at >= started and expires_at > now:
            messages.append(message_after(campaign, run, happening, due_at, expires_at))
    if room is not None:
        messages = messages[: max(0, room - queued)]
    done = accept(conn, policy, messages, now)
    return len(messages) - len(done.repeated) - len(done.errors)


def _times(policy: Policy, campaign: Campaign, happening: Happening) -> tuple[int, int]:
    """When the message for an event is due, and when it expires; by the calendar of the contact's zone."""
    zone = zone_index(zone_of(happening.member, policy.defaults))
    wait = campaign.spec.schedule.wait
    due_at = happening.at if wait is None else int(add(happening.at, wait, zone))
    lasting = campaign.spec.expires
    category = policy.categories.get(campaign.category)
    if lasting is None and category is not None and category.transactional:
        return due_at, NEVER
    return due_at, int(np.asarray(add(due_at, lasting or policy.defaults.expires, zone)))
