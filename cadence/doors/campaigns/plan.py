"""Planning: when campaigns are due, and their messages into the queue. It decides nothing about any contact.

A run is one occurrence of a campaign: all zones in which it comes at one instant by the same wall clock. It reads its
audience page by page; each page's messages and the place it came to are written in one transaction, and each message is
known by campaign, occurrence and contact, so that a crash, or a second daemon, goes on where it was and adds nothing
twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from itertools import islice

from sqlalchemy.engine import Connection

from cadence.calendar import add, day_start, local_day, zone_index, zones_of_country
from cadence.doors.campaigns.audience import chosen
from cadence.doors.campaigns.campaign import Campaign
from cadence.doors.campaigns.cron import Occurrence, at_local, next_occurrence, occurrences
from cadence.doors.campaigns.load import read_list
from cadence.doors.campaigns.register import names_of, register
from cadence.doors.campaigns.spec import CONTACT_ZONE
from cadence.doors.campaigns.trigger import queue_triggered
from cadence.doors.campaigns.wording import SOURCE, key_for, message_for
from cadence.facts import HOUR, NEVER
from cadence.log import logger
from cadence.policy.policy import Policy
from cadence.queue.accept import accept
from cadence.store import audience as people
from cadence.store import campaigns as stored
from cadence.store.audience import Member
from cadence.store.campaigns import Run
from cadence.store.circles import grown_since
from cadence.store.engine import SEEN_WITHIN, Store, lock_identity
from cadence.store.errors import StoreError, in_words
from cadence.store.ids import SHARDS
from cadence.store.known import look_up

_log = logger("campaigns")

PAGE = 1_000
"""Circles (or lines of a list) whose contacts are read at a time."""
AT_ONCE = 5_000
"""Contacts asked about and queued at a time, where a page has more."""
MOST_PAGES = 50
"""In one call of `plan`; the next goes on."""
MOST_LATE = 1_000
"""Missed occurrences of one zone that are looked at; of more, the oldest aren't recorded one by one."""
ZONES_AFTER = HOUR
"""How often the zones in which contacts live are looked up anew."""
GROWN = "2:0:-1"
"""Where a run is when all but the circles that grew meanwhile have been read."""
ZONES = ""
"""In place of a zone: when its zones are looked up next."""


@dataclass(frozen=True, slots=True)
class Planned:
    """What one call of `plan` did."""

    runs: int = 0
    """Occurrences that began."""
    missed: int = 0
    """Occurrences that were skipped: newer ones were due too, or what they would say had expired."""
    accepted: int = 0
    """Messages put into the queue."""
    next_due: int | None = None
    """When there is something to plan next: now where an audience isn't read to its end, None where nothing is
    known."""


def plan(store: Store, policy: Policy, campaigns: Sequence[Campaign], now: int) -> Planned:
    """Takes campaigns into the store, begins what is due at `now`, and queues its messages. Called again and again.

    What was due while nothing ran is caught up once (the newest occurrence), unless its messages would have expired;
    the others are recorded as skipped."""
    began, missed, due = begin_all(store, policy, campaigns, now)
    running = running_of(store, campaigns)
    by_name = {name: campaign for campaign in running for name in campaign.names}
    accepted, rest = read_audiences(store, policy, by_name, now)
    accepted += queue_all_triggered(store, policy, running, now)
    return Planned(began, missed, accepted, now if rest else min(due, default=None))


def begin_all(store: Store, policy: Policy, campaigns: Sequence[Campaign], now: int) -> tuple[int, int, list[int]]:
    """Takes campaigns into the store and begins what is due, each in a transaction of its own; where nothing is to be done
    about any, nothing is written. Returns how many runs began, how many were missed, and when campaigns are due next."""
    with store.read() as conn:
        known, zones = stored.campaigns_of(conn), stored.all_next_due(conn)
    began, missed, due = 0, 0, list[int]()

    @cache
    def present() -> list[str]:
        """It reads all contacts, so once for all campaigns."""
        with store.read() as conn:
            return zones_present(conn, policy)

    for campaign in campaigns:
        found = awaited(campaign, known.get(campaign.name), zones.get(campaign.name, {}), now)
        if found is None:
            with _on_its_own(campaign), store.write() as conn:
                runs, skipped, found = begin(conn, policy, campaign, now, present)
                began, missed = began + runs, missed + skipped
        due += found or []
    return began, missed, due


def awaited(
    campaign: Campaign, known: stored.Stored | None, zones: Mapping[str, int | None], now: int
) -> list[int] | None:
    """When a campaign is due next in its zones, where nothing is to be done about it now; None where something is."""
    if known is None or known.hash != campaign.hash:
        return None
    if known.state != "running" or campaign.spec.schedule.trigger is not None:
        return []
    if not zones or any(at is not None and at <= now for at in zones.values()):
        return None
    return [at for zone, at in zones.items() if zone != ZONES and at is not None]


@contextmanager
def _on_its_own(campaign: Campaign) -> Iterator[None]:
    """What is wrong with one campaign keeps no other from being planned: it is told of, and it has its turn again next
    time. What is wrong with the database concerns all."""
    try:
        yield
    except StoreError:
        raise
    except Exception as error:  # noqa: BLE001
        told = in_words(error) or f"{type(error).__name__}: {error}"
        _log.exception("a campaign can't be planned", campaign=campaign.name, error=told)


def queue_all_triggered(store: Store, policy: Policy, running: Sequence[Campaign], now: int) -> int:
    """Queues the messages of all campaigns that an event triggers; returns how many."""
    accepted = 0
    for campaign in running:
        if campaign.spec.schedule.trigger is not None:
            with _on_its_own(campaign):
                accepted += queue_triggered(store, policy, campaign, now)
    return accepted


def running_of(store: Store, campaigns: Sequence[Campaign]) -> list[Campaign]:
    """Those of the campaigns that run, as the store has it."""
    with store.read() as conn:
        known = stored.campaigns_of(conn)
    return [c for c in campaigns if c.name in known and known[c.name].state == "running"]


def begin(
    conn: Connection, policy: Policy, campaign: Campaign, now: int, present: Callable[[], Sequence[str]]
) -> tuple[int, int, list[int]]:
    """Takes a campaign into the store and records those of its runs that are due. Returns how many began, how many were
    missed, and when it is due next in its zones. present: looks up the zones that contacts live in."""
    if not register(conn, [campaign], now) or campaign.spec.schedule.trigger is not None:
        return 0, 0, []
    known = stored.next_due(conn, campaign.name)
    due = {zone: at for zone, at in known.items() if zone != ZONES}
    changed = _new_zones(policy, campaign, known, now, present)
    due |= {zone: at for zone, at in changed.items() if zone != ZONES}
    runs: dict[Occurrence, list[str]] = {}
    missed: dict[Occurrence, list[str]] = {}
    for zone, at in due.items():
        if at is None or at > now:
            continue
        late = _late(campaign, zone, at, now)
        going = late[-1] if late and _lasts_until(policy, campaign, late[-1].at, zone) > now else None
        for occurrence in late:
            (runs if occurrence is going else missed).setdefault(occurrence, []).append(zone)
        changed[zone] = due[zone] = _next(campaign, zone, now)
    began = _record(conn, campaign, runs, "running", now)
    skipped = _record(conn, campaign, missed, "skipped", now)
    stored.save_next(conn, campaign.name, changed)
    return began, skipped, [at for at in due.values() if at is not None]


def _record(
    conn: Connection, campaign: Campaign, found: Mapping[Occurrence, Sequence[str]], state: str, now: int
) -> int:
    everywhere = campaign.spec.schedule.zone != CONTACT_ZONE
    made = 0
    for occurrence, zones in found.items():
        slot = f"{occurrence.wall} @{occurrence.at}"
        in_zones = () if everywhere else tuple(sorted(zones))
        made += stored.add_run(conn, campaign.name, in_zones, occurrence.at, slot, state, now) is not None
    return made


def _new_zones(
    policy: Policy, campaign: Campaign, known: Mapping[str, int | None], now: int, present: Callable[[], Sequence[str]]
) -> dict[str, int | None]:
    """When it is first due in zones that aren't known yet, and when to look for such zones again."""
    schedule = campaign.spec.schedule
    if schedule.zone != CONTACT_ZONE:
        zone = schedule.zone or policy.defaults.timezone
        return {} if zone in known else {zone: _first(campaign, zone, now)}
    if ZONES in known and now < (known[ZONES] or 0):
        return {}
    fresh = {zone: _first(campaign, zone, now) for zone in present() if zone not in known}
    return {**fresh, ZONES: now + ZONES_AFTER}


def zones_present(conn: Connection, policy: Policy) -> list[str]:
    """The zones that contacts' local days go by."""
    texts, countries = people.zone_texts(conn)
    found = {zone for text in texts if (zone := people.first_zone(text)) is not None}
    for country in countries:
        theirs = zones_of_country(country or policy.defaults.country or "")
        strict = policy.defaults.unknown_zone == "strict" and theirs
        found.add(theirs[0] if strict else policy.defaults.timezone)
    return sorted(found)


def _first(campaign: Campaign, zone: str, now: int) -> int | None:
    """When a campaign that is new in a zone is due there: from now on, this instant included; a single time also if it
    has passed."""
    return _next(campaign, zone, now - 1) if campaign.spec.schedule.cron is not None else _once(campaign, zone).at


def _once(campaign: Campaign, zone: str) -> Occurrence:
    return at_local(str(campaign.spec.schedule.at), zone)


def _next(campaign: Campaign, zone: str, after: int) -> int | None:
    cron = campaign.spec.schedule.cron
    found = None if cron is None else next_occurrence(cron, zone, after)
    return None if found is None else found.at


def _late(campaign: Campaign, zone: str, since: int, now: int) -> list[Occurrence]:
    """The occurrences in a zone from the one that was awaited up to now, oldest first."""
    cron = campaign.spec.schedule.cron
    if cron is None:
        return [_once(campaign, zone)]
    found = list(islice(_up_to(occurrences(cron, zone, since - 1), now), MOST_LATE))
    if len(found) == MOST_LATE:
        recent = occurrences(cron, zone, max(since, now - 24 * HOUR))
        found = [*found[:1], *islice(_up_to(recent, now), 24 * 60)]
    return found


def _up_to(found: Iterable[Occurrence], now: int) -> Iterable[Occurrence]:
    for occurrence in found:
        if occurrence.at > now:
            return
        yield occurrence


def _lasts_until(policy: Policy, campaign: Campaign, due_at: int, zone: str) -> int:
    """When what a run says expires, counted from its scheduled instant."""
    lasting = campaign.spec.expires
    category = policy.categories.get(campaign.category)
    if lasting is None:
        if category is not None and category.transactional:
            return NEVER
        lasting = policy.defaults.expires
    return int(add(due_at, lasting, zone_index(zone)))


def read_audiences(store: Store, policy: Policy, campaigns: Mapping[str, Campaign], now: int) -> tuple[int, bool]:
    """Goes on with all runs under way, oldest first. Returns how many messages were accepted, and whether some is left
    to do. A run of a campaign that rests, or whose file is gone, waits."""
    with store.read() as conn:
        runs = [run for run in stored.runs_under_way(conn) if run.campaign in campaigns]
        texts = people.zone_texts(conn)[0] if any(run.zones for run in runs) else ()  # it reads all contacts
    accepted, pages = 0, 0
    for run in runs:
        going = True
        while going:
            if pages == MOST_PAGES:
                return accepted, True
            pages += 1
            try:
                with store.write() as conn:
                    count, going = read_page(conn, policy, campaigns[run.campaign], run.id, texts, now)
            except StoreError:
                raise
            except Exception as error:  # noqa: BLE001 - one campaign that can't be read keeps no other from being planned
                _log.error(
                    "a campaign's audience can't be read", campaign=run.campaign, slot=run.slot, error=str(error)
                )
                break
            accepted += count
    return accepted, False


def read_page(
    conn: Connection, policy: Policy, campaign: Campaign, run_id: int, texts: Sequence[str], now: int
) -> tuple[int, bool]:
    """One page of a run's audience, its messages, and how far it came: in the transaction of `conn`. Returns how many
    messages were accepted, and whether there is more to read. texts: how the zones of all contacts are stored."""
    run = stored.lock_run(conn, run_id)
    if run is None:
        return 0, False
    zone = run.zones[0] if run.zones else campaign.spec.schedule.zone or policy.defaults.timezone
    expires_at = _lasts_until(policy, campaign, run.due_at, zone)
    if expires_at <= now:
        stored.advance_run(conn, run.id, run.cursor, run.planned, run.skipped, now)
        return 0, False
    members, cursor = _page(conn, campaign, run, texts)
    room, new, left_out = _room(conn, policy, campaign, run), 0, 0
    for begin_at in range(0, len(members), AT_ONCE):
        some = members[begin_at : begin_at + AT_ONCE]
        queued, left = _queue(conn, policy, campaign, run, some, expires_at, room - new, now)
        new, left_out = new + queued, left_out + left
    skipped = run.skipped + (left_out if run.cursor != GROWN else 0)  # most of them have been counted
    stored.advance_run(conn, run.id, cursor, run.planned + new, skipped, None if cursor is not None else now)
    return new, cursor is not None


def _queue(
    conn: Connection,
    policy: Policy,
    campaign: Campaign,
    run: Run,
    members: Sequence[Member],
    expires_at: int,
    room: int,
    now: int,
) -> tuple[int, int]:
    """Queues at most `room` messages for those of these contacts whom the run goes to. Returns how many, and how many
    contacts got none."""
    wall = run.slot.partition(" @")[0]
    going = chosen(conn, policy, campaign.audience, run.zones, members, now)
    names = names_of(conn, campaign)
    # Who has it already takes no place of another's, and gets it under no other name.
    if len(going) > room or len(names) > 1:
        keys = {f"{SOURCE}:{key_for(name, wall, m)}": m.id for name in names for m in going}
        have = {keys[key] for key in look_up(conn, "caller_key", list(keys))}
        going = [m for m in going if m.id not in have]
    messages = [message_for(campaign, run, wall, member, expires_at) for member in going[:room]]
    done = accept(conn, policy, messages, now)
    new = len(messages) - len(done.repeated) - len(done.errors)
    return new, len(going) - len(done.repeated) - new


def _room(conn: Connection, policy: Policy, campaign: Campaign, run: Run) -> int:
    """How many more messages `at_most` lets this run queue."""
    limits = campaign.spec.at_most
    room = PAGE * 1_000
    if limits.per_run is not None:
        room = min(room, limits.per_run - stored.planned_at(conn, run.campaign, run.slot.partition(" @")[0]))
    if limits.per_day is not None:
        zone = zone_index(policy.defaults.timezone)
        date = int(local_day(run.started_at, zone))  # of the run, or its room would be another one after midnight
        since, until = int(day_start(date, zone)), int(day_start(date + 1, zone))
        room = min(room, limits.per_day - stored.planned_between(conn, run.campaign, since, until))
    return max(room, 0)


def _page(conn: Connection, campaign: Campaign, run: Run, texts: Sequence[str]) -> tuple[list[Member], str | None]:
    """The next contacts of a run, and the place after them; None at the end.

    Each run begins in another shard, so that `at_most` doesn't favour the same people every time. At its end come the circles
    that grew meanwhile: who went from a place that was still to be read into one that had been read is in one of them. Nobody
    moves until they are queued, or they could be missed again."""
    if campaign.list_file is not None:
        begin_at = int(run.cursor or 0)
        ids = read_list(campaign.list_file)
        after = begin_at + PAGE
        return people.members_named(conn, ids[begin_at:after]), str(after) if after < len(ids) else None
    start = int.from_bytes(blake2b(run.slot.encode(), digest_size=2).digest(), "big") % SHARDS
    if run.cursor == GROWN:
        lock_identity(conn)
        grown = grown_since(conn, run.started_at - SEEN_WITHIN)
        return people.members_of(conn, grown), None
    lap, shard, circle = (int(part) for part in run.cursor.split(":")) if run.cursor else (0, start, -1)
    here = [text for text in texts if people.first_zone(text) in run.zones] if run.zones else None
    members, last = people.page_of(conn, (shard, circle), SHARDS if lap == 0 else start, here, PAGE)
    if last is not None:
        return members, f"{lap}:{last[0]}:{last[1]}"
    return members, GROWN if lap > 0 or start == 0 else "1:0:-1"
