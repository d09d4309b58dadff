"""`cadence db`: make the database, bring it up to date, say its version, remove what has been kept long enough."""

from __future__ import annotations

from typing import Annotated

import typer

from cadence.cli.installation import Installation, tell_strangers
from cadence.cli.screen import FINE, print_json, screen
from cadence.clock import LARGEST_JUMP
from cadence.daemon import unsettled_jump
from cadence.decide.needs import needs
from cadence.policy.load import load_policy
from cadence.queue.agreement import Gap, unsettled_gap
from cadence.settings import Settings, read
from cadence.store import Store, status
from cadence.store.migrate import Versions
from cadence.store.prune import prune as remove_old

app = typer.Typer(add_completion=False, help="Make, update and look after the database.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="For machines.")]


Distributed = Annotated[
    bool, typer.Option("--distributed", help="Spread the tables over the machines of a PostgreSQL with Citus, too.")
]


@app.command()
def init(distributed: Distributed = False, json: AsJson = False) -> int:
    """Make the database, if it isn't there, and bring it up to date."""
    installation = Installation.open(update=True)
    if distributed:
        installation.store.distribute()
    return _tell(installation.store, json)


@app.command()
def migrate(json: AsJson = False) -> int:
    """Bring the database up to date. Safe to run again, and while daemons of the version before are at work: where they
    couldn't work on, it says so and changes nothing."""
    installation = Installation.open(update=True)
    return _tell(installation.store, json)


@app.command()
def version(json: AsJson = False) -> int:
    """Which version the database is at, and which one this release knows. Changes nothing."""
    tell_strangers()
    return _tell(Store.open(read(Settings).database_url, made=True), json)


@app.command()
def prune(json: AsJson = False) -> int:
    """Remove what has been kept as long as the settings say. The daemon does this by itself once a day."""
    installation = Installation.open()
    reach = needs(load_policy(installation.settings.policy)).reach
    removed = remove_old(installation.store, trusted_now(installation), installation.kept(), reach)
    if json:
        print_json(removed)
    else:
        screen().print(", ".join(f"{n:,} of {name}" for name, n in removed.items()) + " removed")
    return FINE


def trusted_now(installation: Installation) -> int:
    """The instant by the installation's clock. ValueError where that clock may be wrong: what is removed is gone for good."""
    with installation.store.read() as conn:
        latest = status.latest_now(conn)
    now = installation.clock_now()
    doubt = unsettled_jump(installation.store) or unsettled_gap(installation.store)
    if doubt is None and latest is not None and now - latest > LARGEST_JUMP:
        doubt = Gap(latest, now)
    if doubt is not None:
        raise ValueError(f"nothing was removed, because what is removed is gone for good: {doubt.sentence}")
    return now


def _tell(store: Store, json: bool) -> int:
    there, spread = store.versions(), store.is_distributed()
    if json:
        told = {"version": there.found, "known": there.known, "serves": there.serves}
        print_json({**told, "database": store.dialect, "distributed": spread})
        return FINE
    out = screen()
    out.print(f"Version {there.found}, {store.dialect}{', distributed' if spread else ''}; {_beside(there)}.")
    if there.serves:
        out.print(f"Releases that know version {there.serves} or a later one can work with it.")
    return FINE


def _beside(there: Versions) -> str:
    """What that is to this release, in words."""
    if there.older:
        return f"this release needs {there.known}: `cadence db migrate` brings it there"
    if there.newer:
        can = "works with it as it is" if there.served else "can't work with it"
        return f"this release knows up to {there.known}, and {can}"
    return "that is this release's"


db_command = typer.main.get_command(app)
