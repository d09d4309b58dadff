"""`cadence check --against-queue`: what another policy would change for what waits, told before it is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cadence.facts import HELD, NEVER, Verdict
from cadence.store import tables
from cadence.workbench.against import Answer, Change, change_of
from tests.cli.office import Office, opened
from tests.queue.world import at

CAPS = {"max": 2, "per": "7d"}
NIGHT = {"name": "night", "from": "20:00", "to": "08:00"}


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Office]:
    with opened(tmp_path, monkeypatch, capsys, "2026-03-06T12:00") as found:
        yield found


@pytest.fixture
def capped(office: Office) -> Office:
    """A third message waits for the first of two touches to leave the window, on Monday at ten."""
    office.use("2026-03-01T00:00")
    office.world.contact("ann")
    for day in ("2026-03-02", "2026-03-04"):
        office.world.message(f"{day}T10:00", "ann")
        office.world.tick(f"{day}T10:00")
    office.world.message("2026-03-05T10:00", "ann")
    office.world.tick("2026-03-05T10:00")
    return office


def changes(office: Office, **rails: object) -> dict[str, int]:
    """What would change under other guard rails: those kinds of change that there are."""
    office.policy(guard_rails={"quiet_hours": [NIGHT], **rails})
    told = office.json("check", "--against-queue")
    return {kind: n for kind, n in told["changes"].items() if n}


def test_the_active_policy_changes_nothing(capped: Office) -> None:
    told = capped.json("check", "--against-queue")

    assert (told["waiting"], told["asked_again"], set(told["changes"].values())) == (1, 1, {0})


def test_a_wider_cap_makes_it_welcome_now(capped: Office) -> None:
    assert changes(capped, caps=[{"max": 3, "per": "7d"}]) == {"now welcome": 1}


def test_a_shorter_window_makes_it_earlier(capped: Office) -> None:
    assert changes(capped, caps=[{"max": 2, "per": "5d"}]) == {"earlier": 1}


def test_a_longer_window_makes_it_later(capped: Office) -> None:
    assert changes(capped, caps=[{"max": 2, "per": "9d"}]) == {"later": 1}


def test_a_window_beyond_its_expiry_makes_it_never(capped: Office) -> None:
    assert changes(capped, caps=[{"max": 2, "per": "60d"}]) == {"now never": 1}


def test_the_same_instant_by_another_rule_is_told_apart(capped: Office) -> None:
    assert changes(capped, caps=[{**CAPS, "name": "two a week"}]) == {"same time, another rule": 1}


def test_what_becomes_later_is_counted_under_the_rule_that_makes_it_so(capped: Office) -> None:
    capped.policy(guard_rails={"caps": [{"name": "strict", "max": 2, "per": "9d"}]})

    told = capped.json("check", "--against-queue")

    assert told["by_rule"] == [{"change": "later", "rule": "strict", "messages": 1}]


def test_what_becomes_welcome_is_counted_under_the_rule_that_held_it(capped: Office) -> None:
    capped.policy(guard_rails={"quiet_hours": [NIGHT]})

    told = capped.json("check", "--against-queue")

    assert told["by_rule"] == [{"change": "now welcome", "rule": "2 per 7d", "messages": 1}]


def test_an_example_names_the_message_with_both_answers(capped: Office) -> None:
    capped.policy(guard_rails={"caps": [{"max": 2, "per": "9d"}]})

    (example,) = capped.json("check", "--against-queue")["examples"]["later"]

    assert example["before"] == {"verdict": "defer", "until": "2026-03-09T09:00:00Z", "rule": "2 per 7d"}
    assert example["after"] == {"verdict": "defer", "until": "2026-03-11T09:00:00Z", "rule": "2 per 9d"}


def test_comparing_writes_nothing(capped: Office) -> None:
    before = capped.world.rows(tables.message), capped.world.rows(tables.decision)

    changes(capped, caps=[{"max": 1, "per": "60d"}])

    assert (capped.world.rows(tables.message), capped.world.rows(tables.decision)) == before


def test_a_message_queued_for_later_and_never_asked_is_left_out(office: Office) -> None:
    office.use("2026-03-01T00:00")
    office.world.contact("ann")
    office.world.message("2026-03-05T10:00", "ann", due_at=at("2026-03-20T10:00"))
    office.policy(guard_rails={"caps": [CAPS]})

    told = office.json("check", "--against-queue")

    assert (told["waiting"], told["asked_again"]) == (1, 0)


def test_a_message_of_a_paused_campaign_is_left_out(capped: Office) -> None:
    capped.world.campaign("spring", "paused")
    capped.world.message("2026-03-05T11:00", "ann", campaign="spring")

    told = capped.json("check", "--against-queue")

    assert (told["waiting"], told["asked_again"]) == (2, 1)


def test_it_is_told_in_words(capped: Office) -> None:
    capped.policy(guard_rails={"caps": [{"max": 3, "per": "7d"}]})

    answer = capped.run("check", "--against-queue")

    assert answer.code == 0
    assert "Of 1 waiting message 1 would be asked again: 1 would change" in answer.words
    assert "now welcome 2 per 7d 1" in answer.words


def test_examples_call_people_as_where_they_come_from(capped: Office) -> None:
    capped.policy(guard_rails={"caps": [{"max": 3, "per": "7d"}]})

    told = capped.json("check", "--against-queue")["examples"]["now welcome"][0]

    assert (told["contact"], told["message"].isdigit()) == ("ann", True)


def test_without_an_active_policy_there_is_nothing_to_compare_with(office: Office) -> None:
    answer = office.run("check", "--against-queue")

    assert (answer.code, "No policy was ever the active one" in answer.words) == (0, True)


def test_a_broken_policy_is_told_of_and_compared_with_nothing(capped: Office) -> None:
    capped.policy(guard_rails={"caps": [{"max": 0, "per": "7d"}]})

    answer = capped.run("check", "--against-queue")

    assert answer.code == 1
    assert "would change" not in answer.words


LATER = Answer(Verdict.DEFER, 200, "a")


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        (LATER, Answer(Verdict.SEND, 100, None), Change.NOW_WELCOME),
        (LATER, Answer(Verdict.DEFER, 150, "a"), Change.EARLIER),
        (LATER, Answer(Verdict.DEFER, 300, "a"), Change.LATER),
        (LATER, Answer(Verdict.DEFER, HELD, "b"), Change.NOT_YET_KNOWN),
        (LATER, Answer(Verdict.SUPPRESS, NEVER, "b"), Change.NOW_NEVER),
        (LATER, Answer(Verdict.DEFER, 200, "b"), Change.OTHER_RULE),
        (LATER, LATER, None),
        (Answer(Verdict.SEND, 100, None), LATER, Change.LATER),
        (Answer(Verdict.SUPPRESS, 900, "a"), Answer(Verdict.SUPPRESS, NEVER, "a"), None),
        (Answer(Verdict.SUPPRESS, NEVER, "a"), Answer(Verdict.DEFER, HELD, "b"), Change.EARLIER),
        (Answer(Verdict.DEFER, HELD, "a"), Answer(Verdict.DEFER, 200, "b"), Change.EARLIER),
    ],
)
def test_what_changes_from_one_answer_to_the_other(before: Answer, after: Answer, change: Change | None) -> None:
    assert change_of(before, after) is change
