"""`cadence test --from-decision ID --write FILE`: what was decided for somebody becomes a promise that is tested, and nobody
is recognised in it."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from cadence.facts import EventKind
from cadence.policy.places import read
from cadence.store import tables
from cadence.store.events import record_events
from cadence.store.rows import EventRow
from tests.cli.office import Office
from tests.queue.world import at


def last_decision(office: Office, name: str, **where: object) -> int:
    """The latest decision about a contact."""
    contact = office.world.contacts[name][1]
    found = office.world.rows(tables.decision, tables.decision.c.contact == contact)
    return int([d["id"] for d in found if all(d[k] == v for k, v in where.items())][-1])


def case_in(path: Path) -> dict[str, object]:
    node, _ = read(path)
    assert node is not None
    cases = node.get("cases")
    assert cases is not None
    return dict(cases.plain()[-1])


def test_a_deferral_becomes_a_case_that_comes_out_the_same(busy: Office) -> None:
    answer = busy.run("test", "--from-decision", str(last_decision(busy, "ann")), "--write", "cases.yaml")

    assert answer.code == 0, answer.err
    case = case_in(busy.folder / "cases.yaml")
    assert case["expect"] == {"verdict": "defer", "until": "2026-03-10T09:00:00+01:00", "rule": "2 per 7d"}
    assert len(case["history"]) == 3
    assert busy.run("test", "cases.yaml").code == 0


def test_a_stop_becomes_a_case(busy: Office) -> None:
    busy.run("test", "--from-decision", str(last_decision(busy, "bob")), "--write", "cases.yaml")

    case = case_in(busy.folder / "cases.yaml")
    assert case["expect"] == {"verdict": "suppress", "until": None, "rule": "consent"}
    assert busy.run("test", "cases.yaml").code == 0


def test_it_sees_what_the_decision_saw_and_nothing_later(busy: Office) -> None:
    first = min(d["id"] for d in busy.world.rows(tables.decision))
    busy.world.say("ann", EventKind.OPT_OUT, "2026-03-03T11:00")

    busy.run("test", "--from-decision", str(first), "--write", "cases.yaml")

    case = case_in(busy.folder / "cases.yaml")
    assert case["expect"] == {"verdict": "send", "until": None, "rule": None}
    assert [set(fact) - {"at"} for fact in case["history"]] == [{"opt_in"}]
    assert busy.run("test", "cases.yaml").code == 0


def test_nobody_is_recognised(busy: Office) -> None:
    world = busy.world
    ann = world.contacts["ann"]
    busy.use(
        "2026-03-03T10:30",
        segments=[{"name": "big", "where": {"size": {"at_least": 5}}, "cadence": {}}, {"name": "everyone"}],
    )
    with world.store.write() as conn:
        card = {"attributes": '{"first_name": "Ann", "size": 7}', "household": "Elm Street 3"}
        conn.execute(tables.contact.update().where(tables.contact.c.id == ann[1]).values(**card))
        ticket = EventRow("ann", at("2026-03-03T11:00"), EventKind.TICKET_OPENED, "t", "email", subject="Ann's parcel")
        record_events(conn, [ticket], at("2026-03-03T11:00"), "desk")
    world.message("2026-03-03T11:30", "ann", thread="Ann's debt", content="Dear Ann")
    world.tick("2026-03-03T11:30")

    answer = busy.run("test", "--from-decision", str(last_decision(busy, "ann")), "--write", "cases.yaml")

    assert answer.code == 0, answer.err
    text = (busy.folder / "cases.yaml").read_text("utf-8")
    assert not [word for word in ("Ann", "ann@", "Elm", "parcel", "debt", "Dear") if word in text]
    assert "thread-1" in text
    assert "ticket-1" in text
    contact = case_in(busy.folder / "cases.yaml")["contact"]
    assert contact["attributes"] == {"size": 7}  # type: ignore[index]
    assert contact["addresses"] == {"email": "person-1@example.com"}  # type: ignore[index]


def test_a_mailbox_that_two_share_is_one_in_the_case_too(office: Office) -> None:
    world = office.world
    world.contact("ann", email="home@example.com")
    world.contact("bob", circle="ann", email="Home@example.com")
    for name in ("ann", "ann", "bob"):
        world.message("2026-03-03T09:00", name)
        world.tick("2026-03-03T09:00")

    answer = office.run("test", "--from-decision", str(last_decision(office, "bob")), "--write", "cases.yaml")

    assert answer.code == 0, answer.err
    case = case_in(office.folder / "cases.yaml")
    assert case["expect"]["verdict"] == "defer"  # type: ignore[index]
    (other,) = case["circle"]  # type: ignore[misc]
    assert other["contact"]["addresses"] == case["contact"]["addresses"]  # type: ignore[index]


def test_an_older_version_of_the_policy_comes_along(busy: Office) -> None:
    decision = last_decision(busy, "ann")
    busy.use("2026-03-03T11:00", guard_rails={"caps": [{"max": 9, "per": "7d"}]})

    assert busy.run("test", "--from-decision", str(decision), "--write", "cases.yaml").code == 0
    assert case_in(busy.folder / "cases.yaml")["expect"]["rule"] == "2 per 7d"  # type: ignore[index]


def test_a_case_is_put_after_those_that_are_there(busy: Office) -> None:
    before = """# our promises
policy: policy.yaml
cases:
  - name: by day          # kept as it is
    message: {category: care}
    now: "2026-03-03T12:00+01:00"
    expect: {verdict: send}
"""
    (busy.folder / "cases.yaml").write_text(before, "utf-8")

    answer = busy.run(
        "test", "--from-decision", str(last_decision(busy, "ann")), "--write", "cases.yaml", "--name", "the third waits"
    )

    assert answer.code == 0, answer.err
    assert (busy.folder / "cases.yaml").read_text("utf-8").startswith(before)
    assert "2 passed" in busy.run("test", "cases.yaml").words


def test_a_case_that_comes_out_otherwise_under_the_files_policy_is_told(busy: Office) -> None:
    busy.policy(guard_rails={})
    open_ = 'policy: policy.yaml\ncases:\n- {name: x, message: {category: care}, now: "2026-03-03T12:00+01:00", expect: {}}\n'
    (busy.folder / "cases.yaml").write_text(open_.replace("{}}", "{verdict: send}}"), "utf-8")

    answer = busy.run("test", "--from-decision", str(last_decision(busy, "ann")), "--write", "cases.yaml")

    assert answer.code == 1
    assert "expected defer, came send" in answer.err


@pytest.mark.parametrize(
    "words, because",
    [
        (["--from-decision", "12", "--write", "cases.yaml"], "there is no decision 12"),
        (["--from-decision", "12"], "--write FILE"),
        (["--write", "cases.yaml"], "--from-decision ID"),
        ([], "which files or folders"),
    ],
)
def test_wrong_use_is_told(busy: Office, words: list[str], because: str) -> None:
    answer = busy.run("test", *words)

    assert (answer.code, because in answer.err) == (2, True), answer.err
    assert not (busy.folder / "cases.yaml").exists()


def test_a_file_that_is_no_policy_test_is_left_alone(busy: Office) -> None:
    (busy.folder / "cases.yaml").write_text("policy: x\ncases: []\n", "utf-8")

    answer = busy.run("test", "--from-decision", str(last_decision(busy, "ann")), "--write", "cases.yaml")

    assert answer.code == 2
    assert (busy.folder / "cases.yaml").read_text("utf-8") == "policy: x\ncases: []\n"


def test_what_an_admin_released_cannot_be_told(busy: Office) -> None:
    decision = last_decision(busy, "ann")
    with busy.world.store.write() as conn:
        conn.execute(sa.update(tables.message).values(released_at=at("2026-03-03T09:30")))

    answer = busy.run("test", "--from-decision", str(decision), "--write", "cases.yaml")

    assert (answer.code, "released" in answer.err) == (2, True)


def test_a_number_that_is_long_without_its_exponent_is_read_back(office: Office) -> None:
    office.use(
        "2026-03-01T00:00", categories={"news": {"consent": "opt_in", "priority": 1e300}, "offer": {"consent": "none"}}
    )
    office.world.contact("ann")
    office.world.message("2026-03-03T10:00", "ann")
    office.world.tick("2026-03-03T10:00")
    office.policy()

    answer = office.run("test", "--from-decision", str(last_decision(office, "ann")), "--write", "cases.yaml")

    assert answer.code == 0, answer.err
