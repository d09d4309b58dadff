"""`cadence release`, `stop` and `hold`: what admins do by hand, each with a reason, on the record under their name.

Nothing is decided here: what waits is asked again by the daemon."""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from cadence.calendar.shown import LAST_SHOWN, on_calendar
from cadence.cli.contact import instant_given, name_of, one_contact
from cadence.cli.installation import Installation
from cadence.cli.screen import FINE, print_json, reader_zone, screen, when
from cadence.decide.decision import bound_by, text_of
from cadence.facts import CHANNELS, MINUTE, HoldKind, instant
from cadence.policy.finding import nearest
from cadence.policy.load import load_policy
from cadence.policy.policy import Policy
from cadence.queue import release as by_hand
from cadence.rules.registry import RULES
from cadence.store import Store, listing, shown, status
from cadence.store.find import Found
from cadence.store.tables import LIVE_STATES
from cadence.store.timeline import contact_of

releasing = typer.Typer(add_completion=False)
stopping = typer.Typer(add_completion=False)
holding = typer.Typer(add_completion=False)

Who = Annotated[str, typer.Argument(metavar="CONTACT", help="Their id, an address, or our own number of them.")]
Reason = Annotated[str, typer.Option(help="Why; it is kept.")]
At = Annotated[str | None, typer.Option(help="When it is done, not before what was decided last. Default: now.")]
Zone = Annotated[str | None, typer.Option(help="Times are given and shown in this zone.")]
AsJson = Annotated[bool, typer.Option("--json", help="For machines.")]


@releasing.command()
def release(
    message: Annotated[int, typer.Argument(metavar="MESSAGE", help="Its number: `cadence queue` tells it.")],
    reason: Reason,
    at: At = None,
    zone: Zone = None,
    json: AsJson = False,
) -> int:
    """Let one waiting or suppressed message pass caps, gap, silence, fatigue and the like, once. Never consent, own
    wishes, holds, a stop elsewhere or quiet hours. It is decided anew; a suppressed one is queued again."""
    installation = Installation.open()
    policy = load_policy(installation.settings.policy)
    now = _moment(installation, at, zone)
    done = by_hand.release(installation.store, policy, message, reason, who(), now)
    stands = _in_the_way(installation.store, message)
    if json:
        told = {"message": str(done.message), "queued_again_for": str(done.revives) if done.revives else None}
        print_json({**told, "may_still_wait_for": stands, **_signed(now, reason)})
        return FINE
    again = f" It is queued again as {done.message}." if done.revives else ""
    _say(f"Message {message} is released, and asked anew at once.{again}")
    if stands:
        _say(f"It was bound by {stands!r}, which no release passes: it may wait on.")
    return FINE


@stopping.command()
def stop(
    contact: Who,
    reason: Reason,
    category: Annotated[str | None, typer.Option(help="Only this category. Default: all marketing.")] = None,
    channel: Annotated[str | None, typer.Option(help=f"Only this channel: {', '.join(CHANNELS)}.")] = None,
    at: At = None,
    zone: Zone = None,
    json: AsJson = False,
) -> int:
    """Stop marketing to a contact, as if they had asked for it. Only their own new consent ends it."""
    installation = Installation.open()
    policy = load_policy(installation.settings.policy)
    _known("--category", category, [n for c in policy.categories.values() for n in (c.name, *c.was)])
    _known("--channel", channel, CHANNELS)
    _marketing(policy, category)
    found = one_contact(installation.store, contact)
    now = _moment(installation, at, zone)
    by_hand.stop(installation.store, (found.shard, found.id), reason, who(), now, category, channel)
    waiting = _live(installation.store, found)
    if json:
        told = {**_about(found), "category": category or "all", "channel": channel or "all", "asked_again": waiting}
        print_json({**told, **_signed(now, reason)})
        return FINE
    what = " ".join(w for w in (category or "all marketing", f"by {channel}" if channel else "") if w)
    _say(f"Contact {name_of(found)} is stopped for {what}.{_asked(waiting)}")
    return FINE


@holding.command()
def hold(
    contact: Who,
    reason: Reason,
    until: Annotated[str | None, typer.Option(help="It ends by itself then: an instant, or the end of a date.")] = None,
    kind: Annotated[str, typer.Option(help="What kind of bad moment it is, in your words.")] = HoldKind.MANUAL.value,
    end: Annotated[bool, typer.Option("--end", help="End the holds of this kind instead.")] = False,
    at: At = None,
    zone: Zone = None,
    json: AsJson = False,
) -> int:
    """Hold marketing to a contact until an instant, or until `--end`. What waits, waits on; nothing is lost."""
    if end and until is not None:
        raise ValueError("--end and --until: one of them; --end ends a hold now")
    installation = Installation.open()
    store, shown_in = installation.store, reader_zone(zone)
    found = one_contact(store, contact)
    place, now = (found.shard, found.id), _moment(installation, at, zone)
    if end:
        _needs_open(store, found, kind, now)
        by_hand.end_hold(store, place, reason, who(), now, kind)
    else:
        by_hand.hold(store, place, reason, who(), now, kind, instant_given(until, "--until", shown_in, date_ends=True))
    held = [h for h in _open(store, found, now) if not end or h["kind"] == kind]
    waiting = _live(store, found)
    if json:
        holds = [{"kind": h["kind"], "about": h["about"], "until": _text(h["until"])} for h in held]
        told = {**_about(found), "kind": kind, "ended": end, "holds": holds, "asked_again": waiting}
        print_json({**told, **_signed(now, reason)})
        return FINE
    name = name_of(found)
    if not end:
        ends = instant_given(until, "--until", shown_in, date_ends=True)
        lasting = "until it is ended" if ends is None or ends > LAST_SHOWN else f"until {when(ends, shown_in)}"
        _say(f"Marketing to contact {name} is held ({kind}) {lasting}.{_asked(waiting)}")
    elif held:
        _say(f"Contact {name} is still held by {kind} {held[0]['about']}: it ends by itself.")
    else:
        _say(f"Contact {name} is no longer held by {kind}.{_asked(waiting)}")
    return FINE


def who() -> str:
    """Who is at the keyboard, as the machine knows them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"


def _moment(installation: Installation, told: str | None, zone: str | None) -> int:
    """When it is done. ValueError for an instant that the record has passed, for what was decided since hasn't known it, and
    for one that is still to come: until then nothing would be done."""
    given, now = instant_given(told, "--at", reader_zone(zone)), installation.now()
    if given is None:
        return now
    if given > now + MINUTE:
        raise ValueError(f"--at {told}: that is still to come, and it is {text_of(instant(now))}; leave it out for now")
    with installation.store.read() as conn:
        latest = status.latest_now(conn)
    if latest is not None and given < latest:
        raise ValueError(
            f"--at {told}: the record is at {text_of(instant(latest))} already; nothing can be done before that"
        )
    return given


def _known(option: str, word: str | None, words: Any) -> None:
    if word is not None and word not in words:
        near = nearest(word, words)
        meant = f" Did you mean {near!r}?" if near else ""
        raise ValueError(f"{option} {word!r}: there is none of this name.{meant} There are {', '.join(words)}")


def _marketing(policy: Policy, category: str | None) -> None:
    named = next((c for c in policy.categories.values() if category in (c.name, *c.was)), None)
    if named is not None and named.transactional:
        raise ValueError(f"--category {category!r} is transactional, and no stop applies to it; name one of marketing")


def _in_the_way(store: Store, message: int) -> str | None:
    """The rule that bound a message last, where no release passes it."""
    with store.read() as conn:
        told = shown.decisions_about(conn, message)
    if not told:
        return None
    bound = bound_by(told[-1].pushes, told[-1].rule)
    rule = None if bound is None else RULES.get(bound.kind)
    return told[-1].rule if rule is not None and not rule.RELEASABLE else None


def _open(store: Store, found: Found, now: int) -> list[Mapping[str, Any]]:
    with store.read() as conn:
        holds = contact_of(conn, (found.shard, found.id))["holds"]
    return [h for h in holds if h["until"] is None or h["until"] > now]


def _needs_open(store: Store, found: Found, kind: str, now: int) -> None:
    kinds = sorted({h["kind"] for h in _open(store, found, now)})
    if kind not in kinds:
        there = f"it is held by {', '.join(kinds)}" if kinds else "nothing holds it"
        raise ValueError(f"--kind {kind!r}: contact {name_of(found)} has no such hold; {there}")


def _live(store: Store, found: Found) -> int:
    """How many messages to them are under way."""
    with store.read() as conn:
        return listing.how_many(conn, listing.Filter(contacts=[(found.shard, found.id)], states=LIVE_STATES))


def _say(words: str) -> None:
    screen().print(words, markup=False, soft_wrap=True)


def _asked(waiting: int) -> str:
    return f" What waits for them ({waiting:,}) is asked again." if waiting else ""


def _about(found: Found) -> dict[str, Any]:
    return {"contact": name_of(found), "contact_number": str(found.id)}


def _signed(now: int, reason: str) -> dict[str, Any]:
    return {"at": text_of(instant(now)), "by": who(), "reason": reason}


def _text(at: int | None) -> str | None:
    return text_of(on_calendar(at))


release_command = typer.main.get_command(releasing)
stop_command = typer.main.get_command(stopping)
hold_command = typer.main.get_command(holding)
