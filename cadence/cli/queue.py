"""`cadence queue`: messages as they stand, what waits first: until when, by which rule, and why.

It only looks; `cadence release` lets one pass, `cadence explain` asks the rules again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from cadence.calendar.shown import on_calendar
from cadence.cli.installation import Installation
from cadence.cli.screen import FINE, print_json, reader_zone, screen, table, when
from cadence.decide.decision import text_of
from cadence.policy.finding import nearest
from cadence.queue.endings import UNWRITTEN
from cadence.queue.states import State
from cadence.store import Store, listing
from cadence.store.find import find_contacts
from cadence.store.tables import LIVE_STATES

app = typer.Typer(add_completion=False)

_TIMES = ("until", "due_at", "asked_at", "expires_at", "created_at", "outcome_at")
_NUMBERS = ("id", "contact")


@app.command()
def queue(
    contact: Annotated[str | None, typer.Option(help="Only this contact's: an id or an address.")] = None,
    campaign: Annotated[str | None, typer.Option(help="Only this campaign's.")] = None,
    state: Annotated[list[str] | None, typer.Option(help="In this state. Repeatable. Default: all not ended.")] = None,
    rule: Annotated[str | None, typer.Option(help="Only those that this rule bound.")] = None,
    segment: Annotated[str | None, typer.Option(help="Only contacts of this segment.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="At most so many.")] = 50,
    zone: Annotated[str | None, typer.Option(help="Show times in this zone.")] = None,
    json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> int:
    """What waits, until when, and by which rule; what is due first comes first."""
    shown = reader_zone(zone)
    states = [state_of(s) for s in state] if state else LIVE_STATES
    store = Installation.open().store
    wanted = listing.Filter(
        contacts=contacts_meant(store, contact), campaign=campaign, rule=rule, segment=segment, states=states
    )
    with store.read() as conn:
        total = listing.how_many(conn, wanted)
        rows = listing.messages(conn, wanted, limit)
    if json:
        print_json({"total": total, "messages": [_as_json(r) for r in rows]})
        return FINE
    out = screen()
    if not rows:
        out.print("No such message." if total == 0 and (state or contact) else "Nothing is waiting.")
        return FINE
    out.print(table(None, _columns(rows), _cells(rows, shown)))
    if total > len(rows):
        out.print(f"{total - len(rows):,} more aren't shown; --limit shows more.")
    return FINE


def _columns(rows: Sequence[listing.Queued]) -> tuple[str, ...]:
    """The headings: what has ended has an instant at which it ended, what waits one at which it is welcome."""
    waits = {r.state in LIVE_STATES for r in rows}
    at = "welcome" if waits == {True} else "ended" if waits == {False} else "welcome or ended"
    return ("message", "contact", "campaign", "segment", "state", "why", at, "asked next")


def _cells(rows: Sequence[listing.Queued], zone: ZoneInfo) -> list[list[Any]]:
    return [
        [
            str(r.id),
            r.outside_id or str(r.contact),
            r.campaign or r.category,
            r.segment or "",
            r.state,
            _why(r),
            _welcome(r, zone),
            when(r.due_at, zone) if r.state == State.WAITING else "",
        ]
        for r in rows
    ]


def _why(row: listing.Queued) -> str:
    """What waits or was suppressed: the rule that bound, else what it waits for; what ended otherwise: why."""
    if row.state != State.WAITING:
        return (row.rule if row.state == State.SUPPRESSED else None) or row.because or row.rule or ""
    if row.rule not in (None, UNWRITTEN):
        return str(row.rule)
    if row.asked_at is None:
        return "not asked yet"
    return (row.ask_because or "").replace("_", " ")


def _welcome(row: listing.Queued, zone: ZoneInfo) -> str:
    if row.state != State.WAITING:
        return when(row.outcome_at, zone) if row.outcome_at is not None else ""
    if row.until is None:
        return "not yet known" if row.rule not in (None, UNWRITTEN) else ""
    return when(row.until, zone)


def _as_json(row: listing.Queued) -> dict[str, Any]:
    """Instants as RFC 3339, our own numbers as texts, which JSON readers don't round."""
    out: dict[str, Any] = {}
    for name in row.__slots__:
        value = getattr(row, name)
        if value is not None and name in _TIMES:
            value = text_of(on_calendar(value))
        out["contact_number" if name == "contact" else name] = (
            str(value) if name in _NUMBERS and value is not None else value
        )
    out["contact"] = out.pop("outside_id")
    return out


def state_of(word: str) -> str:
    """A state of messages as somebody wrote it. ValueError with what is allowed for one that is none."""
    states = [s.value for s in State]
    if word in states:
        return word
    near = nearest(word, states)
    meant = f" Did you mean {near!r}?" if near else ""
    raise ValueError(f"--state {word!r}: there is no such state.{meant} There are {', '.join(states)}")


def contacts_meant(store: Store, told: str | None) -> list[tuple[int, int]] | None:
    """All contacts that somebody means, as (shard, id); those who share an address are all meant. None for no word;
    ValueError where it is nobody."""
    if told is None:
        return None
    with store.read() as conn:
        found = find_contacts(conn, told)
    if not found:
        raise ValueError(f"--contact {told!r}: nobody here is called so; give an id, an address, or our number of them")
    return [(f.shard, f.id) for f in found]


queue_command = typer.main.get_command(app)
