"""`cadence campaign`: which campaigns there are and when they are due, how one reads, and pausing, resuming, ending it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.panel import Panel
from rich.text import Text

from cadence.addresses import address_of
from cadence.cli.by_hand import who
from cadence.cli.installation import Installation, campaigns_of
from cadence.cli.screen import FINE, NO, print_json, reader_zone, screen, table, warn, when, wrong
from cadence.clock import system_micros
from cadence.decide.decision import text_of
from cadence.doors.campaigns import register
from cadence.doors.campaigns.campaign import Campaign
from cadence.doors.campaigns.load import Loaded
from cadence.facts import instant
from cadence.policy.finding import nearest
from cadence.policy.load import load_policy
from cadence.policy.policy import Policy
from cadence.providers.provider import Outcome
from cadence.settings import Settings, read
from cadence.store import Store, StoreNotMade, campaigns, summary
from cadence.store.cards import Card, cards_of
from cadence.store.find import find_contacts
from cadence.store.ids import new_ids
from cadence.store.timeline import contact_of

app = typer.Typer(
    add_completion=False, help="List, preview, try, pause, resume or end campaigns.", no_args_is_help=True
)
AsJson = Annotated[bool, typer.Option("--json", help="For machines.")]
Name = Annotated[str, typer.Argument(help="The campaign's name.")]
Reason = Annotated[str, typer.Option(help="Why; it is kept.")]


@app.command("list")
def list_(
    json: AsJson = False, zone: Annotated[str | None, typer.Option(help="Show times in this zone.")] = None
) -> int:
    """All campaigns: state, next due, and what became of their messages. Exit 1 where a file is broken."""
    loaded, on_record = _listed(read(Settings))
    due, counts, skipped = on_record.due, on_record.messages, on_record.skipped
    rows = [
        {
            "name": c.name,
            "state": on_record.states.get(c.name, c.first_state),
            "category": c.category,
            "next_due": _text(due.get(c.name)),
            "messages": counts.get(c.name, {}),
            "skipped": skipped.get(c.name, 0),
        }
        for c in loaded.campaigns
    ]
    if json:
        print_json({"campaigns": rows, "findings": [f.as_json() for f in loaded.findings]})
    else:
        out, shown = screen(), reader_zone(zone)
        for finding in loaded.findings:
            out.print(str(finding), markup=False, soft_wrap=True)
        cells = [
            [
                r["name"],
                r["state"],
                r["category"],
                when(due.get(str(r["name"])), shown),
                _counted(counts.get(str(r["name"]), {}), skipped.get(str(r["name"]), 0)),
            ]
            for r in rows
        ]
        out.print(table(None, ["campaign", "state", "category", "next due", "messages"], cells))
    return FINE if loaded.fine else NO


@dataclass(frozen=True, slots=True)
class _Record:
    """What is on record of campaigns, by name: states, when they are due next, their messages by state, and how many people
    `at_most` left out."""

    states: Mapping[str, str]
    due: Mapping[str, int | None]
    messages: Mapping[str, dict[str, int]]
    skipped: Mapping[str, int]


def _listed(settings: Settings) -> tuple[Loaded, _Record]:
    """The campaigns, and what is on record of them; where there is no database yet, what their files say."""
    try:
        installation = Installation.open(settings)
    except StoreNotMade as none:
        loaded = campaigns_of(settings, load_policy(settings.policy))
        warn(f"{none}. This is what the files say")
        return loaded, _Record({}, {}, {}, {})
    loaded = installation.campaigns(load_policy(settings.policy))
    return loaded, _on_record(installation.store, loaded.campaigns)


def _on_record(store: Store, listed: Sequence[Campaign]) -> _Record:
    with store.read() as conn:
        states = {name: c.state for name, c in campaigns.campaigns_of(conn).items()}
        running = [c.name for c in listed if states.get(c.name) == "running"]
        due = {name: _next(campaigns.next_due(conn, name)) for name in running}
        return _Record(states, due, summary.by_campaign(conn), campaigns.skipped_by_campaign(conn))


def _next(due: Mapping[str, int | None]) -> int | None:
    """The earliest instant of any zone; what stands under no zone is when zones are looked up anew."""
    return min((at for zone, at in due.items() if zone and at is not None), default=None)


def _text(at: int | None) -> str | None:
    return None if at is None else text_of(instant(at))


def _counted(counts: dict[str, int], skipped: int) -> str:
    """Messages by state; skipped: people who got none because of `at_most`."""
    told = [f"{state} {n:,}" for state, n in counts.items()]
    return ", ".join([*told, f"({skipped:,} people left out by at_most)"] if skipped else told)


@app.command()
def preview(
    name: Name, contact: Annotated[str, typer.Option("--as", help="A contact's id or address.")], json: AsJson = False
) -> int:
    """How a campaign would read for one contact. Nothing is sent."""
    installation = Installation.open()
    policy = load_policy(installation.settings.policy)
    campaign, all_ = _campaign(installation, policy, name)
    card, email = _card(installation.store, contact)
    marketing = not policy.categories[campaign.category].transactional
    letter = installation.letters(policy, all_, looked_at=True).preview(campaign, card, email, marketing)
    if json:
        print_json({"subject": letter.subject, "text": letter.text, "html": letter.html})
        return FINE
    out = screen()
    out.print(Panel(Text(letter.text or ""), title=Text(letter.subject), title_align="left", expand=False))
    if letter.html is not None:
        out.print("It also has an HTML part; --json prints it.")
    return FINE


@app.command()
def test(
    name: Name,
    to: Annotated[str, typer.Option(help="One of our own addresses.")],
    contact: Annotated[str, typer.Option("--as", help="A contact whose words are filled in.")],
    json: AsJson = False,
) -> int:
    """Send a campaign to one of our own people: marked as a test, no touch of anybody. Exit 1 where it wasn't taken."""
    installation = Installation.open()
    policy = load_policy(installation.settings.policy)
    campaign, all_ = _campaign(installation, policy, name)
    card, _ = _card(installation.store, contact)
    marketing = not policy.categories[campaign.category].transactional
    installation.check_secret()
    id_ = int(new_ids(1)[0])
    letters = installation.letters(policy, all_)
    letter = letters.test_letter(campaign, card, address_of("email", to), id_, system_micros(), marketing)
    provider = installation.provider()
    try:
        receipt = next(iter(provider.send([letter])))
    finally:
        provider.close()
    if json:
        print_json({"outcome": receipt.outcome.value, "detail": receipt.detail, "message_id": letter.message_id_header})
    else:
        screen().print(f"{receipt.outcome.value} by {provider.name}: {receipt.detail or letter.subject}", markup=False)
    return FINE if receipt.outcome is Outcome.ACCEPTED else NO


@app.command()
def pause(name: Name, reason: Reason, json: AsJson = False) -> int:
    """Its messages wait, and it queues no more, until it is resumed."""
    return _change(register.pause, name, reason, "paused", json)


@app.command()
def resume(name: Name, reason: Reason, json: AsJson = False) -> int:
    """It goes on. What came due meanwhile isn't caught up."""
    return _change(register.resume, name, reason, "running", json)


@app.command()
def end(name: Name, reason: Reason, json: AsJson = False) -> int:
    """It ends for good; its waiting messages are withdrawn."""
    return _change(register.end, name, reason, "ended", json)


def _change(how: Callable[..., str], name: str, reason: str, state: str, json: bool) -> int:
    if not reason.strip():
        raise ValueError("a reason is needed: it stands on the record beside who did it")
    installation = Installation.open()
    _take_in(installation, name)
    try:
        before = how(installation.store, name, installation.now(), who(), reason)
    except register.CampaignRefused as refused:
        return wrong(str(refused))
    if json:
        print_json({"campaign": name, "state": state, "before": before})
    else:
        screen().print(f"{name}: {before} before, {state} now.", markup=False)
    return FINE


def _take_in(installation: Installation, name: str) -> None:
    """Put a campaign that stands in the files, and that no daemon has met yet, on record as its file says."""
    with installation.store.read() as conn:
        if name in campaigns.campaigns_of(conn):
            return
    loaded = installation.campaigns(load_policy(installation.settings.policy))
    with installation.store.write() as conn:
        register.register(conn, [c for c in loaded.campaigns if c.name == name], installation.now())


def _campaign(installation: Installation, policy: Policy, name: str) -> tuple[Campaign, tuple[Campaign, ...]]:
    """The campaign of this name, and all. ValueError where there is none."""
    loaded = installation.campaigns(policy)
    found = {n: c for c in loaded.campaigns for n in c.names}
    if name not in found:
        broken = "".join(f"\n{f}" for f in loaded.findings if f.level == "error")
        near = nearest(name, found)
        meant = f"; did you mean {near!r}?" if near else ""
        also = f"; what is broken there is none:{broken}" if broken else ""
        raise ValueError(f"there is no campaign {name!r} in {installation.settings.campaigns}{meant}{also}")
    return found[name], loaded.campaigns


def _card(store: Store, told: str) -> tuple[Card, str]:
    """What letters know of the contact that is meant, and their e-mail address, empty without one. ValueError where it
    isn't one contact."""
    with store.read() as conn:
        found = find_contacts(conn, told)
        if len(found) != 1:
            raise ValueError(f"--as {told!r} names {len(found) or 'no'} contacts; give the id of one")
        place = (found[0].shard, found[0].id)
        card = cards_of(conn, [place])[found[0].id]
        addresses = contact_of(conn, place)["addresses"]
    emails = [str(a["address"]) for a in addresses if a["channel"] == "email"]
    return card, emails[-1] if emails else ""


campaign_command = typer.main.get_command(app)
