"""The versions of the policy that were ever active, by the hash of their content, and which was active when.

Kept for ever: every decision names the version it was made by. Reading one back into rules is the policy's own
business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cadence.policy.policy import Policy
from cadence.store.bulk import insert_rows
from cadence.store.ids import new_id
from cadence.store.tables import policy_use, policy_version


@dataclass(frozen=True, slots=True)
class Use:
    """A policy that became the active one."""

    hash: str
    at: int
    by: str | None


def use(conn: Connection, policy: Policy, now: int, by: str, source: str | None = None) -> bool:
    """Store a version unless it is there, and write down that it is the active one from now on, unless it was
    already. Returns whether it wasn't."""
    columns: dict[str, Sequence[object]] = {
        "hash": [policy.hash],
        "content": [policy.content],
        "source": [source],
        "first_at": [now],
    }
    insert_rows(conn, policy_version, columns, on_conflict="nothing")
    last = latest(conn)
    if last is not None and last.hash == policy.hash:
        return False
    conn.execute(policy_use.insert().values(id=new_id(), hash=policy.hash, at=now, by=by))
    return True


def latest(conn: Connection) -> Use | None:
    """The policy that became active last; None before the first."""
    return next(iter(uses(conn, 1)), None)


def active(conn: Connection, at: int) -> str | None:
    """The hash of the policy that was the active one at an instant; None before the first."""
    asked = sa.select(policy_use.c.hash).where(policy_use.c.at <= at)
    found: str | None = conn.scalar(asked.order_by(policy_use.c.at.desc(), policy_use.c.id.desc()).limit(1))
    return found


def uses(conn: Connection, most: int = 100) -> list[Use]:
    """Which policies became active when, the last one first."""
    asked = sa.select(policy_use.c.hash, policy_use.c.at, policy_use.c.by)
    return [Use(r[0], r[1], r[2]) for r in conn.execute(asked.order_by(policy_use.c.id.desc()).limit(most))]


def content_of(conn: Connection, hash_: str) -> str | None:
    """The content of a version, as `cadence.policy.load.from_content` reads it; None for a hash that isn't known."""
    found: str | None = conn.scalar(sa.select(policy_version.c.content).where(policy_version.c.hash == hash_))
    return found
