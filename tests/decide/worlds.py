"""Random policies, contacts, histories and messages, as mappings that both the engine and the slow reference read.

Instants lie on a coarse grid, so that edges (a touch exactly a window old, two facts at one instant) are hit often.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from tests.decide.reference import World

ZONES = (
    "Europe/Stockholm",
    "America/New_York",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "Africa/Cairo",
    "Pacific/Apia",
    "UTC",
)
NOWS = (
    datetime(2026, 3, 27, 12, tzinfo=UTC),
    datetime(2026, 10, 23, 21, tzinfo=UTC),
    datetime(2026, 4, 3, 14, 30, tzinfo=UTC),
    datetime(2026, 6, 10, 6, tzinfo=UTC),
    datetime(2024, 2, 28, 23, 59, tzinfo=UTC),
)
CATEGORIES = {
    "news": {"consent": "opt_in"},
    "offers": {"consent": {"kind": "opt_in", "lasts": "1y"}, "priority": 30},
    "winback": {"consent": {"kind": "relationship", "grounds": [{"since": "purchase", "lasts": "2mo"}]}},
    "care": {"consent": {"email": "none", "phone": "relationship"}, "counted": False},
    "follow_up": {"consent": "none"},
    "receipt": {"transactional": True},
    "promised": {"transactional": True, "exempt": ["caps", "fatigue"], "counted": True},
}
STEP = timedelta(hours=6)
some = st.sampled_from

windows = some(
    ["6h", "24h", "3d", "7d", "3 local days", "7 local days", "calendar day", "calendar week", "calendar month"]
)
filters = st.fixed_dictionaries(
    {},
    optional={
        "categories": st.lists(some(list(CATEGORIES)), min_size=1, max_size=3, unique=True),
        "channels": st.lists(some(["email", "sms"]), min_size=1, max_size=1),
    },
)


@st.composite
def caps(draw: st.DrawFn) -> dict[str, Any]:
    most = draw(st.integers(1, 4))
    rule: dict[str, Any] = {"max": most, "per": draw(windows), **draw(filters)}
    if most > 1 and draw(st.booleans()):
        rule["reserve"] = {draw(some(["news", "winback"])): draw(st.integers(1, most - 1))}
    if draw(st.integers(0, 3)) == 0:
        rule["counts"] = draw(some([{"all": True}, {"categories": ["receipt"]}, {"channels": ["sms"]}]))
    if draw(st.integers(0, 3)) == 0:
        rule["each"] = draw(some(["thread", "category", "channel"]))
    if draw(st.integers(0, 3)) == 0:
        rule["except"] = {"categories": [draw(some(list(CATEGORIES)))]}
    if draw(st.integers(0, 3)) == 0:
        rule["across"] = draw(some(["address", "household", "account"]))
    return rule


gaps = st.builds(
    lambda wait, f, across: {"wait": wait, **f, **({"across": across} if across else {})},
    some(["6h", "36h", "2d", "1mo"]),
    filters,
    some([None, None, None, "household", "account"]),
)
cool_downs = st.builds(
    lambda after, wait, f: {"after": after, "wait": wait, **f},
    some(["purchase", "reply", "conversation", "inquiry", "refusal"]),
    some(["12h", "3d", "2 local days", "1mo"]),
    filters,
)
times = some(["00:30", "02:30", "06:00", "08:00", "13:00", "20:00", "22:15"])


@st.composite
def quiet_hours(draw: st.DrawFn) -> dict[str, Any]:
    rule: dict[str, Any] = {}
    if draw(st.integers(0, 3)) == 0:
        rule["all_day"] = True
        rule["days"] = draw(st.lists(some(["sat", "sun", "wed"]), min_size=1, max_size=2, unique=True))
    else:
        begins = draw(times)
        rule |= {
            "from": begins,
            "to": draw(some([t for t in ("00:30", "02:30", "07:00", "09:00", "24:00") if t != begins])),
        }
        if draw(st.booleans()):
            rule["days"] = draw(st.lists(some(["mon", "wed", "sat", "sun"]), min_size=1, max_size=3, unique=True))
    return rule


silences = st.builds(
    lambda base, factor, most, stop: {"base": base, "factor": factor, "max": most, "stop_after": stop},
    some(["12h", "2d"]),
    some([1, 2, 3]),
    some(["7d", "30d"]),
    st.integers(3, 9),
)
fatigues = st.builds(
    lambda half_life, limit, relief: {
        "half_life": half_life,
        "limit": limit,
        "weights": {"news": 1, "offers": 1.5, "sms": 2},
        "relief": relief,
    },
    some(["2d", "7d"]),
    some([2.5, 4.0]),
    some([{}, {"click": 1, "reply": 3}, {"purchase": 0.5}]),
)


surveillances = st.builds(
    lambda wait, most, per, f: {"wait": wait, "max": most, "per": per, "never_topics": ["health"], **f},
    some(["6h", "2d", "1mo"]),
    st.integers(1, 2),
    windows,
    filters,
)
escalations = st.builds(
    lambda window, allow, floor, f: {"window": window, "allow": allow, "floor": floor, **f},
    some(["36h", "3d", "7d"]),
    st.integers(0, 2),
    st.integers(1, 3),
    filters,
)
screenings = st.builds(
    lambda register, within: {"register": register, "within": within}, some(["nix", "nix", "tps"]), some(["7d", "30d"])
)
evasions = st.one_of(
    st.builds(lambda n: {"shared_by": n}, st.integers(1, 4)),
    st.builds(
        lambda scope, f: {"scope": scope, **f},
        st.lists(some(["addresses", "household", "account"]), min_size=1, max_size=2, unique=True),
        filters,
    ),
)


seldom_filtered = st.one_of(st.just({}), st.just({}), filters)


@st.composite
def follow_ups(draw: st.DrawFn) -> dict[str, Any]:
    rule: dict[str, Any] = {"max": draw(st.integers(1, 2)), **draw(seldom_filtered)}
    if draw(st.integers(0, 2)) == 0:
        rule["answered_by"] = draw(some(["reply", ["click", "call_answered"]]))
    if draw(st.integers(0, 4)) == 0:
        rule["counts"] = draw(some([{"all": True}, {"categories": ["news"]}]))
    return rule


@st.composite
def channel_hops(draw: st.DrawFn) -> dict[str, Any]:
    rule: dict[str, Any] = draw(
        some(
            [
                {"wait": "36h", "max_channels": 2, "per": "3d"},
                {"wait": "2d"},
                {"wait": "1mo"},
                {"max_channels": 1, "per": "3 local days"},
                {"max_channels": 2, "per": "calendar week"},
            ]
        )
    )
    rule = {**rule, **draw(seldom_filtered)}
    if draw(st.integers(0, 2)) == 0:
        rule["answered_by"] = draw(some(["reply", ["click", "call_answered"]]))
    if draw(st.integers(0, 3)) == 0:
        rule["counts"] = {"all": True}
    if draw(st.integers(0, 4)) == 0:
        rule["each"] = "thread"
    return rule


@st.composite
def repetitions(draw: st.DrawFn) -> dict[str, Any]:
    rule: dict[str, Any] = {"window": draw(windows), **draw(seldom_filtered)}
    if draw(st.integers(0, 3)) == 0:
        rule["except"] = {"categories": [draw(some(list(CATEGORIES)))]}
    if draw(st.integers(0, 4)) == 0:
        rule["each"] = draw(some(["channel", "thread"]))
    return rule


def named(rules: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return rules if kind == "evasion" else [{"name": f"{kind} {i}", **rule} for i, rule in enumerate(rules)]


RULES: tuple[tuple[str, Any, int], ...] = (
    ("caps", caps(), 4),
    ("gap", gaps, 1),
    ("cool_down", cool_downs, 1),
    ("quiet_hours", quiet_hours(), 2),
    ("silence", silences, 1),
    ("follow_ups", follow_ups(), 1),
    ("channel_hop", channel_hops(), 1),
    ("repetition", repetitions(), 1),
    ("surveillance", surveillances, 1),
    ("escalation", escalations, 1),
    ("screened", screenings, 1),
    ("fatigue", fatigues, 1),
    ("evasion", evasions, 2),
)
"""Each kind that is written: its rules, and how many of them a policy has at the most."""
SUBJECTS = (*(kind for kind, _, _ in RULES), "consent", "own_wishes", "holds")
"""What a world can be about."""


@st.composite
def policies(draw: st.DrawFn, subject: str | None = None) -> dict[str, Any]:
    """A policy that has rules of the kind `subject`, if any are written, and of others: few, half, or all of them."""
    subject = subject or draw(some(SUBJECTS))
    rails: dict[str, Any] = {}
    sharing = draw(some(["few", "few", "half", "all"]))
    for kind, rules, most in RULES:
        most = most if kind != "screened" or kind == subject or draw(st.booleans()) else 0
        absent = {"few": draw(st.integers(0, 5)) > 0, "half": draw(st.booleans()), "all": False}[sharing]
        if most and (kind == subject or not absent):
            rails[kind] = named(draw(st.lists(rules, min_size=1, max_size=most)), kind)
    return {
        "version": 1,
        "defaults": {"timezone": "Europe/Stockholm", "country": "SE"},
        "categories": CATEGORIES,
        "guard_rails": rails,
        "segments": [{"name": "everyone"}],
    }


@st.composite
def holds(draw: st.DrawFn, now: datetime) -> dict[str, Any]:
    """Something that holds, or that ends what does."""
    at = now - draw(st.integers(0, 80)) * STEP
    return draw(
        some(
            [
                {"at": at, "hold": "bereavement", "until": at + timedelta(days=9)},
                {"at": at, "hold": "audit"},
                {"at": at, "ticket": "opened", "id": "t1"},
                {"at": at, "release": "audit"},
                {"at": at, "ticket": "solved", "id": "t1"},
            ]
        )
    )


@st.composite
def facts(draw: st.DrawFn, now: datetime) -> dict[str, Any]:
    at = now - draw(st.integers(0, 80)) * STEP
    kind = draw(st.integers(-24, 15))
    if kind <= 6:
        touch = {
            "at": at,
            "touch": draw(some(["news", "news", *CATEGORIES, "forgotten"])),
            "channel": draw(some(["email", "email", "sms", "phone"])),
        }
        if draw(st.integers(0, 3)) == 0:
            touch["thread"] = draw(some(["a", "b"]))
        if draw(st.integers(0, 3)) == 0:
            touch["triggered"] = True
        if draw(st.integers(0, 2)) == 0:
            touch["content"] = draw(some(["hats", "hats", "shoes"]))
        if draw(st.integers(0, 11)) == 0:
            touch["at"] = now + draw(st.integers(1, 8)) * STEP  # of a clock that is ahead
        if touch["channel"] == "phone":
            touch["outcome"] = draw(some(["answered", "voicemail", "no_answer", "not_connected"]))
        return touch
    if kind <= 8:
        return {"at": at, "engagement": draw(some(["reply", "click", "visit", "purchase"]))}
    if kind == 9:
        return {"at": at, draw(some(["conversation", "inquiry", "refusal", "open"])): True}
    if kind == 10:
        what = draw(some(["news", "offers", "email", "sms", "all"]))
        consent = {"at": at, draw(some(["opt_in", "opt_out"])): what}
        if what not in ("email", "sms") and draw(st.booleans()):
            consent["channel"] = draw(some(["email", "sms"]))
        return consent
    if kind == 11:
        return {"at": at, "snooze": draw(some(["2d", "1mo"]))}
    if kind == 14:
        listed = draw(some([False, False, False, True]))
        return {"at": at, "screened": {"register": draw(some(["nix", "nix", "tps"])), "listed": listed}}
    if kind == 15:
        return {"at": at, draw(some(["opt_in", "opt_in", "opt_out"])): "profiling"}
    if kind == 12:
        return {"at": at, "less_often": draw(some(["1 per 7d", "2 per calendar month", "none"]))}
    return draw(holds(now))


belonging = st.fixed_dictionaries(
    {}, optional={"household": some(["home", "next door"]), "account": some(["firm", "another firm"])}
)


@st.composite
def alike(draw: st.DrawFn, message: dict[str, Any], now: datetime) -> dict[str, Any]:
    """A touch in the message's own thread, with its content."""
    shared = {name: message[name] for name in ("thread", "content") if name in message}
    category = draw(some([message["category"]] * 4 + ["follow_up", "care"]))
    at = now - draw(st.integers(0, draw(some([4, 20])))) * STEP
    return {"at": at, "touch": category, "channel": draw(some(["email", "email", "sms"])), **shared}


@st.composite
def stops(draw: st.DrawFn, message: dict[str, Any], now: datetime) -> dict[str, Any]:
    """A stop that names the message."""
    at = now - draw(st.integers(0, 80)) * STEP
    return {"at": at, **draw(some([{"opt_out": "all"}, {"opt_out": message["category"]}, {"complaint": True}]))}


@st.composite
def occasions(draw: st.DrawFn, policy: dict[str, Any], now: datetime) -> list[dict[str, Any]]:
    """What the policy's cool_down waits after, lately."""
    found = []
    for rule in policy["guard_rails"].get("cool_down", []):
        at, after = now - draw(st.integers(0, 10)) * STEP, rule["after"]
        found.append({"at": at, "engagement": after} if after in ("purchase", "reply") else {"at": at, after: True})
    return found


@st.composite
def messages(draw: st.DrawFn, subject: str, now: datetime) -> dict[str, Any]:
    """A message that a rule of the kind `subject` governs, as far as that hangs on the message."""
    often = ["follow_up"] * 30 if subject == "follow_ups" else ["news", "news", "news", "offers", "follow_up", "care"]
    message: dict[str, Any] = {
        "category": draw(some([*often, *CATEGORIES])),
        "channel": draw(some(["email", "email", "email", "sms"])),
        "expires": "4000d",
    }
    if subject == "follow_ups" or draw(st.booleans()):
        message["thread"] = draw(some(["a", "b"]))
    if subject == "repetition" or draw(st.booleans()):
        message["content"] = draw(some(["hats", "shoes"]))
    if subject == "surveillance" or draw(st.integers(0, 4)) == 0:
        message["trigger"] = {"kind": "visit", "at": now - draw(st.integers(-2, 20)) * STEP}
        message["topic"] = draw(some(["hats", "hats", "hats", "health"]))
    return message


@st.composite
def persons(draw: st.DrawFn, subject: str) -> dict[str, Any]:
    contact: dict[str, Any] = {
        "timezones": draw(st.lists(some(ZONES), min_size=1, max_size=2, unique=True)),
        "consents": {"email": ["news", "offers"], "sms": ["news", *draw(some([["profiling"], ["profiling"], []]))]},
        "addresses": {"email": "a@example.com"},
    }
    seldom = 3 if subject == "own_wishes" else 15
    if draw(st.integers(0, seldom)) == 1:
        contact["hours"] = draw(some([["09:00-12:00", "17:00-19:00"], ["00:00-24:00"], ["20:00-22:30"]]))
    if draw(st.integers(0, seldom)) == 1:
        contact["days"] = draw(some([["mon", "tue"], ["sun"], ["wed", "fri"]]))
    return contact | draw(belonging)


@st.composite
def worlds(draw: st.DrawFn, about: str | None = None) -> World:
    """A message that rules of one kind, the world's subject, have more to say of than chance would give them: what
    many rules govern at once, the widest of them would decide nearly always."""
    now, subject = draw(some(NOWS)), about or draw(some(SUBJECTS))
    policy, message, contact = draw(policies(subject)), draw(messages(subject, now)), draw(persons(subject))
    others = []
    for _ in range(draw(some([1, 2, 4] if subject == "evasion" else [0, 0, 0, 1, 1, 2, 4]))):
        address = draw(some(["a@example.com", "a@example.com", "b@example.com"]))
        other = {"addresses": {"email": address}, "consents": {}, **draw(belonging)}
        stopped = draw(st.lists(stops(message, now), min_size=1, max_size=1)) if subject == "evasion" else []
        others.append((other, draw(st.lists(facts(now), max_size=4)) + stopped))
    history = draw(st.lists(facts(now), min_size=draw(some([0, 4])), max_size=10))
    counting = subject not in ("consent", "own_wishes", "holds", "evasion", "screened", "cool_down", "quiet_hours")
    if counting or draw(st.booleans()):
        history += draw(st.lists(alike(message, now), min_size=3 * counting, max_size=6))
    if subject == "holds":
        history.append(draw(holds(now)))
    if subject == "cool_down" or draw(st.booleans()):
        history += draw(occasions(policy, now))
    return World(policy, contact, history, message, now, others)
