"""What `cadence check` has to say about a policy and the facts at hand: names in history that it doesn't know, opt-ins
without a date where consent lapses, circles that it would merge, circles that are very large.

Only looked at where there is a database already; a policy can be checked without one.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cadence.cli.screen import counted
from cadence.facts import key
from cadence.policy.condition_reader import RESERVED_CONSENTS
from cadence.policy.finding import Finding, Place, nearest, warning
from cadence.policy.policy import Policy
from cadence.rules.rule import Category
from cadence.settings import Settings
from cadence.store import Store
from cadence.store.accounts import Outlook, outlook
from cadence.store.errors import StoreError
from cadence.store.names import categories_told, undated_opt_ins


def beside_the_facts(policy: Policy, where: Path, settings: Settings) -> list[Finding]:
    """Warnings; none where there is no database yet, or none that can be asked."""
    url = settings.database_url
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists():
        return []
    place = Place(str(where))
    try:
        with Store.open(url).read() as conn:
            circles = (warning(place, said) for said in of_circles(outlook(conn, policy.over_accounts)))
            return [*_unknown_names(policy, place, conn), *_undated(policy, place, conn), *circles]
    except (StoreError, sa.exc.SQLAlchemyError):
        return []


def _unknown_names(policy: Policy, place: Place, conn: Connection) -> Iterator[Finding]:
    for name, count in sorted(categories_told(conn).items()):
        if key(name) not in policy.by_key and name not in RESERVED_CONSENTS:
            near = nearest(name, policy.categories)
            yield warning(
                place,
                f"history names the category '{name}' ({counted(count, 'time')}), which the policy doesn't know; its "
                f"touches count. Was it renamed? Then write was: [{name}] with the category that it is now",
                suggestion=near,
            )


def _undated(policy: Policy, place: Place, conn: Connection) -> Iterator[Finding]:
    undated = undated_opt_ins(conn)
    for category in policy.categories.values():
        count = sum(n for named, channel, n in undated if _lapses(category, named, channel))
        if count:
            yield warning(
                place,
                f"consent to '{category.name}' lapses, but {counted(count, 'opt-in to it has', 'opt-ins to it have')} no date "
                "and never will; "
                "import what was given with the date on which it was",
            )


def _lapses(category: Category, named: str | None, channel: str | None) -> bool:
    """Whether such an opt-in is one to the category, on a channel on which consent to it lapses."""
    if category.transactional or not (named is None or named in (category.name, *category.was)):
        return False
    needs = [category.need(key(channel))] if channel else [category.need(0), *category.consent.values()]
    return any(need.kind == "opt_in" and need.lasts is not None for need in needs)


def of_circles(found: Outlook) -> Iterator[str]:
    """A sentence for what a policy over accounts merges, and one for each circle that is then very large."""
    if found.merging:
        yield (
            f"it looks at whole accounts: {counted(found.merging, 'circle')} would become one with others, for good, and "
            "be decided together"
        )
    for size, someone in found.large:
        yield (
            f"the circle of contact {someone} has {size:,} contacts, who are all decided together; is an address, a "
            "household or an account shared by a whole company?"
        )
