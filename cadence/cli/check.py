"""`cadence check`: a policy's errors and warnings at their places, its schema, its week, and what it would change.

It changes nothing. Where there is a database, a policy is held against its facts too; only `--against-queue` and
`--contacts` need one.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.markup import escape
from rich.text import Text

from cadence.calendar import zones_of_country
from cadence.cli.screen import FINE, NO, counted, print_json, screen, when, wrong
from cadence.facts import SECOND
from cadence.policy.finding import Finding
from cadence.policy.load import Loaded, load
from cadence.policy.policy import Policy
from cadence.policy.schema import schema_text
from cadence.policy.week import Stretch, Week, monday_of, places_named, quiet_week
from cadence.settings import Settings, read

app = typer.Typer(add_completion=False)

_SHADES = {"error": "bold red", "warning": "yellow"}


@app.command()
def check(
    path: Annotated[
        Path | None, typer.Argument(help="A policy file, or a folder of them. Default: the policy in use.")
    ] = None,
    schema: Annotated[bool, typer.Option(help="Print the JSON Schema for editors.")] = False,
    week: Annotated[bool, typer.Option(help="Draw the quiet hours of a week, a strip per zone.")] = False,
    zone: Annotated[list[str] | None, typer.Option(help="With --week: these zones.")] = None,
    country: Annotated[str | None, typer.Option(help="With --week: for contacts of this country.")] = None,
    start: Annotated[str | None, typer.Option(help="With --week: a date in that week.")] = None,
    against_queue: Annotated[bool, typer.Option(help="What it would change for the messages that wait now.")] = False,
    contacts: Annotated[bool, typer.Option(help="How many contacts each segment has now, and which nobody.")] = False,
    json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> int:
    """Check a policy: every error and warning at once, each at its place.

    Exit 0: fine (warnings too); 1: errors; 2: nothing to check."""
    if schema:
        typer.echo(schema_text(), nl=False)
        return FINE
    settings = read(Settings)
    where = path or settings.policy
    if not where.exists():
        return wrong(f"there is no policy at {where}; give a YAML file or a folder of them")
    loaded = load(where, campaigns=_campaigns(settings))
    if loaded.policy is None or loaded.errors:
        return _tell(loaded, where, json)
    if week:
        return _weeks(loaded.policy, zone, _country(country), _date(start), json)
    if against_queue:
        from cadence.cli.against import against_queue as compare

        return compare(loaded.policy, settings, json)
    if contacts:
        from cadence.cli.inhabited import inhabited

        return inhabited(loaded.policy, settings, json)
    from cadence.cli.facts_at_hand import beside_the_facts
    from cadence.cli.installation import tell_strangers

    tell_strangers()
    return _tell(
        replace(loaded, findings=(*loaded.findings, *beside_the_facts(loaded.policy, where, settings))), where, json
    )


def _campaigns(settings: Settings) -> list[str] | None:
    """The names, old ones too, of the campaigns that filters may speak of; None where there is no folder of them."""
    from cadence.policy.places import read as read_yaml

    if not settings.campaigns.is_dir():
        return None
    files = (f for f in settings.campaigns.rglob("*") if f.suffix in (".yaml", ".yml") and f.is_file())
    contents = [read_yaml(f)[0] for f in sorted(files)]
    plain = [c.plain() for c in contents if c is not None]
    named = [c for c in plain if isinstance(c, dict) and "name" in c]
    return [str(name) for c in named for name in (c["name"], *(c.get("was") or ()))]


def _country(given: str | None) -> str | None:
    if given is not None and not zones_of_country(given):
        raise ValueError(f"--country {given!r} is no country of ISO 3166; write for example SE, or DE-BY")
    return given and given.upper()


def _date(given: str | None) -> date:
    try:
        return date.fromisoformat(given) if given else _today()
    except ValueError:
        raise ValueError(f"--start {given!r} is no date; write one like 2026-03-31") from None


def _today() -> date:
    from cadence.clock import system_micros
    from cadence.facts import instant

    return instant(system_micros()).date()


def _tell(loaded: Loaded, where: Path, json: bool) -> int:
    errors = [f for f in loaded.findings if f.level == "error"]
    warnings = [f for f in loaded.findings if f.level == "warning"]
    if json:
        print_json(
            {
                "ok": not errors,
                "policy": loaded.policy.hash if loaded.policy and not errors else None,
                "findings": [f.as_json() for f in loaded.findings],
            }
        )
        return NO if errors else FINE
    out = screen()
    for finding in [*errors, *warnings]:
        _line(out, finding)
    if errors or loaded.policy is None:
        out.print(f"{where}: {counted(len(errors), 'error')}, {counted(len(warnings), 'warning')}")
        return NO
    policy = loaded.policy
    rails = [r for r in policy.rules if r.segment is None]
    out.print(
        f"{where}: fine, {counted(len(warnings), 'warning')}. {counted(len(policy.categories), 'category', 'categories')}, "
        f"{counted(len(rails), 'rule')} for everyone, {counted(len(policy.segments), 'segment')} with "
        f"{counted(len(policy.rules) - len(rails), 'rule')} of their own. "
        f"Version {policy.hash[:12]}."
    )
    return FINE


def _line(out: Console, finding: Finding) -> None:
    text = Text(str(finding))
    text.highlight_words([f"{finding.level}:"], _SHADES[finding.level])
    out.print(text, soft_wrap=True)


def _weeks(policy: Policy, zones: list[str] | None, country: str | None, day: date, json: bool) -> int:
    places = [(z, country or policy.defaults.country) for z in zones] if zones else list(places_named(policy))
    weeks = [quiet_week(policy, z, monday_of(day), country=c) for z, c in places]
    if json:
        print_json([_as_json(w) for w in weeks])
        return FINE
    out = screen()
    for drawn in weeks:
        _draw(out, drawn)
    return FINE


def _draw(out: Console, week: Week) -> None:
    """A row a day, a sign each half hour; holes named below."""
    zone = ZoneInfo(week.zone)
    out.print(f"[bold]{escape(week.zone)}[/]" + (f", contacts in {escape(week.country)}" if week.country else ""))
    out.print("                0     3     6     9     12    15    18    21    24")
    for place, row in enumerate(week.rows):
        day = date.fromordinal(week.first.toordinal() + place)
        strip = Text("".join("█" if quiet else "·" for quiet in row))
        out.print(Text(f"{day:%a %Y-%m-%d}  ") + strip)
    for hole in week.holes:
        minutes = (hole.end - hole.begin) // (60 * SECOND)
        out.print(
            f"[yellow]warning:[/] only {minutes} minutes are open between two quiet stretches, "
            f"{when(hole.begin, zone)} to {when(hole.end, zone)}"
        )
    for name in week.left_out:
        out.print(f"not drawn, since it depends on the contact or message: {escape(name)}")
    out.print("█ quiet   · open\n")


def _as_json(week: Week) -> dict[str, object]:
    def stretch(s: Stretch) -> dict[str, object]:
        return {"from": when(s.begin, ZoneInfo("UTC")), "to": when(s.end, ZoneInfo("UTC")), "rules": list(s.quiet)}

    return {
        "zone": week.zone,
        "country": week.country,
        "first": week.first.isoformat(),
        "quiet": [stretch(s) for s in week.stretches if s.quiet],
        "holes": [stretch(s) for s in week.holes],
        "not_drawn": list(week.left_out),
    }


check_command = typer.main.get_command(app)
