"""What is stored of campaigns: what each says, its state, when it is due next in each zone, and its runs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cadence.store.bulk import insert_rows
from cadence.store.ids import new_id
from cadence.store.tables import UNDER_WAY, campaign, campaign_next, campaign_run, change


@dataclass(frozen=True, slots=True)
class Stored:
    """A campaign as the store has it."""

    name: str
    hash: str
    content: str
    """JSON, as its YAML said."""
    state: str
    state_at: int
    """Since when it has that state; of a new one, when it was first seen."""
    by: str | None


@dataclass(frozen=True, slots=True)
class Run:
    """One occurrence of a campaign: for all zones in which it comes at the same instant by the same wall clock."""

    id: int
    campaign: str
    zones: tuple[str, ...]
    """Empty: of all contacts, whatever their zone."""
    due_at: int
    slot: str
    state: str
    """running, done, or skipped."""
    cursor: str | None
    """Where its audience has been read up to."""
    planned: int
    """Messages accepted."""
    skipped: int
    """Contacts of the audience that got none, because of `at_most`."""
    started_at: int


def old_names(content: str) -> Sequence[str]:
    """What a campaign was called before, out of its JSON."""
    if '"was"' not in content:  # as in most: they aren't read each time
        return ()
    return json.loads(content).get("was") or ()


def campaigns_of(conn: Connection) -> dict[str, Stored]:
    """All campaigns ever seen, by name."""
    rows = conn.execute(sa.select(campaign)).all()
    return {r.name: Stored(r.name, r.hash, r.content, r.state, r.state_at or 0, r.by) for r in rows}


def save_campaign(conn: Connection, name: str, hash_: str, content: str) -> None:
    """What a known campaign says now."""
    conn.execute(campaign.update().where(campaign.c.name == name).values(hash=hash_, content=content))


def add_campaign(conn: Connection, name: str, hash_: str, content: str, state: str, now: int) -> None:
    """A campaign that is new here; by another daemon at the same time, too."""
    columns: dict[str, object] = {
        "name": name,
        "hash": hash_,
        "content": content,
        "state": state,
        "state_at": now,
        "by": "file",
    }
    insert_rows(conn, campaign, {k: [v] for k, v in columns.items()}, on_conflict="nothing")


def change_state(conn: Connection, name: str, state: str, now: int, by: str, reason: str | None) -> str | None:
    """Gives a campaign another state, on the record. Returns the one it had; None (and nothing is written) where there
    is no such campaign."""
    lock = sa.select(campaign.c.state).where(campaign.c.name == name).with_for_update()
    before = conn.execute(lock).scalar_one_or_none()
    if before is None:
        return None
    conn.execute(campaign.update().where(campaign.c.name == name).values(state=state, state_at=now, by=by))
    detail = json.dumps({"campaign": name, "from": before, "to": state}, ensure_ascii=False)
    conn.execute(
        change.insert().values(shard=0, id=new_id(), at=now, by=by, what="campaign", reason=reason, detail=detail)
    )
    return str(before)


def next_due(conn: Connection, name: str) -> dict[str, int | None]:
    """By zone when a campaign is due next; None: never again."""
    rows = conn.execute(
        sa.select(campaign_next.c.zone, campaign_next.c.next_due).where(campaign_next.c.campaign == name)
    )
    return {r[0]: r[1] for r in rows}


def all_next_due(conn: Connection) -> dict[str, dict[str, int | None]]:
    """The same of all campaigns, by name."""
    found: dict[str, dict[str, int | None]] = {}
    for name, zone, at in conn.execute(sa.select(campaign_next)).all():
        found.setdefault(name, {})[zone] = at
    return found


def next_of_running(conn: Connection) -> int | None:
    """When the first of all running campaigns is due by its schedule; None where none is."""
    running = campaign_next.c.campaign == campaign.c.name, campaign.c.state == "running", campaign_next.c.zone != ""
    found = conn.execute(sa.select(sa.func.min(campaign_next.c.next_due)).where(*running)).scalar_one()
    return None if found is None else int(found)


def save_next(conn: Connection, name: str, due: Mapping[str, int | None]) -> None:
    """When a campaign is due next in these zones; another daemon may say so at the same time."""
    upsert = sa.text(
        "INSERT INTO campaign_next (campaign, zone, next_due) VALUES (:campaign, :zone, :next_due) "
        "ON CONFLICT (campaign, zone) DO UPDATE SET next_due = excluded.next_due"
    )
    if due:
        conn.execute(upsert, [{"campaign": name, "zone": z, "next_due": due[z]} for z in sorted(due)])


def forget_next(conn: Connection, name: str) -> None:
    """Its schedule begins anew, with the next occurrence from now on."""
    conn.execute(campaign_next.delete().where(campaign_next.c.campaign == name))


def rename(conn: Connection, old: str, new: str, schedule: bool) -> None:
    """What is planned and was planned of a campaign is from now on that of another, which is the same under a new name. What
    that one has already stays as it is. schedule: also when it is due next; else its schedule begins anew."""
    for table, own in ((campaign_run, campaign_run.c.slot), (campaign_next, campaign_next.c.zone)):
        if schedule or table is campaign_run:
            there = sa.select(own).where(table.c.campaign == new)
            conn.execute(table.update().where(table.c.campaign == old, own.not_in(there)).values(campaign=new))
    forget_next(conn, old)


def add_run(
    conn: Connection, name: str, zones: Sequence[str], due_at: int, slot: str, state: str, now: int
) -> int | None:
    """Begins a run, or records one as skipped. None where that run is there already: another daemon was first."""
    id_ = new_id()
    columns: dict[str, list[object]] = {
        "id": [id_],
        "campaign": [name],
        "zone": [json.dumps(list(zones))],
        "due_at": [due_at],
        "slot": [slot],
        "state": [state],
        "started_at": [now],
        "ended_at": [None if state == "running" else now],
    }
    return id_ if insert_rows(conn, campaign_run, columns, on_conflict="nothing") else None


def runs_under_way(conn: Connection) -> list[Run]:
    """Runs whose audience hasn't been read to its end, oldest first."""
    mine = sa.select(campaign_run).where(sa.text(UNDER_WAY))
    return [_run(r) for r in conn.execute(mine.order_by(campaign_run.c.due_at, campaign_run.c.id)).all()]


def runs_of(conn: Connection, name: str, most: int = 20) -> list[Run]:
    """The latest runs of a campaign, newest first."""
    mine = sa.select(campaign_run).where(campaign_run.c.campaign == name)
    found = conn.execute(mine.order_by(campaign_run.c.due_at.desc(), campaign_run.c.id.desc()).limit(most)).all()
    return [_run(r) for r in found]


def run_at(conn: Connection, name: str, slot: str, *, lock: bool = False) -> Run | None:
    """The run of a campaign that has this slot; None where there is none. lock: until the transaction ends."""
    mine = sa.select(campaign_run).where(campaign_run.c.campaign == name, campaign_run.c.slot == slot)
    found = conn.execute(mine.with_for_update() if lock else mine).first()
    return None if found is None else _run(found)


def lock_run(conn: Connection, id_: int) -> Run | None:
    """A run that is under way, locked until the transaction ends; None where somebody has ended it."""
    mine = sa.select(campaign_run).where(campaign_run.c.id == id_, campaign_run.c.state == "running")
    found = conn.execute(mine.with_for_update()).first()
    return None if found is None else _run(found)


def advance_run(
    conn: Connection, id_: int, cursor: str | None, planned: int, skipped: int, ended_at: int | None
) -> None:
    """How far a run has come; with `ended_at` it is done. planned, skipped: in all."""
    values = {"cursor": cursor, "planned": planned, "skipped": skipped, "ended_at": ended_at}
    values |= {} if ended_at is None else {"state": "done"}
    conn.execute(campaign_run.update().where(campaign_run.c.id == id_).values(**values))


def planned_at(conn: Connection, name: str, wall: str) -> int:
    """Messages that all runs of one local occurrence have accepted."""
    mine = sa.select(sa.func.coalesce(sa.func.sum(campaign_run.c.planned), 0))
    of_wall = campaign_run.c.slot.startswith(f"{wall} @", autoescape=True)
    return int(conn.execute(mine.where(campaign_run.c.campaign == name, of_wall)).scalar_one())


def skipped_by_campaign(conn: Connection) -> dict[str, int]:
    """For each campaign how many of its audience got no message because of `at_most`, of the runs that are kept."""
    total = sa.func.sum(campaign_run.c.skipped)
    rows = conn.execute(sa.select(campaign_run.c.campaign, total).group_by(campaign_run.c.campaign)).all()
    return {r[0]: int(r[1]) for r in rows if r[1]}


def planned_between(conn: Connection, name: str, since: int, until: int) -> int:
    """Messages that runs begun from an instant on, and before another, have accepted."""
    mine = sa.select(sa.func.coalesce(sa.func.sum(campaign_run.c.planned), 0))
    where = (campaign_run.c.campaign == name, campaign_run.c.started_at >= since, campaign_run.c.started_at < until)
    return int(conn.execute(mine.where(*where)).scalar_one())


def _run(row: sa.Row[tuple[object, ...]]) -> Run:
    r = row._mapping
    zones = tuple(json.loads(r["zone"])) if r["zone"] else ()
    same = ("due_at", "slot", "state", "cursor", "planned", "skipped", "started_at")
    return Run(r["id"], r["campaign"], zones, *(r[name] for name in same))
