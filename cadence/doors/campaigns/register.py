"""Campaigns' files and what the store has of them: which are new, which changed, which run. And states changed by hand.

The state in a file is taken when the campaign is new, and when that line changes; otherwise the one on record stands.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Connection

from cadence.doors.campaigns.campaign import Campaign
from cadence.doors.campaigns.spec import State
from cadence.log import logger
from cadence.store import campaigns as stored
from cadence.store.ask import ask_campaign
from cadence.store.campaigns import Run
from cadence.store.engine import Store

_log = logger("campaigns")


class CampaignRefused(ValueError):
    """A state can't be changed so; says why and what can be done."""


def register(conn: Connection, campaigns: Sequence[Campaign], now: int) -> list[Campaign]:
    """Takes campaigns as their files say into the store, and returns those that run."""
    known = stored.campaigns_of(conn)
    running: list[Campaign] = []
    for campaign in campaigns:
        before = known.get(campaign.name)
        if before is None:
            state, since = _renamed(conn, campaign, known, now) or (campaign.first_state, now)
            stored.add_campaign(conn, campaign.name, campaign.hash, campaign.written, state, since)
        else:
            state = before.state
            if before.hash != campaign.hash:
                state = _changed(conn, campaign, json.loads(before.content), state, now)
        if state == "running":
            running.append(campaign)
    return running


def _renamed(
    conn: Connection, campaign: Campaign, known: Mapping[str, stored.Stored], now: int
) -> tuple[str, int] | None:
    """The state that it had under its old name, and since when; its runs and its schedule go on under the new one. None where
    it is new."""
    before = [known[name] for name in campaign.spec.was if name in known]
    said = json.loads(campaign.written).get("schedule")
    for one in reversed(before):
        stored.rename(conn, one.name, campaign.name, schedule=json.loads(one.content).get("schedule") == said)
    for one in before:  # it locks what planning locks after the run
        ask_campaign(conn, one.name, now, "campaign renamed")
    return (before[-1].state, before[-1].state_at) if before else None


def _changed(conn: Connection, campaign: Campaign, before: dict[str, Any], state: str, now: int) -> str:
    """Takes what changed in a campaign's file; returns its state from now on."""
    said = json.loads(campaign.written)
    _log.info(
        "a campaign's file says something new; where this comes again and again, another daemon has another file",
        campaign=campaign.name,
    )
    stored.save_campaign(conn, campaign.name, campaign.hash, campaign.written)
    if said.get("schedule") != before.get("schedule"):
        stored.forget_next(conn, campaign.name)
    if any(said.get(word) != before.get(word) for word in ("still_if", "was")):
        ask_campaign(conn, campaign.name, now, "campaign changed")
    if said.get("state") != before.get("state") and campaign.first_state != state:
        _set(conn, campaign.name, campaign.first_state, now, "file", "its file says so")
        return campaign.first_state
    return state


def pause(store: Store, name: str, now: int, by: str, reason: str | None = None) -> str:
    """Its messages wait, and no run begins. Returns the state before. Raises `CampaignRefused` where that can't be."""
    return _by_hand(store, name, "paused", ("running", "draft"), now, by, reason)


def resume(store: Store, name: str, now: int, by: str, reason: str | None = None) -> str:
    """It runs (again): what waits is asked, and its schedule goes on from now; what came due meanwhile isn't caught
    up."""
    return _by_hand(store, name, "running", ("paused", "draft"), now, by, reason)


def end(store: Store, name: str, now: int, by: str, reason: str | None = None) -> str:
    """Its waiting messages end as withdrawn, and it never runs again."""
    return _by_hand(store, name, "ended", ("running", "paused", "draft"), now, by, reason)


def _by_hand(
    store: Store, name: str, state: State, sources: Sequence[str], now: int, by: str, reason: str | None
) -> str:
    with store.write() as conn:
        known = stored.campaigns_of(conn)
        if name not in known:
            from cadence.policy.finding import nearest

            near = nearest(name, known)
            raise CampaignRefused(f"there is no campaign {name!r}" + (f"; did you mean {near!r}?" if near else ""))
        before = known[name].state
        if before not in sources:
            raise CampaignRefused(f"campaign {name!r} is {before}; to be {state} it has to be {' or '.join(sources)}")
        _set(conn, name, state, now, by, reason)
    return before


def _set(conn: Connection, name: str, state: State, now: int, by: str, reason: str | None) -> None:
    """Under each name that it had, since messages may wait under all of them."""
    for one in _names_of(name, stored.campaigns_of(conn)):
        stored.change_state(conn, one, state, now, by, reason)
        ask_campaign(conn, one, now, f"campaign {state}")
    if state == "running":
        stored.forget_next(conn, name)


def names_of(conn: Connection, campaign: Campaign) -> list[str]:
    """The names that a campaign goes by: what was queued under one of them is queued. Among them are those that it has got
    since, which a daemon that still has the old file doesn't know."""
    known = stored.campaigns_of(conn)
    renamed = [name for name, one in known.items() if name != campaign.name and stored.old_names(one.content)]
    later = [name for name in renamed if campaign.name in _names_of(name, known)]
    return [*_names_of(campaign.name, known), *later]


def _names_of(name: str, known: Mapping[str, stored.Stored]) -> list[str]:
    """A campaign's name and those it had before, as far as they are on record."""
    found, unread = [name], [name]
    while unread:
        old = stored.old_names(known[unread.pop()].content)
        new = [one for one in old if one in known and one not in found]
        found += new
        unread += new
    return found


@dataclass(frozen=True, slots=True)
class Listed:
    """One campaign as a list shows it."""

    name: str
    state: str
    state_at: int
    category: str
    schedule: str
    """As its file says it."""
    next_due: int | None
    """The earliest of its zones; None where it doesn't run or is never due again."""
    runs: tuple[Run, ...]
    """The latest ones, newest first."""
    planned: int
    """Messages of those."""


def listed(store: Store, most_runs: int = 20) -> list[Listed]:
    """All campaigns ever seen, by name, with their state, next due instant and latest runs."""
    with store.read() as conn:
        return [_listed(conn, one, most_runs) for _, one in sorted(stored.campaigns_of(conn).items())]


def _listed(conn: Connection, one: stored.Stored, most_runs: int) -> Listed:
    said = json.loads(one.content)
    due = [at for zone, at in stored.next_due(conn, one.name).items() if zone and at is not None]
    runs = stored.runs_of(conn, one.name, most_runs)
    schedule = ", ".join(f"{k} {v}" for k, v in said.get("schedule", {}).items())
    return Listed(
        name=one.name,
        state=one.state,
        state_at=one.state_at,
        category=str(said.get("category", "")),
        schedule=schedule,
        next_due=min(due, default=None) if one.state == "running" else None,
        runs=tuple(runs),
        planned=sum(run.planned for run in runs),
    )
