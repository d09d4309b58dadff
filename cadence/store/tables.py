"""The tables, as SQLAlchemy Core metadata: the one description that migrations, statements and tests go by.

Instants are int64 microseconds since 1970 UTC, NULL where there is none. `shard` is a stable hash of the circle's id; it
is in every table of the hot path, first in its keys and in each of its unique constraints, so that the same tables can be
spread over many machines. The only place of global uniqueness is `directory`, which is spread by its own key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    false,
    text,
    true,
)

from cadence.facts import EventKind

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "pk": "pk_%(table_name)s",
    }
)

LATEST: Mapping[EventKind, str] = {
    EventKind[name]: f"last_{EventKind[name].word}"
    for name in (
        "REPLY", "CLICK", "VISIT", "PURCHASE", "CALL_ANSWERED", "CONVERSATION", "INQUIRY", "REFUSAL", "OPEN", "OPT_IN", "OPT_OUT",
        "COMPLAINT", "INCIDENT", "INCIDENT_RESOLVED", "TICKET_OPENED", "TICKET_SOLVED", "PROMISE_KEPT", "PROMISE_BROKEN",
    )
}  # fmt: skip
"""The column of `contact` that holds the latest event of a kind."""

FINAL_STATES: tuple[str, ...] = ("sent", "suppressed", "refused", "expired", "superseded", "withdrawn", "stopped")
"""States that a message never leaves."""

LIVE_STATES: tuple[str, ...] = ("waiting", "decided", "sending", "in_doubt")
"""States that a message is still to leave."""

LIVE: str = f"state IN ({', '.join(map(repr, LIVE_STATES))})"
OUT: str = "state IN ('decided', 'sending', 'in_doubt')"
UNDER_WAY: str = "state = 'running'"
"""The conditions of partial indexes. SQLite uses one only for a statement that says the same, word for word, beside the one
state that it asks for; else it reads all messages of a shard, or all runs, ended ones too."""

OURS: str = "cadence"
"""The source of touches that the engine itself made; what comes from elsewhere has another."""

LARGE_CIRCLE: int = 1_000
"""A circle of more contacts is named by check and import, and decided alone in its tick."""


def _number(name: str, *, null: bool = False, default: int | None = None) -> Column[int]:
    return Column(name, BigInteger, nullable=null, server_default=None if default is None else text(str(default)))


def _at(name: str, *, null: bool = True) -> Column[int]:
    return Column(name, BigInteger, nullable=null)


def _text(name: str, *, null: bool = True) -> Column[str]:
    return Column(name, Text, nullable=null)


def _shard() -> Column[int]:
    return Column("shard", Integer, primary_key=True, autoincrement=False)


def _id() -> Column[int]:
    return Column("id", BigInteger, primary_key=True, autoincrement=False)


def _flag(name: str, default: bool) -> Column[bool]:
    return Column(name, Boolean, nullable=False, server_default=true() if default else false())


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


shard = Table(
    "shard",
    metadata,
    _shard(),
    _text("holder"),
    _at("lease_until"),
    _number("seq", default=0),
    _text("policy"),
)
"""A row per shard: the lock of everything in it, and who has it leased. seq: the record's next link. policy: the hash
of the one under which all its waiting messages were last made due to be asked again."""

circle = Table(
    "circle",
    metadata,
    _shard(),
    _id(),
    _number("next_number", default=1),
    Column("size", Integer, nullable=False, server_default=text("1")),
    _number("merged_into", null=True),
    _at("merged_at"),
    _number("merged_offset", null=True),
    Column("recent", LargeBinary),
    _at("recent_since"),
    Index("ix_circle_large", "shard", "id", **_where(f"size > {LARGE_CIRCLE}")),
)
"""The contacts that may not be decided apart. next_number: what its next fact is numbered. recent: a copy of its
touches later than recent_since (NULL: of all), packed by `recent.py`; NULL where there is none.
merged_into: the circle that it became part of; merged_offset: what its facts' numbers grew by then."""

contact = Table(
    "contact",
    metadata,
    _shard(),
    _id(),
    _number("circle"),
    _text("outside_id"),
    _text("zones"),
    _text("country"),
    _text("region"),
    _text("locale"),
    _text("household"),
    _text("account"),
    _text("attributes"),
    _text("hours"),
    _text("days"),
    _text("less_often"),
    _at("wish_at"),
    _at("snooze_until"),
    _at("snooze_at"),
    Column("orders", BigInteger, nullable=False, server_default=text("0")),
    Column("spend", Double, nullable=False, server_default=text("0")),
    _at("first_purchase"),
    *(_at(name) for name in LATEST.values()),
    _text("segment"),
    _at("segment_at"),  # since when it is in its segment
    _at("next_change_at"),
    _at("created_at", null=False),
    _at("recorded_at", null=False),
    Index("ix_contact_shard_circle", "shard", "circle"),
    Index("ix_contact_next_change", "shard", "next_change_at", **_where("next_change_at IS NOT NULL")),
)
"""A person, with running totals. zones, hours and days are JSON lists, attributes a JSON object. snooze_at and wish_at: when
the standing snooze and less_often were asked for (the latest replaces those before)."""

address = Table(
    "address",
    metadata,
    _shard(),
    Column("contact", BigInteger, primary_key=True, autoincrement=False),
    Column("channel", Text, primary_key=True),
    Column("address", Text, primary_key=True),
    _number("circle"),
    _text("mailbox", null=False),
    _at("bounced_at"),
    _at("at", null=False),
    _at("recorded_at", null=False),
    Index("ix_address_shard_circle", "shard", "circle"),
)
"""Of several addresses on one channel, the one with the latest `at` is written to."""

consent = Table(
    "consent",
    metadata,
    _shard(),
    _id(),
    _number("circle"),
    _number("contact"),
    _number("number"),
    _at("at"),
    _at("recorded_at", null=False),
    Column("kind", SmallInteger, nullable=False),
    _text("category"),
    _text("channel"),
    _text("source", null=False),
    _text("source_id", null=False),
    _text("by"),
    _number("message", null=True),
    Index("uq_consent_source", "shard", "contact", "source", "source_id", unique=True),
    Index("ix_consent_shard_circle", "shard", "circle"),
    Index("ix_consent_recorded", "kind", "recorded_at", "id", **_where("at IS NOT NULL")),
)
"""What contacts have said; append-only. kind: OPT_IN, OPT_OUT, COMPLAINT or DO_NOT_CONTACT; NULL category or channel:
all."""

SAID_AT: str = "CASE WHEN s.at > s.recorded_at THEN s.recorded_at ELSE s.at END"
"""When a row `s` of consent was said: never after it was learnt of, though older releases wrote it down so."""

event = Table(
    "event",
    metadata,
    _shard(),
    _id(),
    _number("circle"),
    _number("contact"),
    _number("number"),
    _at("at", null=False),
    _at("recorded_at", null=False),
    Column("kind", SmallInteger, nullable=False),
    _text("channel"),
    _text("subject"),
    _at("until"),
    Column("amount", Double),
    _text("currency"),
    _text("detail"),
    _text("source", null=False),
    _text("source_id", null=False),
    _flag("applied", True),
    Index("uq_event_source", "shard", "contact", "source", "source_id", unique=True),
    Index("ix_event_shard_circle_at", "shard", "circle", "at"),
    Index("ix_event_recorded", "kind", "recorded_at", "id"),
    Index("ix_event_unapplied", "shard", "at", **_where("NOT applied")),
)
"""What else happened; append-only. applied: the contact's totals, holds and wishes have taken it (a fact of the future
waits)."""

hold = Table(
    "hold",
    metadata,
    _shard(),
    _id(),
    _number("circle"),
    _number("contact"),
    _text("kind", null=False),
    _text("about", null=False),
    _at("from_at", null=False),
    _at("until"),
    _at("ended_at"),
    _text("reason"),
    _text("by"),
    Index("uq_hold_about", "shard", "contact", "kind", "about", unique=True),
    Index("ix_hold_shard_circle", "shard", "circle"),
)
"""How each hold stands now, folded from events. Open at t: from_at <= t, not ended, and until is NULL or > t."""

touch = Table(
    "touch",
    metadata,
    _shard(),
    _id(),
    _number("circle"),
    _number("contact"),
    _number("number"),
    _at("at", null=False),
    _at("recorded_at", null=False),
    _text("channel", null=False),
    _text("category"),
    _text("campaign"),
    _text("thread"),
    _text("topic"),
    _text("content"),
    _text("mailbox"),
    _flag("triggered", False),
    _text("tags"),
    _text("outcome"),
    _number("message", null=True),
    _text("source", null=False),
    _text("source_id", null=False),
    _at("withdrawn_at"),
    _number("withdrawn_number", null=True),
    _text("withdrawn_because"),
    Index("uq_touch_source", "shard", "contact", "source", "source_id", unique=True, **_where(f"source <> '{OURS}'")),
    Index("ix_touch_shard_circle_at", "shard", "circle", "at"),
)
"""Attempts to reach people. What the engine itself sends has source OURS and the decision's id as source_id."""

message = Table(
    "message",
    metadata,
    _shard(),
    _id(),
    _number("circle"),
    _number("contact"),
    _at("created_at", null=False),
    _at("recorded_at", null=False),
    _text("state", null=False),
    _at("due_at"),
    _at("until"),
    _text("rule"),
    _at("asked_at"),
    _text("ask_because"),
    _at("expires_at"),
    _text("campaign"),
    _number("run", null=True),
    _text("channel", null=False),
    _text("category", null=False),
    _text("content"),
    _text("thread"),
    _text("topic"),
    _text("tags"),
    _text("trigger_kind"),
    _at("trigger_at"),
    Column("priority", Double),
    Column("value", Double),
    _text("about"),
    _text("collapse"),
    _text("stop_on"),
    _text("source"),
    _text("caller_key"),
    _text("variables"),
    _number("decision", null=True),
    _at("decided_at"),
    _number("touch", null=True),
    _at("hand_over_at"),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    _text("provider"),
    _text("provider_id"),
    _text("sender"),
    _at("doubt_at"),
    _at("outcome_at"),
    _text("because"),
    _at("released_at"),
    _text("released_by"),
    _text("released_reason"),
    _number("revives", null=True),
    Index(
        "ix_message_due", "shard", "due_at", "circle", "channel", "expires_at", "state", **_where("state = 'waiting'")
    ),
    Index("ix_message_live", "shard", "circle", **_where(LIVE)),
    Index("ix_message_out", "shard", "state", **_where(OUT)),
    Index("ix_message_shard_contact", "shard", "contact"),
)
"""One life cycle, queue and outbox in one; `docs/states.md` draws its states. collapse: the key of which only the
newest waiting one stays (`oldest:KEY`: the oldest). sender: the daemon that marked it `sending`. doubt_at: since
when the fate of an earlier hand-over is unknown (only transactional messages are handed over again). ix_message_due holds
all that a claim asks for, also of channels that are closed, and the state, since SQLite would look at the row for it."""

decision = Table(
    "decision",
    metadata,
    _shard(),
    _id(),
    _number("circle"),
    _number("contact"),
    _number("message"),
    _at("at", null=False),
    Column("verdict", SmallInteger, nullable=False),
    _at("until"),
    _flag("held", False),
    _text("rule"),
    _text("evidence"),
    _text("watched"),
    _text("policy", null=False),
    _text("segment"),
    _number("seen_number"),
    _text("daemon"),
    Index("ix_decision_shard_contact_at", "shard", "contact", "at"),
    Index("ix_decision_shard_at", "shard", "at"),
)
"""Append-only. seen_number: the circle's last fact number that it saw."""

change = Table(
    "change",
    metadata,
    _shard(),
    _id(),
    _number("contact", null=True),
    _number("message", null=True),
    _at("at", null=False),
    _text("by", null=False),
    _text("what", null=False),
    _text("reason"),
    _text("detail"),
    Index("ix_change_shard_contact", "shard", "contact"),
    Index("ix_change_shard_at", "shard", "at"),
)
"""Who changed what by hand, and merges; append-only."""

directory = Table(
    "directory",
    metadata,
    Column("value", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("slot", BigInteger, primary_key=True, autoincrement=False),
    _number("contact"),
    Column("shard", Integer, nullable=False),
    _number("message", null=True),
    Index("ix_directory_contact", "contact"),
    sqlite_with_rowid=False,
)
"""Which contact, in which shard, an outside id, mailbox, household, account, caller's key or provider's id stands for.
slot: 0 where one value names one thing; the contact's id for mailbox, household and account. A mailbox's value is
`channel:mailbox`."""

policy_version = Table(
    "policy_version",
    metadata,
    Column("hash", Text, primary_key=True),
    _text("content", null=False),
    _text("source"),
    _at("first_at", null=False),
)

policy_use = Table(
    "policy_use",
    metadata,
    _id(),
    _text("hash", null=False),
    _at("at", null=False),
    _text("by"),
    Index("ix_policy_use_at", "at"),
)
"""Which policy became the active one, when."""

campaign = Table(
    "campaign",
    metadata,
    Column("name", Text, primary_key=True),
    _text("hash", null=False),
    _text("content", null=False),
    _text("state", null=False),
    _at("state_at"),
    _text("by"),
)

campaign_run = Table(
    "campaign_run",
    metadata,
    _id(),
    _text("campaign", null=False),
    _text("zone"),
    _at("due_at", null=False),
    _text("slot", null=False),
    _text("state", null=False),
    _text("cursor"),
    Column("planned", Integer, nullable=False, server_default=text("0")),
    Column("skipped", Integer, nullable=False, server_default=text("0")),
    _at("started_at"),
    _at("ended_at"),
    Index("uq_campaign_run_slot", "campaign", "slot", unique=True),
    Index("ix_campaign_run_under_way", "due_at", **_where(UNDER_WAY)),
)

campaign_next = Table(
    "campaign_next",
    metadata,
    Column("campaign", Text, primary_key=True),
    Column("zone", Text, primary_key=True),
    _at("next_due"),
)

daemon = Table(
    "daemon",
    metadata,
    Column("id", Text, primary_key=True),
    _text("host"),
    _number("pid", null=True),
    _number("started_ticks", null=True),
    _at("started_at"),
    _at("heartbeat_at"),
    _at("clock_now"),
    _text("policy"),
    _text("last_tick"),
    _text("release"),
)
"""heartbeat_at is by the real clock, clock_now by the one that decisions go by. host names the machine and its
namespace of process ids, started_ticks when the process began: so a dead daemon is known at once on its own machine.
release: of which one the program is; those before 0005 left it empty."""

provider = Table(
    "provider",
    metadata,
    Column("name", Text, primary_key=True),
    _at("next_at"),
    _text("breaker", null=False),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    _at("opened_at"),
    _at("reopen_at"),
    _text("because"),
    _at("updated_at"),
)
"""Speed and health of a provider, shared by all daemons, by the database's clock as it is. next_at: the theoretical arrival
instant of its rate limit (GCRA). breaker: closed, open or half_open; reopen_at: when an open one is tried again."""

installation = Table(
    "installation",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    _at("created_at", null=False),
    Column("shards", Integer, nullable=False),
    _at("last_now"),
    _at("agreed_jump_at"),
    _text("notes"),
)
"""One row, id 1. last_now: the latest instant that decisions were made at."""
