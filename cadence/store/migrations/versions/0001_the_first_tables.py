"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    _address()
    _campaign()
    _campaign_next()
    _campaign_run()
    _change()
    _circle()
    _consent()
    _contact()
    _daemon()
    _decision()
    _directory()
    _event()
    _hold()
    _installation()
    _message()
    _policy_use()
    _policy_version()
    _provider()
    _shard()
    _touch()


def downgrade() -> None:
    """Back: an empty database."""
    for name in (
        "address",
        "campaign",
        "campaign_next",
        "campaign_run",
        "change",
        "circle",
        "consent",
        "contact",
        "daemon",
        "decision",
        "directory",
        "event",
        "hold",
        "installation",
        "message",
        "policy_use",
        "policy_version",
        "provider",
        "shard",
        "touch",
    ):
        op.drop_table(name)


def _address() -> None:
    op.create_table(
        "address",
        sa.Column("shard", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("contact", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("circle", sa.BigInteger(), nullable=False),
        sa.Column("mailbox", sa.Text(), nullable=False),
        sa.Column("bounced_at", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("shard", "contact", "channel", "address", name=op.f("pk_address")),
    )
    with op.batch_alter_table("address") as batch_op:
        batch_op.create_index("ix_address_shard_circle", ["shard", "circle"], unique=False)


def _campaign() -> None:
    op.create_table(
        "campaign",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("state_at", sa.BigInteger(), nullable=True),
        sa.Column("by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_campaign")),
    )


def _campaign_next() -> None:
    op.create_table(
        "campaign_next",
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("next_due", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("campaign", "zone", name=op.f("pk_campaign_next")),
    )


def _campaign_run() -> None:
    op.create_table(
        "campaign_run",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=True),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("slot", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("planned", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("skipped", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign_run")),
    )
    with op.batch_alter_table("campaign_run") as batch_op:
        batch_op.create_index("uq_campaign_run_slot", ["campaign", "slot"], unique=True)


def _change() -> None:
    op.create_table(
        "change",
        sa.Column("shard", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("contact", sa.BigInteger(), nullable=True),
        sa.Column("message", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("shard", "id", name=op.f("pk_change")),
    )
    with op.batch_alter_table("change") as batch_op:
        batch_op.create_index("ix_change_shard_at", ["shard", "at"], unique=False)
        batch_op.create_index("ix_change_shard_contact", ["shard", "contact"], unique=False)


def _circle() -> None:
    op.create_table(
        "circle",
        sa.Column("shard", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("next_number", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("size", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("merged_into", sa.BigInteger(), nullable=True),
        sa.Column("merged_at", sa.BigInteger(), nullable=True),
        sa.Column("merged_offset", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("shard", "id", name=op.f("pk_circle")),
    )


def _consent() -> None:
    op.create_table(
        "consent",
        sa.Column("shard", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("circle", sa.BigInteger(), nullable=False),
        sa.Column("contact", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=True),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=True),
        sa.Column("message", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("shard", "id", name=op.f("pk_consent")),
    )
    with op.batch_alter_table("consent") as batch_op:
        batch_op.create_index("ix_consent_shard_circle", ["shard", "circle"], unique=False)
        batch_op.create_index("uq_consent_source", ["shard", "contact", "source", "source_id"], unique=True)


def _contact() -> None:
    op.create_table(
        "contact",
        sa.Column("shard", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("circle", sa.BigInteger(), nullable=False),
        sa.Column("outside_id", sa.Text(), nullable=True),
        sa.Column("zones", sa.Text(), nullable=True),
        sa.Column("country", sa.Text(), nullable=True),
        sa.Column("region", sa.Text(), nullable=True),
        sa.Column("locale", sa.Text(), nullable=True),
        sa.Column("household", sa.Text(), nullable=True),
        sa.Column("account", sa.Text(), nullable=True),
        sa.Column("attributes", sa.Text(), nullable=True),
        sa.Column("hours", sa.Text(), nullable=True),
        sa.Column("days", sa.Text(), nullable=True),
        sa.Column("less_often", sa.Text(), nullable=True),
        sa.Column("wish_at", sa.BigInteger(), nullable=True),
        sa.Column("snooze_until", sa.BigInteger(), nullable=True),
        sa.Column("snooze_at", sa.BigInteger(), nullable=True),
        sa.Column("orders", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("spend", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.Column("first_purchase", sa.BigInteger(), nullable=True),
        sa.Column("last_touch", sa.BigInteger(), nullable=True),
        sa.Column("last_reply", sa.BigInteger(), nullable=True),
        sa.Column("last_click", sa.BigInteger(), nullable=True),
        sa.Column("last_visit", sa.BigInteger(), nullable=True),
        sa.Column("last_purchase", sa.BigInteger(), nullable=True),
        sa.Column("last_call_answered", sa.BigInteger(), nullable=True),
        sa.Column("last_conversation", sa.BigInteger(), nullable=True),
        sa.Column("last_inquiry", sa.BigInteger(), nullable=True),
        sa.Column("last_refusal", sa.BigInteger(), nullable=True),
        sa.Column("last_open", sa.BigInteger(), nullable=True),
        sa.Column("last_opt_in", sa.BigInteger(), nullable=True),
        sa.Column("last_opt_out", sa.BigInteger(), nullable=True),
        sa.Column("last_complaint", sa.BigInteger(), nullable=True),
        sa.Column("last_incident", sa.BigInteger(), nullable=True),
        sa.Column("last_incident_resolved", sa.BigInteger(), nullable=True),
        sa.Column("last_ticket_opened", sa.BigInteger(), nullable=True),
        sa.Column("last_ticket_solved", sa.BigInteger(), nullable=True),
        sa.Column("last_promise_kept", sa.BigInteger(), nullable=True),
        sa.Column("last_promise_broken", sa.BigInteger(), nullable=True),
        sa.Column("segment", sa.Text(), nullable=True),
        sa.Column("segment_at", sa.BigInteger(), nullable=True),
        sa.Column("next_change_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("shard", "id", name=op.f("pk_contact")),
    )
    with op.batch_alter_table("contact") as batch_op:
        batch_op.create_index(
            "ix_contact_next_change",
            ["shard", "next_change_at"],
            unique=False,
            sqlite_where=sa.text("next_change_at IS NOT NULL"),
            postgresql_where=sa.text("next_change_at IS NOT NULL"),
        )
        batch_op.create_index("ix_contact_shard_circle", ["shard", "circle"], unique=False)


def _daemon() -> None:
    op.create_table(
        "daemon",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=True),
        sa.Column("pid", sa.BigInteger(), nullable=True),
        sa.Column("started_ticks", sa.BigInteger(), nullable=True),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("heartbeat_at", sa.BigInteger(), nullable=True),
        sa.Column("clock_now", sa.BigInteger(), nullable=True),
        sa.Column("policy", sa.Text(), nullable=True),
        sa.Column("last_tick", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_daemon")),
    )


def _decision() -> None:
    op.create_table(
        "decision",
        sa.Column("shard", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("circle", sa.BigInteger(), nullable=False),
        sa.Column("contact", sa.BigInteger(), nullable=False),
        sa.Column("message", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("verdict", sa.SmallInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("held", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.Column("watched", sa.Text(), nullable=True),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("segment", sa.Text(), nullable=True),
        sa.Column("seen_number", sa.BigInteger(), nullable=False),
        sa.Column("daemon", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("shard", "id", name=op.f("pk_decision")),
    )
    with op.batch_alter_table("decision") as batch_op:
        batch_op.create_index("ix_decision_shard_at", ["shard", "at"], unique=False)
        batch_op.create_index("ix_decision_shard_contact_at", ["shard", "contact", "at"], unique=False)
        batch_op.create_index("ix_decision_shard_message", ["shard", "message"], unique=False)


def _directory() -> None:
    op.create_table(
        "directory",
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("slot", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("contact", sa.BigInteger(), nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("message", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("value", "kind", "slot", name=op.f("pk_directory")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("directory") as batch_op:
        batch_op.create_index("ix_directory_contact", ["contact"], unique=False)


def _event() -> None:
    op.create_table(
        "event",
        sa.Column("shard", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("circle", sa.BigInteger(), nullable=False),
        sa.Column("contact", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("amount", sa.Double(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("applied", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.PrimaryKeyConstraint("shard", "id", name=op.f("pk_event")),
    )
    with op.batch_alter_table("event") as batch_op:
        batch_op.create_index("ix_event_shard_circle_at", ["shard", "circle", "at"], unique=False)
        batch_op.create_index(
            "ix_event_unapplied",
            ["shard", "at"],
            unique=False,
            sqlite_where=sa.text("NOT applied"),
            postgresql_where=sa.text("NOT applied"),
        )
        batch_op.create_index("uq_event_source", ["shard", "contact", "source", "source_id"], unique=True)


def _hold() -> None:
    op.create_table(
        "hold",
        sa.Column("shard", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("circle", sa.BigInteger(), nullable=False),
        sa.Column("contact", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("from_at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("shard", "id", name=op.f("pk_hold")),
    )
    with op.batch_alter_table("hold") as batch_op:
        batch_op.create_index("ix_hold_shard_circle", ["shard", "circle"], unique=False)
        batch_op.create_index("uq_hold_about", ["shard", "contact", "kind", "about"], unique=True)


def _installation() -> None:
    op.create_table(
        "installation",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("shards", sa.Integer(), nullable=False),
        sa.Column("last_now", sa.BigInteger(), nullable=True),
        sa.Column("agreed_jump_at", sa.BigInteger(), nullable=True),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_installation")),
    )


def _message() -> None:
    op.create_table(
        "message",
        sa.Column("shard", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("circle", sa.BigInteger(), nullable=False),
        sa.Column("contact", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("rule", sa.Text(), nullable=True),
        sa.Column("asked_at", sa.BigInteger(), nullable=True),
        sa.Column("ask_because", sa.Text(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("campaign", sa.Text(), nullable=True),
        sa.Column("run", sa.BigInteger(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=True),
        sa.Column("thread", sa.Text(), nullable=True),
        sa.Column("topic", sa.Text(), nullable=True),
        sa.Column("tags", sa.Text(), nullable=True),
        sa.Column("trigger_kind", sa.Text(), nullable=True),
        sa.Column("trigger_at", sa.BigInteger(), nullable=True),
        sa.Column("priority", sa.Double(), nullable=True),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("about", sa.Text(), nullable=True),
        sa.Column("collapse", sa.Text(), nullable=True),
        sa.Column("stop_on", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("caller_key", sa.Text(), nullable=True),
        sa.Column("variables", sa.Text(), nullable=True),
        sa.Column("decision", sa.BigInteger(), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("touch", sa.BigInteger(), nullable=True),
        sa.Column("hand_over_at", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("provider", sa.Text(), nullable=True),
        sa.Column("provider_id", sa.Text(), nullable=True),
        sa.Column("sender", sa.Text(), nullable=True),
        sa.Column("doubt_at", sa.BigInteger(), nullable=True),
        sa.Column("outcome_at", sa.BigInteger(), nullable=True),
        sa.Column("because", sa.Text(), nullable=True),
        sa.Column("released_at", sa.BigInteger(), nullable=True),
        sa.Column("released_by", sa.Text(), nullable=True),
        sa.Column("released_reason", sa.Text(), nullable=True),
        sa.Column("revives", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("shard", "id", name=op.f("pk_message")),
    )
    with op.batch_alter_table("message") as batch_op:
        batch_op.create_index(
            "ix_message_due",
            ["shard", "due_at"],
            unique=False,
            sqlite_where=sa.text("state = 'waiting'"),
            postgresql_where=sa.text("state = 'waiting'"),
        )
        batch_op.create_index(
            "ix_message_live",
            ["shard", "circle"],
            unique=False,
            sqlite_where=sa.text("state IN ('waiting', 'decided', 'sending', 'in_doubt')"),
            postgresql_where=sa.text("state IN ('waiting', 'decided', 'sending', 'in_doubt')"),
        )
        batch_op.create_index(
            "ix_message_out",
            ["shard", "state"],
            unique=False,
            sqlite_where=sa.text("state IN ('decided', 'sending', 'in_doubt')"),
            postgresql_where=sa.text("state IN ('decided', 'sending', 'in_doubt')"),
        )
        batch_op.create_index("ix_message_shard_contact", ["shard", "contact"], unique=False)


def _policy_use() -> None:
    op.create_table(
        "policy_use",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy_use")),
    )
    with op.batch_alter_table("policy_use") as batch_op:
        batch_op.create_index("ix_policy_use_at", ["at"], unique=False)


def _policy_version() -> None:
    op.create_table(
        "policy_version",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_policy_version")),
    )


def _provider() -> None:
    op.create_table(
        "provider",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("breaker", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=True),
        sa.Column("reopen_at", sa.BigInteger(), nullable=True),
        sa.Column("because", sa.Text(), nullable=True),
        sa.Column("updated_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_provider")),
    )


def _shard() -> None:
    op.create_table(
        "shard",
        sa.Column("shard", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("holder", sa.Text(), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("seq", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("policy", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("shard", name=op.f("pk_shard")),
    )


def _touch() -> None:
    op.create_table(
        "touch",
        sa.Column("shard", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("circle", sa.BigInteger(), nullable=False),
        sa.Column("contact", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("campaign", sa.Text(), nullable=True),
        sa.Column("thread", sa.Text(), nullable=True),
        sa.Column("topic", sa.Text(), nullable=True),
        sa.Column("content", sa.Text(), nullable=True),
        sa.Column("mailbox", sa.Text(), nullable=True),
        sa.Column("triggered", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("message", sa.BigInteger(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("withdrawn_at", sa.BigInteger(), nullable=True),
        sa.Column("withdrawn_number", sa.BigInteger(), nullable=True),
        sa.Column("withdrawn_because", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("shard", "id", name=op.f("pk_touch")),
    )
    with op.batch_alter_table("touch") as batch_op:
        batch_op.create_index("ix_touch_shard_circle_at", ["shard", "circle", "at"], unique=False)
        batch_op.create_index("uq_touch_source", ["shard", "contact", "source", "source_id"], unique=True)
