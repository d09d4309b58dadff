"""The states, their arrows and their drawing say the same, and so does what the store calls live and final."""

from __future__ import annotations

from pathlib import Path

from cadence.queue.states import ARROWS, FINAL, State, drawing, may
from cadence.store.tables import FINAL_STATES, LIVE_STATES


def test_the_drawing_in_the_docs_is_the_code(project: Path) -> None:
    page = (project / "docs" / "states.md").read_text("utf-8")

    drawn = page.partition("```mermaid\n")[2].partition("\n```")[0]

    assert drawn == drawing()


def test_the_store_knows_the_same_states() -> None:
    assert set(FINAL_STATES) == {s.value for s in FINAL}
    assert set(LIVE_STATES) | set(FINAL_STATES) == {s.value for s in State}


def test_nothing_leaves_a_final_state() -> None:
    assert not [a for a in ARROWS if a.source in FINAL]


def test_every_state_can_be_reached_and_every_other_left() -> None:
    reached = {a.target for a in ARROWS}
    left = {a.source for a in ARROWS}

    assert reached == set(State)
    assert left - {None} == set(State) - FINAL


def test_marketing_in_doubt_never_goes_straight_back_to_sending() -> None:
    assert not may(State.IN_DOUBT, State.SENDING)
    assert not may(State.IN_DOUBT, State.DECIDED)
