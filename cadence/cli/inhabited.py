"""`cadence check --contacts`: how many contacts each segment of a policy would have now, and which nobody is in.

Nothing is changed: the segments are worked out as a decision does it, and counted.
"""

from __future__ import annotations

from collections import Counter

from rich.markup import escape
from rich.progress import Progress

from cadence.cli.installation import Installation
from cadence.cli.screen import FINE, counted, errors, print_json, screen, table
from cadence.decide.decision import text_of
from cadence.facts import instant
from cadence.policy.policy import Policy
from cadence.queue.refresh import segments_of_all
from cadence.settings import Settings
from cadence.store import Store


def inhabited(policy: Policy, settings: Settings, json: bool) -> int:
    """Count the contacts of each segment. Exit 0: an empty segment is a thing to know, not an error."""
    installation = Installation.open(settings)
    store, now = installation.store, installation.now()
    found_in, before = _count(store, policy, now, json)
    total = found_in.total()
    names = [s.name for s in policy.segments]
    if json:
        segments = [{"name": n, "contacts": found_in[n], "now_stored": before[n]} for n in names]
        print_json({"at": text_of(instant(now)), "policy": policy.hash, "contacts": total, "segments": segments})
        return FINE
    out = screen()
    out.print(f"{counted(total, 'contact')} under version {policy.hash[:12]}")
    share = [f"{found_in[n] / total:.1%}" if total else "-" for n in names]
    rows = [[n, found_in[n], s, before[n]] for n, s in zip(names, share, strict=True)]
    out.print(table(None, ["segment", "contacts", "share", "in it by what is stored"], rows))
    for name in names if total else ():
        if not found_in[name]:
            out.print(f"[yellow]warning:[/] nobody is in segment '{escape(name)}'")
    return FINE


def _count(store: Store, policy: Policy, now: int, json: bool) -> tuple[Counter[str | None], Counter[str | None]]:
    """Contacts by their segment under this policy, and by the stored one."""
    found_in: Counter[str | None] = Counter()
    before: Counter[str | None] = Counter()
    with Progress(console=errors(), transient=True, disable=json or not errors().is_terminal) as bars:
        bar = bars.add_task("contacts", total=None)
        for found, stored in segments_of_all(store, policy, now):
            found_in.update(found.values())
            before.update(stored.values())
            bars.update(bar, advance=len(found))
    return found_in, before
