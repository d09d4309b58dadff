"""`cadence status`: who is at work, how far behind, what is in doubt, and what needs somebody's attention.

It only looks. The words of what needs attention say what to do."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.markup import escape

from cadence.cli.installation import Installation
from cadence.cli.screen import FINE, NO, counted, print_json, reader_zone, screen, table, when
from cadence.daemon import unsettled_jump
from cadence.decide.decision import text_of
from cadence.decide.round import ERROR
from cadence.facts import HOUR, MINUTE, SECOND, instant
from cadence.queue.breaker import Breaker
from cadence.queue.leases import living, this_process
from cadence.queue.states import State
from cadence.store import leases, policies, status
from cadence.store.engine import now_of
from cadence.store.ids import SHARDS

app = typer.Typer(add_completion=False)

PATIENCE: int = 5 * MINUTE
"""A message that should have been asked longer ago than this is a sign of trouble."""


@dataclass(frozen=True, slots=True)
class Daemon:
    """One daemon. heard_at is by the real clock, clock_at by the one it decides by."""

    id: str
    alive: bool
    holds: tuple[int, ...]
    """The shards it holds."""
    shards: int
    """How many these are."""
    overdue: int
    """Waiting messages in them that should have been asked by now."""
    behind: int | None
    """Since when the longest of them should have been."""
    started_at: int
    heard_at: int
    clock_at: int
    policy: str
    last: Any


@dataclass(frozen=True, slots=True)
class Standing:
    """How an installation stands. Instants are microseconds since 1970 UTC, None where there is none."""

    now: int
    database: str
    version: str | None
    policy: str | None
    """The hash of the active one; None before the first."""
    policy_since: int | None
    daemons: tuple[Daemon, ...]
    messages: dict[str, int]
    """By state."""
    holding: dict[str, int]
    """Waiting messages by the rule that holds them."""
    overdue: int
    """Waiting messages that should have been asked by now."""
    behind: int | None
    """Since when the longest of them should have been."""
    next_due: int | None
    in_doubt: int
    in_doubt_since: int | None
    providers: tuple[dict[str, Any], ...]
    heard_now: int
    """The instant by the clock that signs of life go by."""
    attention: tuple[str, ...]
    """What somebody should look at, in sentences; empty: all is well."""


@app.command("status")
def tell_status(
    check: Annotated[bool, typer.Option("--check", help="Exit 1 where something needs attention.")] = False,
    zone: Annotated[str | None, typer.Option(help="Show times in this zone.")] = None,
    json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> int:
    """Who is at work, how far behind, what is in doubt, and what needs attention."""
    shown = reader_zone(zone)
    standing = standing_of(Installation.open())
    if json:
        print_json(_as_json(standing))
    else:
        _tell(screen(), standing, shown)
    return NO if check and standing.attention else FINE


def standing_of(installation: Installation) -> Standing:
    """How an installation stands now."""
    store, now = installation.store, installation.now()
    lease = int(installation.settings.lease_seconds * SECOND)
    jump = unsettled_jump(store)
    with store.read() as conn:
        alive = living(leases.signs(conn), this_process(), now_of(conn), lease)
        active = policies.latest(conn)
        counts = status.counts_by_state(conn)
        due = status.next_due(conn)
        late = status.overdue_by_holder(conn, now)
        standing = Standing(
            now=now,
            database=store.dialect,
            version=store.version(),
            policy=None if active is None else active.hash,
            policy_since=None if active is None else active.at,
            daemons=tuple(_daemon(row, alive, late) for row in status.daemons(conn)),
            messages=counts,
            holding=status.counts_by_rule(conn, State.WAITING),
            overdue=status.overdue(conn, now),
            behind=due if due is not None and due <= now else None,
            next_due=due,
            in_doubt=counts.get(State.IN_DOUBT, 0),
            in_doubt_since=status.oldest(conn, State.IN_DOUBT),
            providers=tuple(status.providers(conn)),
            heard_now=now_of(conn),
            attention=(*(() if jump is None else (jump.sentence,)), *store.cannot_write(conn)),
        )
    return replace(standing, attention=(*standing.attention, *_attention(standing), *_apart(standing)))


def _daemon(row: dict[str, Any], alive: set[str], late: dict[str | None, tuple[int, int]]) -> Daemon:
    overdue, behind = late.get(row["id"], (0, None))
    return Daemon(
        row["id"],
        row["id"] in alive,
        tuple(row["holds"]),
        row["shards"],
        overdue,
        behind,
        row["started_at"],
        row["heartbeat_at"],
        row["clock_now"],
        row["policy"],
        row["last_tick"],
    )


def _attention(standing: Standing) -> list[str]:
    """What somebody should look at."""
    told = []
    alive = [d for d in standing.daemons if d.alive]
    late = standing.behind is not None and standing.now - standing.behind > PATIENCE
    if standing.policy is None:
        told.append("no policy was ever in use; `cadence run` starts the daemon with the one in the settings")
    elif not alive and _undone(standing):
        told.append(f"no daemon is at work, and {_undone(standing)}; `cadence run` starts one")
    elif late:
        told.append(f"{_of(standing.overdue)} overdue; is the daemon's log quiet, or its providers slow?")
    if errors := standing.holding.get(ERROR):
        told.append(f"{_of(errors)} held because a rule threw; `cadence queue --rule error` tells which")
    for row in standing.providers:
        if row["breaker"] != Breaker.CLOSED:
            told.append(f"provider {row['name']} is left alone for now: {row['because'] or 'it failed repeatedly'}")
    return told


def _apart(standing: Standing) -> list[str]:
    """Where daemons at work differ in what they should agree on."""
    alive, told = [d for d in standing.daemons if d.alive], []
    if len({d.policy for d in alive}) > 1:
        which = ", ".join(f"{d.id} by {d.policy[:12]}" for d in alive)
        told.append(f"daemons at work go by different policies ({which}); does each see the same files?")
    ahead = {d.id: d.clock_at - d.heard_at for d in alive}
    if ahead and max(ahead.values()) - min(ahead.values()) > MINUTE:
        first = max(ahead, key=lambda id_: ahead[id_])
        told.append(
            f"daemons at work decide by clocks that differ by {(max(ahead.values()) - min(ahead.values())) / HOUR:.1f} h; the "
            f"one ahead is that of {first}. End the one whose clock is wrong"
        )
    for d in standing.daemons:
        if d.heard_at - standing.heard_now > MINUTE:
            told.append(
                f"the last sign of life of {d.id} lies {(d.heard_at - standing.heard_now) / HOUR:.1f} h ahead of now: its "
                "machine's clock, or this one's, is wrong, or was set back"
            )
    free = SHARDS - sum(d.shards for d in standing.daemons if d.alive)
    if alive and free and not any(d.started_at + MINUTE > standing.heard_now for d in alive):
        told.append(
            f"{counted(free, 'shard is', 'shards are')} held by no daemon that is at work; are they all of one release?"
        )
    return told


def _of(n: int) -> str:
    return counted(n, "message is", "messages are")


def _undone(standing: Standing) -> str:
    """What waits for a daemon, in words; empty where nothing does."""
    decided, sending = (standing.messages.get(state, 0) for state in (State.DECIDED, State.SENDING))
    told = [
        f"{_of(standing.overdue)} due to be asked" if standing.overdue else "",
        f"{_of(decided)} decided and not handed over" if decided else "",
        f"{counted(sending, 'message was', 'messages were')} being handed over when it ended" if sending else "",
    ]
    return ", ".join(t for t in told if t)


def _tell(out: Console, standing: Standing, zone: ZoneInfo) -> None:
    policy = (
        f"policy {standing.policy[:12]} since {when(standing.policy_since, zone)}"
        if standing.policy
        else "no policy yet"
    )
    out.print(f"{when(standing.now, zone)}  {policy}, {standing.database} at version {standing.version}", markup=False)
    for sentence in standing.attention:
        out.print(f"[bold red]attention:[/] {escape(sentence)}", soft_wrap=True)
    out.print()
    if standing.daemons:
        rows: list[list[Any]] = [
            [
                d.id,
                "at work" if d.alive else "gone",
                ranges(d.holds),
                f"{d.overdue:,} since {when(d.behind, zone)}" if d.overdue else "",
                when(d.heard_at, zone),
                when(d.clock_at, zone),
                _last(d),
            ]
            for d in standing.daemons
        ]
        columns = ["daemon", "", "shards", "behind", "heard of", "its clock", "last"]
        out.print(table(None, columns, rows))
    else:
        out.print("No daemon is at work.")
    out.print()
    if standing.messages:
        order = {state.value: i for i, state in enumerate(State)}
        rows = [[s, n] for s, n in sorted(standing.messages.items(), key=lambda item: order[item[0]])]
        out.print(table(None, ["messages", ""], rows))
        out.print()
    _tell_queue(out, standing, zone)
    rows = [[p["name"], p["breaker"].replace("_", " "), p["failures"], p["because"] or ""] for p in standing.providers]
    if rows:
        out.print()
        out.print(table(None, ["provider", "breaker", "failures", ""], rows))


def _tell_queue(out: Console, standing: Standing, zone: ZoneInfo) -> None:
    if standing.overdue:
        out.print(
            f"{counted(standing.overdue, 'is', 'are')} due to be asked, the first since {when(standing.behind, zone)}."
        )
    elif standing.next_due is not None:
        out.print(f"Next due: {when(standing.next_due, zone)}.")
    else:
        out.print("Nothing waits for an instant.")
    if standing.in_doubt:
        out.print(
            f"{counted(standing.in_doubt, 'is', 'are')} in doubt, the first since {when(standing.in_doubt_since, zone)}: "
            "handed over, and nobody knows what became of it. `cadence queue --state in_doubt` tells which."
        )
    if standing.holding:
        out.print()
        rows = sorted(standing.holding.items(), key=lambda item: -item[1])
        out.print(table(None, ["what waits is held by", "messages"], [list(r) for r in rows]))


def ranges(numbers: tuple[int, ...]) -> str:
    """Ascending numbers in few characters: `0-5, 9`."""
    runs: list[list[int]] = []
    for n in numbers:
        if runs and n == runs[-1][-1] + 1:
            runs[-1].append(n)
        else:
            runs.append([n])
    return ", ".join(str(r[0]) if len(r) == 1 else f"{r[0]}-{r[-1]}" for r in runs)


def _last(daemon: Daemon) -> str:
    """What it did last, in a few words."""
    told = daemon.last or {}
    done = ", ".join(f"{name} {n}" for name, n in told.items() if name not in ("job", "now", "seconds"))
    return f"{told.get('job', '')}: {done}" if done else str(told.get("job", ""))


_TIMES = (
    "now",
    "heard_now",
    "policy_since",
    "behind",
    "next_due",
    "in_doubt_since",
    "started_at",
    "heard_at",
    "clock_at",
)
_PROVIDER_TIMES = ("next_at", "opened_at", "reopen_at", "updated_at")


def _as_json(standing: Standing) -> dict[str, Any]:
    told = _dated({name: getattr(standing, name) for name in Standing.__slots__}, _TIMES)
    told["daemons"] = [_dated(asdict(d), _TIMES) for d in standing.daemons]
    told["providers"] = [_dated(p, _PROVIDER_TIMES) for p in standing.providers]
    return told


def _dated(row: dict[str, Any], times: tuple[str, ...]) -> dict[str, Any]:
    return {
        name: text_of(instant(value)) if name in times and value is not None else value for name, value in row.items()
    }


status_command = typer.main.get_command(app)
