"""`cadence run`: the daemon, on the real clock until it is stopped, or on a virtual one through a stretch of time."""

from __future__ import annotations

from typing import Annotated

import typer

from cadence import daemon as daemons
from cadence import log
from cadence.cli.by_hand import who
from cadence.cli.installation import Installation, options_of
from cadence.cli.screen import FINE, counted, errors, print_json, wrong
from cadence.clock import Clock, VirtualClock
from cadence.policy.moments import moment_of
from cadence.settings import Settings, read
from cadence.store.ids import SHARDS

app = typer.Typer(add_completion=False)


@app.command()
def run(
    start: Annotated[
        str | None, typer.Option("--from", help="Live through time from this instant, on a virtual clock.")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", help="With --from: up to this instant.")] = None,
    speed: Annotated[float | None, typer.Option(help="With --from: at most so many virtual seconds a second.")] = None,
    once: Annotated[bool, typer.Option(help="Run what is due, and stop.")] = False,
    shadow: Annotated[bool, typer.Option(help="Decide and record, and hand nothing over.")] = False,
    agree_clock: Annotated[bool, typer.Option(help="Agree to the clock after it jumped.")] = False,
    agree_secret: Annotated[
        bool, typer.Option(help="Sign mails with the secret of these settings from now on, though it was another.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="The totals as JSON at the end.")] = False,
) -> int:
    """Run the daemon. SIGTERM ends it after the batch under way; SIGHUP reads the policy again."""
    settings = read(Settings)
    log.configure(level=settings.log_level)
    if start is None and (speed is not None or until is not None):
        return wrong("--speed and --until go with --from")
    begin, end = _instant(start, "--from"), _instant(until, "--until")
    virtual = None if begin is None else VirtualClock(begin, speed)
    if begin is not None and end is not None and end < begin:
        return wrong(f"--until {until} lies before --from {start}: nothing would be lived through")
    installation = Installation.open(settings, update=True, judged=True, tell=log.logger("run").warning)
    if agree_clock:
        daemons.agree_clock(installation.store, installation.clock_now(), who())
    if agree_secret:
        installation.agree_secret(who())
    clock: Clock = virtual or installation.real_clock()
    daemon = installation.daemon(clock, options_of(settings, once=once, shadow=shadow, until=end))
    daemons.settle_in()
    totals = daemon.run()
    if once:
        _tell_share(*daemon.share)
    if json:
        print_json(dict(totals))
    return FINE


def _tell_share(shards: int, others: int) -> None:
    """Say what a single run left to other daemons, lest one takes nothing done for nothing due."""
    if shards < SHARDS and others:
        held = f"only {shards} of {SHARDS} shards were" if shards else f"none of the {SHARDS} shards was"
        errors().print(
            f"{held} free for this run: {counted(others, 'other daemon is', 'other daemons are')} at work, and "
            f"{'does' if others == 1 else 'do'} what is due in the rest; `cadence status` shows how far",
        )


def _instant(text: str | None, option: str) -> int | None:
    """An instant given on the command line, a date being its first instant in UTC. ValueError for what is none."""
    if text is None:
        return None
    moment = moment_of(text)
    if moment is None:
        raise ValueError(f"{option}: found {text!r}; write an instant, for example 2026-03-06T12:00+01:00")
    return moment.micros


run_command = typer.main.get_command(app)
