"""`cadence suppressed`: what was stopped for good or held back, one by one with its sentence, or counted by one word.

It reads the record of decisions; what they were then, they stay."""

from __future__ import annotations

import csv as files
import sys
from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import typer

from cadence.calendar.shown import LAST_SHOWN, on_calendar
from cadence.cli.contact import instant_given
from cadence.cli.installation import Installation
from cadence.cli.queue import contacts_meant
from cadence.cli.screen import FINE, print_json, reader_zone, screen, table, when
from cadence.decide.decision import bound_by, text_of
from cadence.facts import Verdict, instant
from cadence.policy.moments import moment_of
from cadence.rules.sentence import sentence, too_late
from cadence.store import listing

app = typer.Typer(add_completion=False)

ALL = 10_000_000
"""More decisions than this aren't listed in one go."""


@app.command()
def suppressed(
    since: Annotated[str | None, typer.Option(help="From this instant or date on.")] = None,
    until: Annotated[str | None, typer.Option(help="Before this instant; a date is included.")] = None,
    rule: Annotated[str | None, typer.Option(help="Only by this rule.")] = None,
    segment: Annotated[str | None, typer.Option(help="Only contacts who were in this segment.")] = None,
    campaign: Annotated[str | None, typer.Option(help="Only this campaign's.")] = None,
    contact: Annotated[str | None, typer.Option(help="Only this contact's: an id or an address.")] = None,
    only: Annotated[Literal["suppress", "defer"] | None, typer.Option(help="Only what was stopped, or held.")] = None,
    by: Annotated[listing.By | None, typer.Option(help="Count instead of listing.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="At most so many, the latest; 0: all.")] = 50,
    zone: Annotated[str | None, typer.Option(help="Show times in this zone; days are its days.")] = None,
    csv: Annotated[bool, typer.Option("--csv", help="For spreadsheets.")] = False,
    json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> int:
    """What was stopped or held, by which rule, and why. `--by` counts: messages stopped for good, messages held at
    least once, and how often. What ended otherwise (expired, superseded...): `cadence queue --state`."""
    if csv and json:
        raise ValueError("--csv and --json: one of them")
    shown = reader_zone(zone)
    store = Installation.open().store
    wanted = listing.Filter(
        contacts=contacts_meant(store, contact),
        campaign=campaign,
        rule=rule,
        segment=segment,
        verdicts=[Verdict[only.upper()]] if only else [Verdict.SUPPRESS, Verdict.DEFER],
        since=instant_given(since, "--since", shown),
        until=_end(until, shown),
    )
    with store.read() as conn:
        if by is not None:
            counts = listing.counted(conn, wanted, by, shown.key)
            return _tell_counts(counts, by, csv, json)
        rows = listing.stopped(conn, wanted, limit or ALL)
    if json:
        print_json({"decisions": [_as_json(r) for r in rows]})
    elif csv:
        _write_csv([_flat(r) for r in rows], _FIELDS)
    else:
        _tell(rows, shown, limit)
    return FINE


def _end(text: str | None, zone: ZoneInfo) -> int | None:
    """A date given as the end is included: its last instant is the next one's first."""
    moment = moment_of(text) if text is not None else None
    if moment is not None and moment.whole_day and text is not None:
        following = date.fromisoformat(text).toordinal() + 1
        return instant_given(date.fromordinal(following).isoformat(), "--until", zone)
    return instant_given(text, "--until", zone)


def _tell_counts(counts: Sequence[listing.Count], by: listing.By, csv: bool, json: bool) -> int:
    names = [by, "stopped", "held", "times_held"]
    rows = [[_word(c.of), c.stopped, c.held, c.times] for c in counts]
    if json:
        print_json({"by": by, "counts": [dict(zip(names, row, strict=True)) for row in rows]})
    elif csv:
        _write_csv([dict(zip(names, row, strict=True)) for row in rows], names)
    elif not rows:
        screen().print("Nothing was stopped or held.")
    else:
        cells = [["(none)" if r[0] is None else r[0], *r[1:]] for r in rows]
        screen().print(table(None, [by, "messages stopped", "messages held", "times held"], cells))
    return FINE


def _word(of: str | date | None) -> str | None:
    return of.isoformat() if isinstance(of, date) else of


def _tell(rows: Sequence[listing.Stopped], zone: ZoneInfo, limit: int) -> None:
    out = screen()
    if not rows:
        out.print("Nothing was stopped or held.")
        return
    cells = [
        [
            when(r.at, zone),
            str(r.message),
            r.outside_id or str(r.contact),
            r.campaign or r.category or "",
            r.segment or "",
            _verdict(r, zone),
            r.rule or "",
            reason_of(r, zone.key),
        ]
        for r in rows
    ]
    out.print(table(None, ["when", "message", "contact", "campaign", "segment", "verdict", "rule", "why"], cells))
    if limit and len(rows) == limit:
        out.print(f"The latest {limit:,}; --limit shows more, --by counts all.")


def _verdict(row: listing.Stopped, zone: ZoneInfo) -> str:
    if row.verdict is Verdict.SUPPRESS:
        return "stopped"
    return "held, not yet known" if row.until is None else f"held until {when(row.until, zone)}"


def reason_of(row: listing.Stopped, zone: str) -> str:
    """The sentence of the rule that bound, in English and in a reader's zone."""
    bound = bound_by(row.pushes, row.rule)
    if bound is None:
        return "It had expired before it could be welcome."
    said = sentence(bound, bound.kind, "en", zone)
    late = row.verdict is Verdict.SUPPRESS and bound.welcome_at <= LAST_SHOWN
    return too_late(said, "en") if late else said


def _as_json(row: listing.Stopped) -> dict[str, Any]:
    """A decision as everywhere (verdict, until, rule, reason, evidence, policy), and what it was about."""
    evidence = [
        {
            "rule": p.rule,
            "kind": p.kind,
            "welcome_at": text_of(on_calendar(p.welcome_at)),
            "because": sentence(p, p.kind, "en", "UTC"),
            "touches": [str(t) for t in p.touches],
        }
        for p in row.pushes
    ]
    return {**_flat(row), "evidence": evidence}


_FIELDS = (
    "at", "decision", "message", "contact", "campaign", "category", "segment", "verdict", "until", "rule", "reason",
    "policy",
)  # fmt: skip


def _flat(row: listing.Stopped) -> dict[str, Any]:
    known = row.verdict is Verdict.DEFER and row.until is not None
    values = (
        text_of(instant(row.at)), str(row.id), str(row.message), row.outside_id or str(row.contact), row.campaign,
        row.category, row.segment, row.verdict.word, text_of(on_calendar(row.until)) if known else None, row.rule,
        reason_of(row, "UTC"), row.policy,
    )  # fmt: skip
    return dict(zip(_FIELDS, values, strict=True))


def _write_csv(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> None:
    out = files.DictWriter(sys.stdout, names, lineterminator="\n")
    out.writeheader()
    out.writerows({name: _no_formula(value) for name, value in row.items()} for row in rows)


def _no_formula(value: Any) -> Any:
    """A cell that no spreadsheet takes for something to work out."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


suppressed_command = typer.main.get_command(app)
