"""`cadence check --against-queue`: what would change for the messages that wait now if this policy became the active one.

The comparing is the workbench's; here it is told. Nothing is changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from sqlalchemy import Connection

from cadence.calendar.shown import on_calendar
from cadence.cli.facts_at_hand import of_circles
from cadence.cli.installation import Installation
from cadence.cli.screen import FINE, counted, errors, print_json, reader_zone, screen, table, when
from cadence.decide.decision import text_of
from cadence.facts import Verdict, instant
from cadence.policy.load import from_content
from cadence.policy.policy import Policy
from cadence.settings import Settings
from cadence.store import policies
from cadence.store.accounts import outlook
from cadence.store.find import find_contacts
from cadence.workbench.against import Answer, Change, Compared, Comparison, compare_queue

SHOWN = 5


def against_queue(policy: Policy, settings: Settings, json: bool) -> int:
    """Compare a policy with the active one over everything that waits. Exit 0: comparing says neither yes nor no."""
    installation = Installation.open(settings)
    with installation.store.read() as conn:
        latest = policies.latest(conn)
        content = policies.content_of(conn, latest.hash) if latest is not None else None
    now = installation.now()
    active = from_content(content) if content is not None else policy
    with Progress(console=errors(), transient=True, disable=json or not errors().is_terminal) as bars:
        bar = bars.add_task("asking both policies", total=None)
        found = compare_queue(
            installation.store, active, policy, now, lambda done, of: bars.update(bar, completed=done, total=of)
        )
        with installation.store.read() as conn:
            circles = outlook(conn, policy.over_accounts)
            names = _names(conn, found)
    if json:
        large = [{"contacts": size, "of": someone} for size, someone in circles.large]
        told = {**_as_json(found, names, active, policy, now), "circles": {"merging": circles.merging, "large": large}}
        print_json(told)
        return FINE
    out = screen()
    if latest is None:
        out.print("No policy was ever the active one, so there is nothing that this one would change.")
    elif active.hash == policy.hash:
        out.print(f"This is the active policy, version {policy.hash[:12]}: nothing would change.")
    else:
        _tell(out, found, names, active, policy)
    for said in of_circles(circles):
        out.print(f"[yellow]warning:[/] {escape(said)}")
    return FINE


def _names(conn: Connection, found: Comparison) -> dict[int, str]:
    """What the contacts of the examples are called where they come from, else our own numbers of them."""
    shown = {one.contact for examples in found.examples.values() for one in examples[:SHOWN]}
    known = {c: next((f.outside_id for f in find_contacts(conn, str(c)) if f.id == c), None) for c in shown}
    return {contact: name or str(contact) for contact, name in known.items()}


def _tell(out: Console, found: Comparison, names: Mapping[int, str], active: Policy, policy: Policy) -> None:
    changed = sum(found.by_change.values())
    out.print(
        f"Of {counted(found.waiting, 'waiting message')} {found.compared:,} would be asked again: {changed:,} would change "
        f"if version {policy.hash[:12]} replaced {active.hash[:12]}."
    )
    if not changed:
        return
    counts = [[c.value, found.by_change[c]] for c in Change if found.by_change[c]]
    out.print()
    out.print("[bold]What would become of them[/]")
    out.print(table(None, ["change", "messages"], counts))
    order = list(Change)
    by_rule = sorted(found.by_rule.items(), key=lambda item: (order.index(item[0][0]), -item[1], item[0][1]))
    out.print()
    out.print("[bold]By rule[/]")
    out.print(table(None, ["change", "rule", "messages"], [[c.value, rule, n] for (c, rule), n in by_rule]))
    out.print()
    examples = [[c.value, *_cells(one, names)] for c in Change for one in found.examples.get(c, [])[:SHOWN]]
    columns = ["change", "message", "contact", "campaign or category", "before", "after"]
    out.print("[bold]For example[/]")
    out.print(table(None, columns, examples))
    out.print(escape("`cadence explain CONTACT --message ID` tells more of one as it stands now."))


def _cells(one: Compared, names: Mapping[int, str]) -> list[str]:
    who = names.get(one.contact, str(one.contact))
    return [str(one.message), who, one.campaign or one.category, _words(one.before), _words(one.after)]


def _words(answer: Answer) -> str:
    """An answer in a few words, in the reader's zone."""
    rule = f" ({answer.rule})" if answer.rule else ""
    if answer.verdict is Verdict.SEND:
        return "welcome now"
    return (when(answer.at, reader_zone()) if answer.verdict is Verdict.DEFER else "never") + rule


def _as_json(found: Comparison, names: Mapping[int, str], active: Policy, policy: Policy, now: int) -> dict[str, Any]:
    return {
        "at": text_of(instant(now)),
        "active": active.hash,
        "policy": policy.hash,
        "waiting": found.waiting,
        "asked_again": found.compared,
        "changes": {c.value: found.by_change[c] for c in Change},
        "by_rule": [{"change": c.value, "rule": rule, "messages": n} for (c, rule), n in found.by_rule.most_common()],
        "examples": {c.value: [_example(one, names) for one in shown[:SHOWN]] for c, shown in found.examples.items()},
    }


def _example(one: Compared, names: Mapping[int, str]) -> dict[str, Any]:
    def told(answer: Answer) -> dict[str, Any]:
        until = text_of(on_calendar(answer.at)) if answer.verdict is Verdict.DEFER else None
        return {"verdict": answer.verdict.word, "until": until, "rule": answer.rule}

    return {
        "message": str(one.message),
        "contact": names.get(one.contact, str(one.contact)),
        "contact_number": str(one.contact),
        "campaign": one.campaign,
        "category": one.category,
        "before": told(one.before),
        "after": told(one.after),
    }
