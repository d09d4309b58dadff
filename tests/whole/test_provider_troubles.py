"""Providers in trouble, under the whole daemon: real provider code against servers that hang, refuse, put off, drop and deny.

Timetables on the virtual clock. Whatever happens, each message ends in one outcome with its reason, marketing is handed
over once, and a mail that a provider chokes on holds up no other.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from cadence.audit.verify import verify
from cadence.clock import VirtualClock
from cadence.daemon import Daemon, Jobs, Options
from cadence.facts import instant
from cadence.providers import sendgrid, smtp
from cadence.queue.outlets import Outlet
from cadence.queue.reload import PolicyFiles
from tests.queue.world import World, at

SUITE = Path(__file__).parents[1] / "conformance/providers"
DAY = "2026-03-03"
NAMES = ("ann", "bob", "cid", "dan", "eve")
POLICY = """
version: 1
defaults: {timezone: Europe/Stockholm}
categories: {news: {consent: opt_in}, receipt: {transactional: true}}
guard_rails: {caps: {max: 3, per: 7d}}
segments: [{name: everyone}]
"""
KEY = "SG.key-4711"


def _load(path: Path, name: str) -> ModuleType:
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[name]


SERVER = _load(SUITE / "smtp/server.py", "bench_smtp_server")
STAND_IN = _load(SUITE / "sendgrid/stand_in.py", "bench_sendgrid_stand_in")


@dataclass
class Day:
    """One day of a daemon with a provider; what happens when, and what came of it."""

    world: World
    ids: dict[tuple[str, str], int] = field(default_factory=dict)
    """Messages by category and contact."""
    events: list[tuple[int, Callable[[], None]]] = field(default_factory=list)

    def waited(self, category: str, name: str) -> int:
        """Seconds from when a message came in until it was taken."""
        row = self.world.row(self.ids[category, name])
        assert row["state"] == "sent", row
        return int(row["outcome_at"] - row["created_at"]) // 1_000_000

    def comes(self, when: str, category: str, *names: str, **more: Any) -> None:
        """At this time a message of the category (a number after it only tells them apart) comes in for each."""

        def accept() -> None:
            for name in names:
                kind = category.rstrip("0123456789")
                self.ids[category, name] = self.world.message(f"{DAY}T{when}", name, kind, **more)

        self.happens(when, accept)

    def happens(self, when: str, what: Callable[[], None]) -> None:
        """At this time that happens."""
        self.events.append((at(f"{DAY}T{when}"), what))

    def live(self, until: str = f"{DAY}T23:00") -> None:
        """The daemon lives from noon on."""
        left = sorted(self.events, key=lambda event: event[0])

        def plan(policy: object, now: int) -> int | None:
            while left and left[0][0] <= now:
                left.pop(0)[1]()
            return left[0][0] if left else None

        daemon = Daemon(
            self.world.store, VirtualClock(at(f"{DAY}T12:00")), PolicyFiles(self.world.mail.parent / "policy.yaml"),
            {"email": Outlet(self.world.provider, self.world.rate)}, Jobs(self.world.letters, plan=plan),
            Options(until=at(until)),
        )  # fmt: skip
        daemon.run(signals=False)
        assert not daemon.problems, daemon.problems
        self.until = at(until)

    def states(self, category: str) -> Counter[str]:
        """How many messages of the category are in which state."""
        return Counter(self.world.state(i) for (c, _), i in self.ids.items() if c == category)

    def gone_at(self, category: str, name: str) -> str:
        """When a message was taken by the provider, by the clock of the day."""
        row = self.world.row(self.ids[category, name])
        assert row["state"] == "sent", row
        return f"{instant(row['outcome_at'] + 3_600_000_000):%H:%M:%S}"

    def check(self, taken: Counter[int]) -> None:
        """What must hold whatever happened. taken: how often the provider took which message."""
        for (category, name), id_ in self.ids.items():
            row = self.world.row(id_)
            assert row["state"] == "sent" or row["because"] or row["rule"], (category, name, row)
            assert row["state"] not in ("waiting", "decided", "sending"), (category, name, row)
            if row["state"] == "sent":
                assert taken[id_] >= 1, (category, name)
            if category.startswith("news"):
                assert taken[id_] <= 1, (category, name)
        report = verify(self.world.store, now=self.until, drained=True)
        assert report.ok, [str(b) for b in report.breaches]


class Relay(Day):
    """A day with an SMTP server."""

    def __init__(self, world: World, script: dict[str, Any] | None = None, **settings: Any) -> None:
        super().__init__(world)
        self.server: Any = SERVER.ScriptedServer(script, (*SERVER.EXTENSIONS, "AUTH PLAIN"))
        self.gone: list[Any] = []
        world.provider = smtp.open(
            smtp.Settings(
                host="127.0.0.1",
                port=self.server.port,
                security="none",
                user="me",
                password="geheim",
                helo_name="client.example",
                timeout=0.2,
                **settings,
            )
        )

    def says(self, when: str, **script: Any) -> None:
        """From this time on the server does that, and all else as it should."""
        self.happens(when, lambda: self.server.says_from_now(script))

    def goes_down(self, when: str) -> None:
        """From this time on nobody is there."""
        self.happens(when, self._down)

    def _down(self) -> None:
        self.gone.append(self.server)
        self.server.close()

    def comes_up(self, when: str) -> None:
        """From this time on somebody is there again."""
        self.happens(when, self._up)

    def _up(self) -> None:
        self.server = SERVER.ScriptedServer(None, (*SERVER.EXTENSIONS, "AUTH PLAIN"), port=self.gone[-1].port)

    def taken(self) -> Counter[int]:
        """How often it took which message, as far as it knows itself."""
        mails = [mail for server in (self.server, *self.gone) for mail in server.heard.mails]
        return Counter(int(found) for mail in mails for found in re.findall(rb"\nMessage-ID: <cadence\.(\d+)\.", mail))

    def close(self) -> None:
        self.world.provider.close()
        self.server.close()


class Api(Day):
    """A day with SendGrid's stand-in."""

    def __init__(self, world: World, mishap: str | None = None) -> None:
        super().__init__(world)
        self.peer: Any = STAND_IN.StandIn(KEY, mishap)
        world.provider = sendgrid.open(
            sendgrid.Settings(api_key=KEY, host=f"http://127.0.0.1:{self.peer.port}", timeout=0.2, connections=2)
        )

    def says(self, when: str, mishap: str | None) -> None:
        """From this time on it has that mishap."""
        self.happens(when, lambda: setattr(self.peer, "mishap", mishap))

    def taken(self) -> Counter[int]:
        """How often it took which message."""
        return Counter(int(body["custom_args"]["cadence_message"]) for body in self.peer.bodies)

    def close(self) -> None:
        self.world.provider.close()
        self.peer.close()


@pytest.fixture
def relay(world: World) -> Iterator[Callable[..., Relay]]:
    """Open a day with an SMTP server, and contacts that want to read."""
    made: list[Relay] = []
    yield lambda *script, **settings: made.append(Relay(_peopled(world), *script, **settings)) or made[-1]
    for day in made:
        day.close()


@pytest.fixture
def api(world: World) -> Iterator[Callable[..., Api]]:
    """Open a day with SendGrid, and contacts that want to read."""
    made: list[Api] = []
    yield lambda *mishap: made.append(Api(_peopled(world), *mishap)) or made[-1]
    for day in made:
        day.close()


def _peopled(world: World) -> World:
    (world.mail.parent / "policy.yaml").write_text(POLICY, "utf-8")
    world.policy = PolicyFiles(world.mail.parent / "policy.yaml").read()
    for name in NAMES:
        world.contact(name)
    return world


@pytest.mark.parametrize("how", ["HANG", "DROP"])
def test_after_silence_at_the_mails_end_one_is_in_doubt_and_the_others_go_a_minute_later(relay: Any, how: str) -> None:
    day = relay({"end": getattr(SERVER, how)})
    day.comes("12:00", "news", *NAMES)
    day.says("12:00:30")
    day.live()

    assert day.states("news") == {"in_doubt": 1, "sent": 4}
    assert {day.gone_at("news", n) for n in NAMES if day.world.state(day.ids["news", n]) == "sent"} == {"12:01:00"}
    day.check(day.taken())


@pytest.mark.parametrize("how", ["HANG", "DROP"])
def test_a_receipt_in_doubt_is_handed_over_again_and_counts_once(relay: Any, how: str) -> None:
    day = relay({"end": getattr(SERVER, how)})
    day.comes("12:00", "receipt", "ann")
    day.says("12:00:30")
    day.live()

    assert day.gone_at("receipt", "ann") == "12:01:00"
    assert day.taken()[day.ids["receipt", "ann"]] == 2
    assert len(day.world.touches(standing=False)) == 1
    day.check(day.taken())


def test_who_is_refused_frees_the_slot_and_holds_up_nobody(relay: Any) -> None:
    day = relay({"rcpt ann@example.com": "550 5.1.1 no such user"})
    day.comes("12:00", "news", *NAMES)
    day.comes("12:00", "receipt", "ann", "bob")
    day.live()

    assert day.states("news") == {"refused": 1, "sent": 4}
    assert day.states("receipt") == {"refused": 1, "sent": 1}
    assert "no such user" in day.world.row(day.ids["news", "ann"])["because"]
    assert len(day.world.touches()) == 5
    assert all(t["contact"] != day.world.contacts["ann"][1] for t in day.world.touches())
    day.check(day.taken())


def test_who_greylists_gets_it_when_it_is_ready(relay: Any) -> None:
    day = relay({"rcpt": "451 4.7.1 greylisted, come again"})
    day.comes("12:00", "news", *NAMES)
    day.comes("12:00", "receipt", "ann")
    day.says("12:10")
    day.live()

    assert day.states("news") + day.states("receipt") == {"sent": 6}
    assert all("12:10:00" <= day.gone_at("news", n) < "12:20:00" for n in NAMES)
    day.check(day.taken())


def test_a_denied_login_refuses_nobody_and_all_goes_once_it_is_right(relay: Any) -> None:
    day = relay({"auth": "535 5.7.8 who are you?"})
    day.comes("12:00", "news", *NAMES)
    day.comes("12:00", "receipt", "bob")
    day.comes("13:00", "receipt", "cid")
    day.says("14:00")
    day.live()

    assert day.states("news") + day.states("receipt") == {"sent": 7}
    assert all("14:00:00" <= day.gone_at(*key) <= "14:16:00" for key in day.ids)
    day.check(day.taken())


@pytest.mark.parametrize(
    "script",
    [{"mail": "553 5.7.1 sender not owned by user"}, {"rcpt": "550 5.7.1 Unable to relay"}],
    ids=["MAIL", "RCPT"],
)
def test_a_server_that_takes_nothing_from_us_refuses_nobody(relay: Any, script: dict[str, str]) -> None:
    day = relay(script)
    day.comes("12:00", "news", *NAMES)
    day.comes("12:00", "receipt", "bob")
    day.says("14:00")
    day.live()

    assert day.states("news") + day.states("receipt") == {"sent": 6}
    assert all("14:00:00" <= day.gone_at(*key) <= "15:16:00" for key in day.ids)
    day.check(day.taken())


def test_one_address_that_the_server_does_not_relay_to_holds_up_nobody(relay: Any) -> None:
    day = relay({"rcpt ann@example.com": "550 5.7.1 <ann@example.com>: Relay access denied"})
    day.comes("12:00", "receipt", *NAMES)
    day.comes("13:00", "news", "bob")
    day.live("2026-03-05T12:00")

    assert (day.states("receipt"), day.states("news")) == ({"refused": 1, "sent": 4}, {"sent": 1})
    assert day.waited("news", "bob") < 60
    assert "Relay access denied" in day.world.row(day.ids["receipt", "ann"])["because"]
    day.check(day.taken())


def test_nobody_there_for_two_hours_loses_nothing_and_what_expires_meanwhile_says_so(relay: Any) -> None:
    day = relay()
    day.goes_down("12:00")
    day.comes("12:00", "receipt", *NAMES)
    day.comes("12:00", "news", "ann", "bob", expires_at=at(f"{DAY}T13:00"))
    day.comes("12:30", "news", "cid", "dan")
    day.comes_up("14:00")
    day.live()

    assert day.states("receipt") == {"sent": 5}
    assert day.states("news") == {"expired": 2, "sent": 2}
    assert all(day.world.row(day.ids["news", n])["outcome_at"] == at(f"{DAY}T13:00") for n in ("ann", "bob"))
    assert all("14:00:00" <= day.gone_at("receipt", n) <= "14:16:00" for n in NAMES)
    day.check(day.taken())


def test_a_server_that_drops_in_the_envelope_was_never_given_the_mail(relay: Any) -> None:
    day = relay({"rcpt": SERVER.DROP})
    day.comes("12:00", "news", *NAMES)
    day.comes("12:00", "receipt", "ann")
    day.says("12:30")
    day.live()

    assert day.states("news") + day.states("receipt") == {"sent": 6}
    assert all(day.gone_at(*key) <= "12:50:00" for key in day.ids)
    day.check(day.taken())


@pytest.mark.parametrize(("category", "point"), [("news", "rcpt"), ("news", "end"), ("receipt", "end")])
def test_one_at_whose_mail_the_server_always_drops_holds_up_no_other_by_more_than_a_minute(
    relay: Any, category: str, point: str
) -> None:
    day = relay({f"{point} ann@example.com": SERVER.DROP})
    day.comes("12:00", category, "ann", expires_at=at(f"{DAY}T20:00"))
    day.comes("12:00", "news", "bob", "cid")
    day.comes("12:00", "receipt", "bob")
    for minute in range(1, 60, 4):
        day.comes(f"12:{minute:02}", f"receipt{minute}", NAMES[1 + minute % 4])
    day.comes("13:00", "receipt", "cid")
    day.live()

    assert {key: s for key in day.ids if key[1] != "ann" and (s := day.waited(*key)) > 60} == {}
    in_doubt = point == "end" and category == "news"
    assert day.world.state(day.ids[category, "ann"]) == ("in_doubt" if in_doubt else "expired")
    day.check(day.taken())


def test_several_that_the_server_always_swallows_hold_up_no_other_by_more_than_a_minute_each(relay: Any) -> None:
    day = relay({f"end {name}@example.com": SERVER.DROP for name in ("ann", "bob")})
    day.comes("12:00", "receipt", "ann", "bob", "cid", "dan")
    for minute in range(1, 60, 4):
        day.comes(f"12:{minute:02}", f"receipt{minute}", NAMES[2 + minute % 3])
    day.live("2026-03-04T20:00")

    assert {key: s for key in day.ids if key[1] not in ("ann", "bob") and (s := day.waited(*key)) > 120} == {}
    assert [day.world.state(day.ids["receipt", name]) for name in ("ann", "bob")] == ["in_doubt"] * 2
    assert max(day.taken().values()) <= 25
    day.check(day.taken())


def test_429_is_come_back_to_when_sendgrid_said(api: Any) -> None:
    day = api("later")
    day.comes("12:00", "news", *NAMES)
    day.comes("12:00", "receipt", "ann")
    day.says("12:00:30", None)
    day.live()

    assert day.states("news") + day.states("receipt") == {"sent": 6}
    assert all(day.gone_at(*key) <= "12:01:10" for key in day.ids)
    day.check(day.taken())


@pytest.mark.parametrize("mishap", ["server error", "drop"])
def test_taken_by_sendgrid_without_a_word_of_it_marketing_is_in_doubt_and_receipts_go_again(
    api: Any, mishap: str
) -> None:
    day = api(mishap)
    day.comes("12:00", "news", *NAMES)
    day.comes("12:00", "receipt", "ann", "bob")
    day.says("12:10", None)
    day.live()

    doubts = day.states("news")["in_doubt"]
    assert 1 <= doubts < 5
    assert day.states("news")["sent"] == 5 - doubts
    assert day.states("receipt") == {"sent": 2}
    assert sum(t["category"] == "receipt" for t in day.world.touches()) == 2
    day.check(day.taken())


@pytest.mark.parametrize("mishap", ["refuse", "too large"])
def test_refused_by_sendgrid_is_refused_with_its_words(api: Any, mishap: str) -> None:
    day = api(mishap)
    day.comes("12:00", "news", "ann")
    day.comes("12:00", "receipt", "bob")
    day.says("12:01", None)
    day.comes("12:01", "news1", "ann")
    day.live()

    assert (day.states("news"), day.states("receipt"), day.states("news1")) == (
        {"refused": 1}, {"refused": 1}, {"sent": 1},
    )  # fmt: skip
    assert "SendGrid answered 4" in day.world.row(day.ids["news", "ann"])["because"]
    day.check(day.taken())


def test_a_key_that_is_no_more_refuses_nobody(api: Any) -> None:
    day = api("denied")
    day.comes("12:00", "news", *NAMES)
    day.comes("12:00", "receipt", "bob")
    day.says("13:00", None)
    day.live()

    assert day.states("news") + day.states("receipt") == {"sent": 6}
    day.check(day.taken())


@pytest.mark.parametrize("mishap", ["garbage", "nonsense json", "strange id", "no id"])
def test_whatever_sendgrid_babbles_each_message_has_one_outcome(api: Any, mishap: str) -> None:
    day = api(mishap)
    day.comes("12:00", "news", *NAMES)
    day.comes("12:00", "receipt", "bob")
    day.says("12:10", None)
    day.live()

    assert day.states("receipt") == {"sent": 1}
    day.check(day.taken())
