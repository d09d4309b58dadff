"""`cadence contact`: one contact, and everything on record of them in order of time.

Touches, decisions, messages, engagement, consents and what was changed by hand; nothing is decided here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import tzinfo
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.markup import escape
from rich.text import Text

from cadence.calendar import zone_index
from cadence.calendar.shown import on_calendar
from cadence.cli.installation import Installation
from cadence.cli.screen import FINE, print_json, reader_zone, screen, table, when
from cadence.decide.decision import text_of
from cadence.facts import DAY, instant
from cadence.policy.moments import moment_of
from cadence.queue.release import SOURCE as BY_HAND
from cadence.rules.sentence import sentence
from cadence.store import Store
from cadence.store.find import Found, find_contacts, members_of
from cadence.store.shown import pushes_of
from cadence.store.tables import LATEST
from cadence.store.timeline import Entry, contact_of, timeline

app = typer.Typer(add_completion=False)

KINDS = ("touch", "decision", "message", "event", "consent", "change")
_SHADES = {
    "touch": "cyan",
    "decision": "",
    "message": "dim",
    "event": "green",
    "consent": "magenta",
    "change": "yellow",
}
_TIMES = frozenset(
    {"at", "recorded_at", "until", "created_at", "due_at", "asked_at", "expires_at", "decided_at", "hand_over_at"}
    | {"outcome_at", "doubt_at", "released_at", "trigger_at", "withdrawn_at", "from_at", "ended_at", "bounced_at"}
    | {"snooze_until", "snooze_at", "wish_at", "first_purchase", "segment_at", "next_change_at"}
    | set(LATEST.values())
)
"""Columns that hold instants."""
_FLAGS = ("applied", "held", "triggered")


@app.command()
def contact(
    contact: Annotated[str, typer.Argument(help="Their id, an address, or our own number of them.")],
    kind: Annotated[list[str] | None, typer.Option(help=f"Only these: {', '.join(KINDS)}. Repeatable.")] = None,
    since: Annotated[str | None, typer.Option(help="Only from this instant or date on.")] = None,
    until: Annotated[str | None, typer.Option(help="Only before this instant or date.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="At most so many, the latest.")] = 200,
    zone: Annotated[str | None, typer.Option(help="Show times in this zone.")] = None,
    json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> int:
    """One contact, and all that is on record of them in order of time. Exit 2: nobody, or more than one, is meant."""
    if wrong := sorted(set(kind or ()) - set(KINDS)):
        raise ValueError(f"--kind {wrong[0]}: there is no such kind; there are {', '.join(KINDS)}")
    shown = reader_zone(zone)
    begin, end = instant_given(since, "--since", shown), instant_given(until, "--until", shown)
    installation = Installation.open()
    store, now = installation.store, installation.now()
    found = one_contact(store, contact)
    with store.read() as conn:
        card = contact_of(conn, (found.shard, found.id))
        others = [m for m in members_of(conn, (found.shard, found.circle)) if m.id != found.id]
        entries, left_out = timeline(conn, found.id, limit, kind or (), begin, end)
    if json:
        print_json(
            {
                "contact": _plain(card),
                "circle": [name_of(m) for m in others],
                "left_out": left_out,
                "timeline": [_entry_json(e) for e in entries],
            }
        )
        return FINE
    out = screen()
    _card(out, card, others, shown, now)
    _timeline(out, entries, left_out, shown)
    return FINE


def one_contact(store: Store, told: str) -> Found:
    """The one contact that somebody means. Raises ValueError where it is nobody, or several that share an address."""
    with store.read() as conn:
        found = find_contacts(conn, told)
    if not found:
        raise ValueError(
            f"nobody here is called {told!r}; give a contact's id, an address of theirs, or our number of them"
        )
    if len(found) > 1:
        names = ", ".join(name_of(f) for f in found[:10])
        raise ValueError(f"{told!r} is shared by {len(found)} contacts; say which: {names}")
    return found[0]


def name_of(found: Found) -> str:
    """The id that people know a contact by, else our own."""
    return found.outside_id or str(found.id)


def instant_given(text: str | None, option: str, zone: ZoneInfo, *, date_ends: bool = False) -> int | None:
    """An instant given on the command line; without an offset it is local to the reader's zone, and a date is its
    beginning, or its end with `date_ends`. ValueError for what is none."""
    if text is None:
        return None
    moment = moment_of(text)
    if moment is None:
        raise ValueError(f"{option}: found {text!r}; write an instant, for example 2026-03-06T12:00+01:00, or a date")
    if not moment.local:
        return moment.micros
    if date_ends and moment.whole_day:
        moment = replace(moment, micros=moment.micros + DAY)
    return int(moment.at(_codes(zone))[0])


def _codes(zone: tzinfo) -> Any:
    import numpy as np

    return np.array([zone_index(str(zone))], np.int32)


def _card(out: Console, card: Mapping[str, Any], others: Sequence[Found], zone: ZoneInfo, now: int) -> None:
    """Who it is."""
    name = card["outside_id"] or card["id"]
    out.print(f"[bold]Contact {escape(str(name))}[/]  (our number {card['id']})")
    addresses = [
        f"{a['channel']} {a['address']}" + (f" (bounced {when(a['bounced_at'], zone)})" if a["bounced_at"] else "")
        for a in card["addresses"]
    ]
    lines = {
        "segment": f"{card['segment']} (since {when(card['segment_at'], zone)})" if card["segment"] else None,
        "addresses": ", ".join(addresses) or "none",
        "zone": ", ".join(card["zones"]) or "the policy's default",
        "country": ", ".join(str(c) for c in (card["country"], card["region"]) if c),
        "locale": card["locale"],
        "household": card["household"],
        "account": card["account"],
        "decided with": ", ".join(name_of(m) for m in others[:10]) + (" ..." if len(others) > 10 else ""),
        "attributes": ", ".join(f"{k}: {v}" for k, v in card["attributes"].items()),
        "purchases": f"{card['orders']:,}, {card['spend']:,.2f} in all" if card["orders"] else None,
        "own wishes": _wishes(card, zone, now),
        "held by": "; ".join(_hold(h, zone) for h in card["holds"] if h["until"] is None or h["until"] > now),
    }
    for word, value in lines.items():
        if value:
            out.print(f"  {word:<13} {escape(' '.join(str(value).splitlines()))}", soft_wrap=True)


def _wishes(card: Mapping[str, Any], zone: ZoneInfo, now: int) -> str:
    wishes = [
        f"at most {card['less_often']}" if card["less_often"] else "",
        f"nothing until {when(card['snooze_until'], zone)}" if (card["snooze_until"] or 0) > now else "",
        f"at {', '.join(card['hours'])}" if card["hours"] else "",
        f"on {', '.join(card['days'])}" if card["days"] else "",
    ]
    return "; ".join(w for w in wishes if w)


def _hold(hold: Mapping[str, Any], zone: ZoneInfo) -> str:
    about = f" {hold['about']}" if hold["about"] != hold["kind"] else ""
    until = f" until {when(hold['until'], zone)}" if on_calendar(hold["until"]) else ""
    reason = f" ({hold['reason']})" if hold["reason"] else ""
    return f"{hold['kind']}{about} since {when(hold['from_at'], zone)}{until}{reason}"


def _timeline(out: Console, entries: Sequence[Entry], left_out: int, zone: ZoneInfo) -> None:
    out.print()
    if not entries:
        out.print("Nothing is on record.")
        return
    rows = [[when(e.at, zone), e.what, *_said(e, zone)] for e in entries]
    made = table(None, [f"when ({zone.key})", "what", "", ""], [])
    for row, entry in zip(rows, entries, strict=True):
        shade = _SHADES[entry.what]
        made.add_row(row[0], Text(row[1], shade), Text(row[2], shade), Text(row[3]))
    out.print(made)
    if left_out:
        out.print(f"{left_out:,} earlier ones aren't shown; --limit shows more.")


def _said(entry: Entry, zone: ZoneInfo) -> tuple[str, str]:
    """An entry in a few words, and what goes with it."""
    return {
        "touch": _touch,
        "decision": _decision,
        "message": _message,
        "event": _event,
        "consent": _consent,
        "change": _change,
    }[entry.what](entry.columns, zone)


def _joined(*parts: object) -> str:
    return ", ".join(str(p) for p in parts if p)


def _told(c: Mapping[str, Any]) -> str:
    """Where it is known from: a system, or one of us."""
    return "by hand" if c["source"] == BY_HAND else f"told by {c['source']}"


def _touch(c: Mapping[str, Any], zone: ZoneInfo) -> tuple[str, str]:
    gone = f"withdrawn {when(c['withdrawn_at'], zone)}: {c.get('withdrawn_because', '')}" if "withdrawn_at" in c else ""
    by = f"message {c['message']}" if "message" in c else _told(c)
    return _joined(c.get("category", "a touch"), c["channel"]), _joined(c.get("campaign"), c.get("outcome"), gone, by)


def _decision(c: Mapping[str, Any], zone: ZoneInfo) -> tuple[str, str]:
    until = f" until {when(c['until'], zone)}" if c["verdict"] == "defer" and "until" in c else ""
    until = ", not yet known until when" if c["held"] else until
    by = f" by {c['rule']}" if "rule" in c else ""
    return f"{c['verdict']}{until}{by}", _joined(
        f"decision {c['id']}",
        f"message {c['message']}",
        f"segment {c['segment']}" if "segment" in c else "",
        f"policy {c['policy'][:8]}",
    )


def _message(c: Mapping[str, Any], zone: ZoneInfo) -> tuple[str, str]:
    due = f" until {when(c['due_at'], zone)}" if "due_at" in c else ""
    of = c.get("campaign", c["category"])
    return f"{of} by {c['channel']}: {c['state']}{due}", _joined(f"message {c['id']}", c.get("because"))


def _event(c: Mapping[str, Any], zone: ZoneInfo) -> tuple[str, str]:
    amount = f"{c['amount']:,.2f} {c.get('currency', '')}".strip() if "amount" in c else ""
    until = f"until {when(c['until'], zone)}" if "until" in c else ""
    ahead = "" if c.get("applied", True) else "not yet come"
    said = _joined(c["kind"].replace("_", " "), c.get("subject"))
    return said, _joined(amount, c.get("channel"), until, ahead, _told(c))


def _consent(c: Mapping[str, Any], zone: ZoneInfo) -> tuple[str, str]:
    about = f"{c.get('category', 'all')} by {c['channel']}" if "channel" in c else c.get("category", "all")
    return f"{c['kind'].replace('_', ' ')}: {about}", _joined(_told(c), c.get("by"))


def _change(c: Mapping[str, Any], zone: ZoneInfo) -> tuple[str, str]:
    about = f"message {c['message']}" if "message" in c else ""
    return f"{c['what']} by {c['by']}", _joined(c.get("reason"), about)


def _entry_json(entry: Entry) -> dict[str, Any]:
    told = {"what": entry.what, "at": None if entry.at is None else text_of(instant(entry.at)), **_plain(entry.columns)}
    if entry.what == "decision":
        told["evidence"] = evidence_json(entry.columns.get("evidence", []))
    return told


def evidence_json(lines: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Evidence as the record keeps it, as `--json` shows it."""
    return [
        {
            "rule": p.rule,
            "kind": p.kind,
            "welcome_at": text_of(on_calendar(p.welcome_at)),
            "because": sentence(p, p.kind, "en", "UTC"),
            "touches": [str(t) for t in p.touches],
        }
        for p in pushes_of(lines)
    ]


def _plain(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Columns with instants as RFC 3339 and flags as such."""
    out: dict[str, Any] = {}
    for name, value in columns.items():
        if name in _TIMES and isinstance(value, int):
            out[name] = text_of(on_calendar(value))
        elif name in _FLAGS:
            out[name] = bool(value)
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            out[name] = [_plain(v) for v in value]
        else:
            out[name] = value
    return out


contact_command = typer.main.get_command(app)
