"""The ways out, one per channel, and how many messages each can take now: asked before deciding, and again before
handing over.

Rates and breakers are pure functions (`rates`, `breaker`); here they meet the row that all daemons share, and the clock
that it is kept by.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy.engine import Connection

from cadence.providers.provider import Ability, Provider
from cadence.queue import breaker, rates
from cadence.queue.breaker import Breaker, Health
from cadence.queue.rates import Rate
from cadence.store import outbox


@dataclass(frozen=True, slots=True)
class Outlet:
    """An opened provider and how fast it may be used."""

    provider: Provider
    rate: Rate | None = None
    """None: as fast as it takes them."""
    clock: Callable[[Connection], int] | None = None
    """What its speed and its pauses are counted by: one that goes on while the instant of decisions stands, as it does after
    a step back. None: by the instant given."""


def rooms(
    conn: Connection, outlets: Mapping[str, Outlet], shards: Sequence[int], now: int, most: int
) -> dict[str, int]:
    """By channel, how many more messages may be decided to go now: what the provider takes, less what is decided and
    hasn't been handed over, and never more than `most`."""
    ahead = outbox.backlog(conn, shards, now) if outlets else {}
    return {
        channel: max(0, min(most, _takes(conn, outlet, now, most)) - ahead.get(channel, 0))
        for channel, outlet in outlets.items()
    }


def reserve(conn: Connection, outlet: Outlet, now: int, most: int) -> int:
    """Takes up to `most` places with a provider for a hand-over that follows, and returns how many there are; the row of
    one that is paced, or to be tried, stays locked until the transaction ends. See `give_back` for those that aren't used."""
    stored, at = _seen(conn, outlet, now)
    if outlet.rate is None and breaker.tried(_health(stored), at) == _health(stored):
        return _room(outlet, stored, at, most)
    stored, at = _locked(conn, outlet, now)
    room, next_at = min(most, _room(outlet, stored, at, most)), _next_at(stored)
    if room > 0:
        taken = next_at if outlet.rate is None else rates.taken(outlet.rate, next_at, at, room)
        _save(conn, outlet, breaker.tried(_health(stored), at), taken, at)
    return room


def give_back(conn: Connection, outlet: Outlet, now: int, n: int) -> None:
    """n of the reserved places weren't used."""
    if n <= 0:
        return
    stored, at = _seen(conn, outlet, now)
    if outlet.rate is None and not breaker.being_tried(_health(stored), at):
        return
    stored, at = _locked(conn, outlet, now)
    next_at = _next_at(stored)
    if outlet.rate is not None and next_at is not None:
        next_at -= n * outlet.rate.step
    _save(conn, outlet, breaker.untried(_health(stored), at), next_at, at)


def learn(conn: Connection, outlet: Outlet, now: int, change: Callable[[Health], Health]) -> Health:
    """Writes down how a provider fares after a hand-over; returns its health, its instants counted from `now`."""
    stored, at = _seen(conn, outlet, now)
    before = breaker.moved(_health(stored), now - at)
    if change(before) == before:  # nearly always: then nobody need wait for anybody
        return before
    stored, at = _locked(conn, outlet, now)
    before = breaker.moved(_health(stored), now - at)
    after = change(before)
    if after != before:
        _save(conn, outlet, breaker.moved(after, at - now), _next_at(stored), at)
    return after


def to_be_probed(conn: Connection, outlet: Outlet, now: int) -> bool:
    """Whether a provider is to be asked if it works, before it takes a message."""
    stored, at = _seen(conn, outlet, now)
    return _unsure(outlet, _health(stored), at)


def opens_at(conn: Connection, outlet: Outlet, now: int) -> int:
    """The earliest instant, not before `now`, at which a provider takes a message."""
    stored, at = _seen(conn, outlet, now)
    pause = breaker.opens_at(_health(stored), at)
    paced = at if outlet.rate is None else rates.opens_at(outlet.rate, _next_at(stored), at)
    return now + max(pause, paced) - at


def _seen(conn: Connection, outlet: Outlet, now: int) -> tuple[Mapping[str, Any] | None, int]:
    """A provider's row, and what it is by the row's clock: read after it, lest it be earlier than what stands there."""
    stored = outbox.provider_row(conn, outlet.provider.name)
    return stored, _by_its_clock(conn, outlet, now)


def _locked(conn: Connection, outlet: Outlet, now: int) -> tuple[Mapping[str, Any], int]:
    """The same, to be written anew."""
    stored = outbox.lock_provider(conn, outlet.provider.name)
    return stored, _by_its_clock(conn, outlet, now)


def _by_its_clock(conn: Connection, outlet: Outlet, now: int) -> int:
    return now if outlet.clock is None else outlet.clock(conn)


def _takes(conn: Connection, outlet: Outlet, now: int, most: int) -> int:
    stored, at = _seen(conn, outlet, now)
    return _room(outlet, stored, at, most)


def _room(outlet: Outlet, stored: Mapping[str, Any] | None, at: int, most: int) -> int:
    if _unsure(outlet, _health(stored), at):
        return 0
    paced = most if outlet.rate is None else rates.room(outlet.rate, _next_at(stored), at)
    well = breaker.room(_health(stored), at)
    return paced if well is None else min(paced, well)


def _unsure(outlet: Outlet, health: Health, at: int) -> bool:
    return Ability.PROBE not in outlet.provider.capabilities.cannot and breaker.to_be_probed(health, at)


def _health(stored: Mapping[str, Any] | None) -> Health:
    if stored is None:
        return Health()
    return Health(
        Breaker(stored["breaker"]), stored["failures"], stored["opened_at"], stored["reopen_at"], stored["because"]
    )


def _next_at(stored: Mapping[str, Any] | None) -> int | None:
    return None if stored is None else stored["next_at"]


def _save(conn: Connection, outlet: Outlet, health: Health, next_at: int | None, at: int) -> None:
    values = {**asdict(health), "breaker": health.breaker.value, "next_at": next_at, "updated_at": at}
    outbox.save_provider(conn, outlet.provider.name, values)
