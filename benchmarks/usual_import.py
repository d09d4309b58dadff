"""The usual way to import contacts: row by row, looked up, and inserted where it isn't known, into the same tables and indexes.

It joins no circles and looks for no stops, so it does less."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from email_validator import validate_email
from world import NOW

from cadence.addresses import mailbox_of
from cadence.facts import EventKind
from cadence.store import Store
from cadence.store.ids import new_ids, shard_of

_BATCH = 5_000
_WHO = "SELECT shard, contact FROM directory WHERE value = ? AND kind = ?"
_ENTRY = "INSERT INTO directory (value, kind, slot, contact, shard) VALUES (?, ?, ?, ?, ?)"
_CIRCLE = "INSERT INTO circle (shard, id, size, next_number) VALUES (?, ?, 1, 3)"
_CONTACT = (
    "INSERT INTO contact (shard, id, circle, outside_id, zones, country, attributes, created_at, recorded_at) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_ADDRESS = (
    "INSERT INTO address (shard, contact, channel, address, circle, mailbox, at, recorded_at) "
    "VALUES (?, ?, 'email', ?, ?, ?, ?, ?)"
)
_CONSENT = (
    "INSERT INTO consent (shard, id, circle, contact, number, recorded_at, kind, category, channel, source, source_id) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'email', 'import', ?)"
)


def usual_import(store: Store, path: Path) -> int:
    """Imports the file in transactions as large as ours; returns how many of its contacts are new."""
    new = 0
    with path.open(encoding="utf-8", newline="") as file:
        for batch in _batches(csv.DictReader(file)):
            with store.write() as conn:
                cursor = conn.connection.cursor()
                mark = "?" if store.dialect == "sqlite" else "%s"

                def ask(sql: str, *values: Any, cursor: Any = cursor, mark: str = mark) -> Any:
                    return cursor.execute(sql.replace("?", mark), values)

                new += sum(_one(ask, row) for row in batch)
    return new


def _batches(rows: Iterator[dict[str, str]]) -> Iterator[list[dict[str, str]]]:
    while batch := list(islice(rows, _BATCH)):
        yield batch


def _one(ask: Callable[..., Any], row: dict[str, str]) -> bool:
    text = validate_email(row["addresses.email"], check_deliverability=False).normalized
    mailbox = mailbox_of("email", text)
    known = ask(_WHO, row["id"], "outside").fetchone() or ask(_WHO, mailbox, "mailbox").fetchone()
    if known is not None:
        return False
    who = int(new_ids(1)[0])
    shard = shard_of(who)
    ask(_CIRCLE, shard, who)
    attributes = json.dumps({"plan": row["attributes.plan"]})
    ask(_CONTACT, shard, who, who, row["id"], json.dumps([row["timezone"]]), row["country"], attributes, NOW, NOW)
    ask(_ENTRY, row["id"], "outside", 0, who, shard)
    ask(_ENTRY, mailbox, "mailbox", who, who, shard)
    ask(_ADDRESS, shard, who, text, who, mailbox, NOW, NOW)
    for number, category in enumerate(row["consents.email"].split("|"), start=1):
        consent = int(new_ids(1)[0])
        ask(
            _CONSENT,
            shard,
            consent,
            who,
            who,
            number,
            NOW,
            int(EventKind.OPT_IN),
            category,
            f"undated:email:{category}",
        )
    return True
