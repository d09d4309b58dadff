"""The world that all benchmarks share: a policy, its guards, 25 zones, and contacts with twenty touches each over sixty
days, whose gaps are those of real people's messages."""

from __future__ import annotations

import numpy as np

from cadence.calendar import zone_index
from cadence.facts import (
    DAY,
    HOUR,
    MINUTE,
    NEVER,
    NONE,
    Addresses,
    Candidates,
    Coded,
    Consents,
    EventKind,
    Events,
    History,
    Holds,
    Ints,
    Lookups,
    People,
    Ragged,
    Touches,
    key,
)

POLICY = """
version: 1
defaults: {timezone: Europe/Stockholm, country: SE}
categories:
  newsletter: {consent: opt_in}
  promotion: {consent: opt_in, priority: 30}
guard_rails:
  caps:
    - {name: one a day, max: 1, per: 24h}
    - {name: four a week, max: 4, per: 7d}
  gap: {wait: 12h}
  quiet_hours: {name: night, from: "20:00", to: "08:00"}
  silence: {base: 6h, factor: 1.1, max: 2d, stop_after: 40}
  fatigue: {half_life: 3d, limit: 8.0, weights: {promotion: 1.5}, relief: {click: 1}}
segments:
  - {name: buyers, where: {orders: {at_least: 3}}, cadence: {caps: {max: 3, per: 7d}}}
  - {name: everyone else}
"""
GUARDS = """
  follow_ups: {max: 2, categories: [promotion]}
  channel_hop: {wait: 12h, max_channels: 2, per: 7d}
  surveillance: {wait: 1h, max: 2, per: 7d, never_topics: [health], needs_consent: none}
  escalation: {window: 14d, allow: 2, floor: 4}
  repetition: {window: 10d}
  evasion: {scope: [household]}
  screened: {register: nix, within: 365d}
"""
"""Put among the guard rails; lenient enough that the mix stays a mix."""
ZONES = [
    "Europe/Stockholm", "Europe/London", "Europe/Paris", "Europe/Kyiv", "Europe/Helsinki", "Europe/Madrid",
    "Europe/Lisbon", "Europe/Athens", "America/New_York", "America/Chicago", "America/Denver",
    "America/Los_Angeles", "America/Sao_Paulo", "America/Bogota", "Asia/Tokyo", "Asia/Kolkata",
    "Asia/Kathmandu", "Asia/Shanghai", "Asia/Dubai", "Australia/Sydney", "Australia/Lord_Howe",
    "Pacific/Auckland", "Africa/Lagos", "Africa/Cairo", "Africa/Nairobi",
]  # fmt: skip
NOW = 1_780_315_200_000_000
TOUCHES = 20
GAPS = [
    0.5, 35, 82, 134, 193, 270, 386, 606, 1_027, 1_870, 3_383, 5_944, 9_933, 17_008, 28_867, 44_464, 69_361, 103_595,
    207_528, 538_197, 14_253_883,
]  # fmt: skip
"""Seconds between the messages that one person got: every twentieth part of the 57,973 gaps of SNAP's CollegeMsg."""


def instants(rng: np.random.Generator, n: int) -> Ints:
    """When n contacts were written to, TOUCHES times each, int64[n * TOUCHES], ascending for each: gaps of GAPS, in
    proportion to each other, over the sixty days before NOW, which comes at any moment alike, so mostly in a long gap."""
    gaps = np.exp(np.interp(rng.random((n, TOUCHES)), np.linspace(0, 1, len(GAPS)), np.log(GAPS)))
    passed = np.cumsum(gaps, axis=1)
    back = (passed / passed[:, -1:] + rng.random((n, 1))) % 1.0  # the gaps stand in a ring, and NOW anywhere in it
    at = NOW - MINUTE - (np.sort(back, axis=1)[:, ::-1] * 60 * DAY).astype(np.int64)
    return at.ravel()


def world(n: int, seed: int = 1) -> tuple[History, Candidates]:
    """n contacts, each a circle of its own, with twenty touches each over sixty days and one message each."""
    rng = np.random.default_rng(seed)
    contact = np.repeat(np.arange(n), TOUCHES)
    contents = np.array([key(f"content {i}") for i in range(40)])
    at = instants(rng, n)
    zeros = np.zeros(n, np.int64)
    zone = np.array([zone_index(z) for z in ZONES], np.int32)[rng.integers(0, len(ZONES), n)]
    answered = np.where(rng.random(n) < 0.6, NOW - rng.integers(1, 20 * DAY, n), NONE)
    people = People(
        id=np.arange(n), circle=np.arange(n, dtype=np.int32), zones=Ragged(np.arange(n + 1), zone),
        country=Coded(np.zeros(n, np.int32), ("SE",)), region=Coded(np.full(n, -1, np.int32), ()),
        locale=Coded(np.full(n, -1, np.int32), ()), household=zeros, account=zeros, wish=np.full(n, -1, np.int32),
        wishes=(), snooze_until=np.full(n, NONE), attributes={}, orders=rng.poisson(2, n), spend=np.zeros(n),
        first_purchase=np.full(n, NONE), latest={EventKind.CLICK: answered},
    )  # fmt: skip
    kinds = np.array([key("newsletter"), key("promotion")])
    none = np.zeros(n * TOUCHES, np.int64)
    touches = Touches(
        id=np.arange(n * TOUCHES), contact=contact, at=at, channel=np.full(n * TOUCHES, key("email")),
        category=kinds[rng.integers(0, 2, n * TOUCHES)], campaign=none, thread=contents[rng.integers(0, 40, n * TOUCHES)],
        topic=none, content=contents[rng.integers(0, 40, n * TOUCHES)], mailbox=none, triggered=rng.random(n * TOUCHES) < 0.1,
        tags=Ragged(np.zeros(n * TOUCHES + 1, np.int64), none[:0]),
    )  # fmt: skip
    clicked = np.flatnonzero(answered != NONE)
    looked_up = rng.random(n) < 0.95
    events = Events(
        clicked, answered[clicked], np.full(len(clicked), EventKind.CLICK, np.int16), np.zeros(len(clicked), np.int64),
        np.zeros(len(clicked)),
    )  # fmt: skip
    consenting = np.flatnonzero(rng.random(n) < 0.93)
    rows = np.repeat(consenting, 2)
    consents = Consents(
        rows,
        np.full(len(rows), NONE),
        np.ones(len(rows), bool),
        np.tile(kinds, len(consenting)),
        np.zeros(len(rows), np.int64),
    )
    empty = zeros[:0]
    history = History(
        people,
        Addresses(empty, empty, empty, empty, empty),
        consents,
        Holds(empty, empty, empty, empty),
        touches,
        events,
        Lookups(
            seen := np.flatnonzero(looked_up),
            np.full(len(seen), NOW - 30 * DAY),
            np.full(len(seen), key("nix")),
            rng.random(len(seen)) < 0.01,
        ),
    )
    candidates = Candidates(
        id=np.arange(n), contact=np.arange(n), channel=np.full(n, key("email")), category=kinds[rng.integers(0, 2, n)],
        campaign=zeros, thread=contents[rng.integers(0, 40, n)], topic=zeros,
        content=contents[rng.integers(0, 40, n)], tags=Ragged(np.zeros(n + 1, np.int64), empty), address=zeros,
        mailbox=zeros, trigger_at=np.where(rng.random(n) < 0.2, NOW - DAY, NONE), priority=np.full(n, 50.0), value=np.zeros(n),
        expires_at=np.where(rng.random(n) < 0.02, NOW + HOUR, NEVER), created_at=zeros, about=zeros,
        released=np.zeros(n, bool), due=np.ones(n, bool), due_at=np.full(n, NONE),
    )  # fmt: skip
    return history, candidates
