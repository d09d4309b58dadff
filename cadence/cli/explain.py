"""`cadence explain`: why a contact would, or would not, be written to, as of now or as of any earlier instant.

The answering is the workbench's; here it is told: the sentence, each rule's answer, a drawn time line, and when the next
messages would be welcome."""

from __future__ import annotations

from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from cadence.calendar.shown import LAST_SHOWN, on_calendar
from cadence.cli.contact import instant_given, name_of, one_contact
from cadence.cli.installation import Installation
from cadence.cli.screen import FINE, errors, print_json, reader_zone, screen, table, when
from cadence.cli.time_line import print_time_line
from cadence.decide.decision import text_of
from cadence.facts import CHANNELS, HELD, instant
from cadence.policy.load import from_content, load
from cadence.policy.policy import Policy
from cadence.rules.sentence import sentence
from cadence.settings import Settings
from cadence.store import Store, policies
from cadence.store.find import Found, contact_by_id, find_message
from cadence.store.shown import Recorded
from cadence.workbench.explain import Explanation, RuleAnswer, explain
from cadence.workbench.scene import Asked, set_scene

app = typer.Typer(add_completion=False)

_SHADES = {"send": "bold green", "defer": "bold yellow", "suppress": "bold red"}


@app.command(name="explain")
def explain_(
    contact: Annotated[str | None, typer.Argument(help="Their id, an address, or our own number of them.")] = None,
    message: Annotated[int | None, typer.Option(help="This message of theirs; then CONTACT may be left out.")] = None,
    category: Annotated[str | None, typer.Option(help="A message of this category that isn't written yet.")] = None,
    channel: Annotated[str, typer.Option(help=f"With --category: one of {', '.join(CHANNELS)}.")] = "email",
    at: Annotated[str | None, typer.Option("--at", help="As of this instant, by what was known then.")] = None,
    zone: Annotated[str | None, typer.Option(help="Show times in this zone.")] = None,
    json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> int:
    """Why a contact would, or would not, be written to: a message of theirs, or one that isn't written yet.

    Without --message and --category: the message that waits and is due first, else one of the policy's first category of
    marketing. A message that has ended is explained as of its last decision. Exit 2: nobody, or no such message."""
    if contact is None and message is None:
        raise ValueError("say whom: cadence explain CONTACT, or cadence explain --message ID")
    if channel not in CHANNELS:
        raise ValueError(f"--channel {channel}: there is no such channel; there are {', '.join(CHANNELS)}")
    if message is not None and category is not None:
        raise ValueError("--message and --category exclude each other: a message has its category")
    installation, shown = Installation.open(), reader_zone(zone)
    policy, odd = _policy(installation.store, installation.settings)
    then = instant_given(at, "--at", shown)
    found = _whose(installation.store, message) if contact is None else one_contact(installation.store, contact)
    now = installation.now()
    with installation.store.read() as conn:
        if then is not None and then > now:
            raise ValueError(f"--at {at}: that is still to come; nobody knows what will be known then")
        told = explain(conn, set_scene(conn, Asked(found, message, category, channel, then), policy, now))
    if json:
        print_json(_as_json(found, told, odd))
        return FINE
    for sentence_ in odd:
        errors().print(f"[yellow]warning:[/] {escape(sentence_)}")
    _tell(screen(), found, told, shown)
    return FINE


def _policy(store: Store, settings: Settings) -> tuple[Policy, list[str]]:
    """The policy in its files, which a daemon would read; where it is broken, the active one, which a daemon goes on
    with."""
    loaded = load(settings.policy)
    with store.read() as conn:
        latest = policies.latest(conn)
        content = policies.content_of(conn, latest.hash) if latest is not None else None
    if loaded.policy is not None and not loaded.errors:
        if latest is None or latest.hash == loaded.policy.hash:
            return loaded.policy, []
        return loaded.policy, [
            f"{settings.policy} is version {loaded.policy.hash[:12]}; the last active one was {latest.hash[:12]}"
        ]
    if content is None:
        return loaded.required(), []
    return from_content(content), [
        f"{settings.policy} is broken (see cadence check); the active policy is asked instead"
    ]


def _whose(store: Store, message: int | None) -> Found:
    """The contact of a message."""
    with store.read() as conn:
        place = None if message is None else find_message(conn, message)
        found = None if place is None else contact_by_id(conn, place[1])
    if found is None:
        raise ValueError(f"there is no message {message}; `cadence queue` and `cadence suppressed` list them")
    return found


def _tell(out: Console, found: Found, told: Explanation, zone: ZoneInfo) -> None:
    scene = told.scene
    people = scene.history.people
    where = ", ".join(c for c in (told.zone, people.country.text(scene.person), told.locale) if c)
    out.print(
        f"[bold]Contact {escape(name_of(found))}[/]  {escape(where)}; segment: [bold]{escape(told.segment or 'none')}[/]"
    )
    as_of = f"as of {when(scene.now, zone, seconds=True)} ({zone.key})" + (
        ", by what was known then" if scene.past else ""
    )
    out.print(f"{_about(told)}, {as_of}; policy {scene.policy.hash[:12]}", soft_wrap=True, markup=False)
    out.print()
    _verdict(out, told, zone)
    _on_record(out, told, zone)
    for note in scene.notes:
        out.print(Text(note, "dim"), soft_wrap=True)
    out.print("\n[bold]What each rule says[/]" + _whose_time(told, zone))
    out.print(_answers(told, zone))
    if told.not_asked:
        out.print(Text(f"Not asked about this message: {', '.join(told.not_asked)}.", "dim"))
    print_time_line(out, told)
    channel = scene.channel.replace("_", " ")
    out.print(f"\n[bold]When the next message by {channel} would be welcome[/]" + _whose_time(told, zone))
    rows = [[n.category, _welcome(n.welcome_at, scene.now, zone), n.rule or "", n.because] for n in told.next_ones]
    out.print(table(None, ["category", "welcome", "rule", "because"], rows))


def _about(told: Explanation) -> str:
    """Which message it is."""
    message = told.scene.message
    if message is None:
        names = {k: c.name for k, c in told.scene.policy.by_key.items()}
        category = names[int(told.scene.candidates.category[told.scene.row])]
        return f"A message that isn't written yet: {category} by {told.scene.channel}"
    of = f"{message['campaign']}, " if message["campaign"] else ""
    return f"Message {message['id']}: {of}{message['category']} by {message['channel']}"


def _whose_time(told: Explanation, zone: ZoneInfo) -> str:
    """Sentences tell the contact's time, columns the reader's."""
    return (
        ""
        if told.zone == zone.key
        else f"  [dim](sentences tell {escape(told.zone)} time, columns {escape(zone.key)})[/]"
    )


def _verdict(out: Console, told: Explanation, zone: ZoneInfo) -> None:
    decision = told.decision
    line, late = Text(decision.verdict, _SHADES[decision.verdict]), ""
    if decision.verdict == "defer":
        line.append(
            f" until {when(told.welcome_at, zone, seconds=True)}" if decision.until else ", not yet known until when"
        )
    elif decision.verdict == "suppress" and told.scene.now < told.welcome_at <= LAST_SHOWN:
        late = f"; it would be welcome {when(told.welcome_at, zone)}, but expires before"
    if decision.rule and decision.verdict != "send":
        line.append(f" by {decision.rule}")
    line.append(late)
    out.print(line)
    out.print(Text(f"“{decision.reason}”"), soft_wrap=True)
    if told.own_words != decision.reason:
        out.print(Text(f"“{told.own_words}” ({told.locale})"), soft_wrap=True)


def _on_record(out: Console, told: Explanation, zone: ZoneInfo) -> None:
    """The decision that was written down."""
    recorded = told.scene.recorded
    if recorded is None:
        return
    until = (
        f" until {when(recorded.until, zone)}"
        if recorded.until is not None and recorded.verdict.word == "defer"
        else ""
    )
    by = f" by {recorded.rule}" if recorded.rule else ""
    out.print(
        f"On record: {recorded.verdict.word}{until}{by}, decided {when(recorded.at, zone, seconds=True)}, "
        f"in segment {recorded.segment or 'none'}, policy {recorded.policy[:12]}.",
        soft_wrap=True,
        markup=False,
    )
    if not told.agrees:
        out.print(
            Text("What is asked anew from what is still known differs from it. On record it says:", "yellow"),
            soft_wrap=True,
        )
        for push in recorded.pushes:
            said = sentence(push, push.kind, "en", told.zone)
            out.print(Text(f"  {push.rule}: {said}"), soft_wrap=True)


def _answers(told: Explanation, zone: ZoneInfo) -> Table:
    made = table(None, ["", "rule", "kind", "answer", "because"], [])
    for a in told.answers:
        name = a.rule + (f" [{a.segment}]" if a.segment else "") + (" (only watches)" if a.only_watches else "")
        fine = a.welcome_at <= told.scene.now
        shade = "green" if fine else "bold yellow" if a.binds else ""
        said = a.because or "Nothing against it."
        made.add_row(
            "→" if a.binds else "",
            Text(name, "bold" if a.binds else ""),
            a.kind,
            Text(_welcome(a.welcome_at, told.scene.now, zone), shade),
            Text(said, "dim" if fine else ""),
        )
    return made


def _welcome(at: int, now: int, zone: ZoneInfo) -> str:
    return "welcome" if at <= now else when(at, zone)


def _as_json(found: Found, told: Explanation, odd: list[str]) -> dict[str, Any]:
    scene = told.scene
    message = scene.message
    return {
        "contact": name_of(found),
        "at": text_of(instant(scene.now)),
        "past": scene.past,
        "zone": told.zone,
        "segment": told.segment,
        "message": None if message is None else str(message["id"]),
        "campaign": None if message is None else message["campaign"],
        "channel": scene.channel,
        "decision": told.decision.to_json(),
        "own_words": told.own_words,
        "recorded": _recorded_json(scene.recorded),
        "rules": [_answer_json(a, scene.now) for a in told.answers],
        "not_asked": list(told.not_asked),
        "next": [
            {
                "category": n.category,
                "channel": scene.channel,
                "welcome_at": _instant_json(n.welcome_at),
                "answer": _word(n.welcome_at, scene.now),
                "rule": n.rule,
                "because": n.because,
            }
            for n in told.next_ones
        ],
        "notes": [*odd, *scene.notes],
    }


def _answer_json(answer: RuleAnswer, now: int) -> dict[str, Any]:
    return {
        "rule": answer.rule,
        "kind": answer.kind,
        "segment": answer.segment,
        "answer": _word(answer.welcome_at, now),
        "welcome_at": _instant_json(answer.welcome_at),
        "because": answer.because,
        "touches": [str(t) for t in answer.touches],
        "binds": answer.binds,
        "only_watch": answer.only_watches,
    }


def _word(at: int, now: int) -> str:
    return "not yet known" if at == HELD else "never" if at > LAST_SHOWN else "welcome" if at <= now else "later"


def _instant_json(at: int) -> str | None:
    return text_of(on_calendar(at))


def _recorded_json(recorded: Recorded | None) -> dict[str, Any] | None:
    if recorded is None:
        return None
    return {
        "at": text_of(instant(recorded.at)),
        "verdict": recorded.verdict.word,
        "until": text_of(on_calendar(recorded.until)) if recorded.verdict.word == "defer" else None,
        "rule": recorded.rule,
        "policy": recorded.policy,
        "segment": recorded.segment,
        "daemon": recorded.daemon,
    }


explain_command = typer.main.get_command(app)
