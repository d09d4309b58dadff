"""How far a stop reaches in random circles: exactly to whom the slow reading of the page says, over each scope."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cadence
from tests.decide.reference import World, refusing
from tests.decide.worlds import CATEGORIES, NOWS, STEP, belonging, evasions, some

NOW = NOWS[0]
addresses = st.fixed_dictionaries(
    {},
    optional={"email": some(["a@example.com", "b@example.com"]), "sms": some(["+46701740605", "+46701740606"])},
)
statements = st.lists(
    st.builds(
        lambda steps, word, what: {"at": NOW - steps * STEP, word: what},
        st.integers(-1, 6),
        some(["opt_out", "opt_out", "opt_in"]),
        some(["all", "news", "care", "email", "sms"]),
    ),
    max_size=3,
)
contacts = st.builds(lambda a, b: {"addresses": a, "consents": {}, **b}, addresses, belonging)


@st.composite
def circles(draw: st.DrawFn) -> World:
    """One contact with up to six others, a few of whom have said something; nothing but evasion stands in the policy."""
    policy: dict[str, Any] = {
        "version": 1,
        "defaults": {"timezone": "Europe/Stockholm", "country": "SE"},
        "categories": {**CATEGORIES, "care": {"consent": "none"}, "news": {"consent": "none"}},
        "guard_rails": {"evasion": rails} if (rails := draw(st.lists(evasions, max_size=3))) else {},
        "segments": [{"name": "everyone"}],
    }
    message = {"category": draw(some(["news", "care", "receipt"])), "channel": draw(some(["email", "sms", "post"]))}
    others = draw(st.lists(st.tuples(contacts, statements), max_size=6))
    return World(policy, draw(contacts), draw(statements), message, NOW, others)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(circles())
def test_a_stop_reaches_exactly_whom_the_page_says(world: World) -> None:
    decision = cadence.policy_of(world.policy).decide(
        contact=world.contact,
        history=world.history,
        message=world.message,
        now=world.now,
        circle=[{"contact": c, "history": h} for c, h in world.others],
    )
    assert {e.kind for e in decision.evidence} == set(refusing(world, world.now))
