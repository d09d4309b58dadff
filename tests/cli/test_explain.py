"""`cadence explain`: the decision as of now or then, each rule's answer, a drawn time line, and when the next is welcome."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cadence.facts import EventKind
from cadence.store import tables
from cadence.store.ids import new_id
from tests.cli.office import Office, opened
from tests.queue.world import POLICY, at

LOYAL = {"segments": [{"name": "loyal", "where": {"orders": {"at_least": 1}}}, {"name": "everyone else"}]}


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Office]:
    """It is Friday noon."""
    with opened(tmp_path, monkeypatch, capsys, "2026-03-06T12:00") as found:
        found.use("2026-03-01T00:00")
        found.world.contact("ann", country="SE")
        yield found


@pytest.fixture
def sent(office: Office) -> list[int]:
    """Ann got a message on Monday and one on Wednesday, at ten."""
    ids = []
    for day in ("2026-03-02", "2026-03-04"):
        ids.append(office.world.message(f"{day}T10:00", "ann", campaign="spring"))
        office.world.tick(f"{day}T10:00")
    return ids


@pytest.fixture
def capped(office: Office, sent: list[int]) -> int:
    """A third message waits for the first to leave the window, on Monday at ten."""
    id_ = office.world.message("2026-03-05T10:00", "ann")
    office.world.tick("2026-03-05T10:00")
    return id_


def imported_touch(office: Office, happened: str, recorded: str) -> None:
    """A touch by another system, that we learnt of later."""
    shard, id_, circle = office.world.contacts["ann"]
    row = {
        "shard": shard, "id": new_id(), "circle": circle, "contact": id_, "number": 90, "at": at(happened),
        "recorded_at": at(recorded), "channel": "email", "category": "news", "source": "shop", "source_id": "1",
    }  # fmt: skip
    with office.world.store.write() as conn:
        conn.execute(tables.touch.insert().values(**row))


def answer_of(told: dict[str, Any], rule: str) -> str:
    """What one rule said."""
    return str(next(r["answer"] for r in told["rules"] if r["rule"] == rule))


# The decision


# The decision


@pytest.mark.parametrize("words", [(), ("--at", "2026-03-05T10:00")])
def test_what_a_campaign_sent_under_its_old_name_is_counted(office: Office, words: tuple[str, ...]) -> None:
    office.use(
        "2026-03-01T00:00", guard_rails={"caps": {"name": "once", "max": 1, "per": "7d", "campaigns": ["tuesday"]}}
    )
    office.world.message("2026-03-04T10:00", "ann", campaign="weekly")
    office.world.tick("2026-03-04T10:00")
    office.world.campaign("tuesday", was=["weekly"])
    id_ = office.world.message("2026-03-05T10:00", "ann", campaign="tuesday")
    office.world.tick("2026-03-05T10:00")

    decision = office.json("explain", "ann", "--message", str(id_), *words)["decision"]

    assert (decision["verdict"], decision["rule"]) == ("defer", "once")


def test_the_message_that_waits_is_explained_unless_another_is_asked_for(office: Office, capped: int) -> None:
    told = office.json("explain", "ann")

    assert told["message"] == str(capped)
    assert told["decision"]["verdict"] == "defer"
    assert told["decision"]["until"] == "2026-03-09T09:00:00Z"
    assert told["decision"]["rule"] == "2 per 7d"


def test_evidence_names_the_touches_that_fill_the_window(office: Office, capped: int) -> None:
    (evidence,) = office.json("explain", "ann")["decision"]["evidence"]

    assert [t["at"] for t in evidence["touches"]] == ["2026-03-02T09:00:00Z", "2026-03-04T09:00:00Z"]


def test_evidence_tells_the_channel_of_what_goes_before_it_at_the_same_instant(office: Office) -> None:
    office.use("2026-03-02T00:00", guard_rails={"caps": {"max": 1, "per": "7d"}})
    shard, id_, circle = office.world.contacts["ann"]
    row = {"shard": shard, "circle": circle, "contact": id_, "channel": "sms", "at": 0, "recorded_at": 0}
    with office.world.store.write() as conn:
        conn.execute(tables.address.insert().values(**row, address="+46701740605", mailbox="+46701740605"))
    offer = office.world.message("2026-03-06T12:00", "ann", category="offer", channel="sms")
    news = office.world.message("2026-03-06T12:00", "ann")

    (evidence,) = office.json("explain", "ann", "--message", str(news))["decision"]["evidence"]

    (touch,) = evidence["touches"]
    assert (touch["id"], touch["category"], touch["channel"]) == (str(offer), "offer", "sms")


def test_a_message_that_is_not_written_yet_is_asked_about_by_category(office: Office, capped: int) -> None:
    told = office.json("explain", "ann", "--category", "receipt")

    assert (told["message"], told["decision"]["verdict"]) == (None, "send")


def test_the_sentence_is_said_as_a_person_would(office: Office, capped: int) -> None:
    answer = office.run("explain", "ann")

    assert answer.code == 0
    assert "“Messages in 7 days: 2, and this policy allows 2." in answer.out
    assert "defer until Mon 2026-03-09 10:00:00 by 2 per 7d" in answer.words


def test_it_is_said_in_the_language_of_the_contact_too(office: Office) -> None:
    office.world.contact("eva", locale="sv-SE", consents=False)

    assert "(sv-SE)" in office.run("explain", "eva").out


def test_the_policy_named_is_the_one_asked(office: Office) -> None:
    told = office.json("explain", "ann")

    assert told["decision"]["policy"] == office.world.policy.hash


def test_a_message_alone_says_whose_it_is(office: Office, capped: int) -> None:
    assert office.json("explain", "--message", str(capped))["contact"] == "ann"


def test_a_message_whose_campaign_rests_says_so(office: Office) -> None:
    office.world.campaign("spring", "paused")
    office.world.message("2026-03-05T10:00", "ann", campaign="spring")

    assert any("campaign is paused" in note for note in office.json("explain", "ann")["notes"])


def test_explaining_writes_nothing(office: Office, capped: int) -> None:
    before = office.world.rows(tables.message), office.world.rows(tables.decision)

    office.run("explain", "ann")

    assert (office.world.rows(tables.message), office.world.rows(tables.decision)) == before


# Each rule


def test_each_rule_that_governs_it_answers(office: Office, capped: int) -> None:
    told = office.json("explain", "ann")

    assert answer_of(told, "2 per 7d") == "later"
    assert answer_of(told, "night") == "welcome"
    assert answer_of(told, "consent") == "welcome"


def test_just_one_rule_binds(office: Office, capped: int) -> None:
    told = office.json("explain", "ann")

    assert [r["rule"] for r in told["rules"] if r["binds"]] == ["2 per 7d"]


@pytest.mark.parametrize("turned", [False, True])
def test_of_rules_with_one_name_the_line_is_that_of_the_one_that_binds(office: Office, turned: bool) -> None:
    both = [{"from": "11:00", "to": "20:00"}, {"from": "11:30", "to": "13:00"}]
    office.use("2026-03-02T00:00", guard_rails={"quiet_hours": both[::-1] if turned else both})

    told = office.json("explain", "ann")

    (quiet,) = [r for r in told["rules"] if r["kind"] == "quiet_hours"]
    assert (quiet["binds"], quiet["because"]) == (True, told["decision"]["reason"])
    assert "from 11:00 to 20:00" in quiet["because"]
    assert all("from 11:00 to 20:00" in n["because"] for n in told["next"] if n["rule"] == "quiet_hours")


def test_rules_that_do_not_govern_it_are_named_as_not_asked(office: Office) -> None:
    calls = {"name": "calls", "from": "12:00", "to": "13:00", "channels": ["phone"]}
    office.use("2026-03-02T00:00", guard_rails={"quiet_hours": [calls]})

    assert office.json("explain", "ann")["not_asked"] == ["calls"]


def test_a_rule_that_only_watches_is_told_but_does_not_bind(office: Office, sent: list[int]) -> None:
    office.use("2026-03-05T00:00", guard_rails={"caps": [{"max": 1, "per": "30d", "only_watch": True}]})

    told = office.json("explain", "ann")

    (watching,) = [r for r in told["rules"] if r["only_watch"]]
    assert (watching["answer"], watching["binds"], told["decision"]["verdict"]) == ("later", False, "send")


def test_the_table_marks_the_rule_that_binds(office: Office, capped: int) -> None:
    answer = office.run("explain", "ann")

    assert "→ 2 per 7d caps Mon 2026-03-09 10:00" in answer.words
    assert "night quiet_hours welcome Nothing against it." in answer.words


# When the next would be welcome


def test_the_next_message_of_each_category_is_told(office: Office, capped: int) -> None:
    told = office.json("explain", "ann")

    assert {n["category"]: (n["answer"], n["rule"]) for n in told["next"]} == {
        "news": ("later", "2 per 7d"),
        "offer": ("later", "2 per 7d"),
        "care": ("later", "2 per 7d"),
        "receipt": ("welcome", None),
    }


def test_what_is_never_welcome_again_is_told(office: Office) -> None:
    office.world.say("ann", EventKind.OPT_OUT, "2026-03-05T10:00", "news")

    told = office.json("explain", "ann")

    news = next(n for n in told["next"] if n["category"] == "news")
    assert (news["answer"], news["welcome_at"], news["rule"]) == ("never", None, "consent")


def test_a_category_welcome_only_after_its_expiry_still_has_its_instant(office: Office, sent: list[int]) -> None:
    office.use("2026-03-05T00:00", guard_rails={"caps": [{"max": 2, "per": "60d"}]})

    told = office.json("explain", "ann", "--category", "news")

    assert told["decision"]["verdict"] == "suppress"
    assert told["next"][0]["welcome_at"] == "2026-05-01T09:00:00Z"


# Then


def test_at_an_earlier_instant_only_what_was_known_then_counts(office: Office) -> None:
    office.use("2026-03-02T00:00", guard_rails={"caps": [{"max": 1, "per": "7d"}]})
    imported_touch(office, "2026-03-03T10:00", recorded="2026-03-05T10:00")

    before = office.json("explain", "ann", "--category", "news", "--at", "2026-03-04T10:00")
    after = office.json("explain", "ann", "--category", "news", "--at", "2026-03-05T11:00")

    assert (before["decision"]["verdict"], after["decision"]["verdict"]) == ("send", "defer")


def test_at_an_earlier_instant_the_policy_active_then_is_asked(office: Office, sent: list[int]) -> None:
    before = office.world.policy.hash
    office.use("2026-03-05T00:00", guard_rails={})

    then = office.json("explain", "ann", "--category", "news", "--at", "2026-03-04T12:00")
    now = office.json("explain", "ann", "--category", "news")

    assert (then["decision"]["policy"], then["decision"]["verdict"]) == (before, "defer")
    assert (now["decision"]["policy"], now["decision"]["verdict"]) == (office.world.policy.hash, "send")


def test_a_stop_said_later_does_not_count_then(office: Office) -> None:
    office.world.say("ann", EventKind.OPT_OUT, "2026-03-05T10:00")

    then = office.json("explain", "ann", "--category", "news", "--at", "2026-03-04T12:00")
    now = office.json("explain", "ann", "--category", "news")

    assert (then["decision"]["verdict"], now["decision"]["verdict"]) == ("send", "suppress")


def test_what_is_not_kept_by_date_is_said(office: Office) -> None:
    told = office.json("explain", "ann", "--at", "2026-03-04T12:00")

    assert any("those of today" in note for note in told["notes"])


def test_before_the_first_policy_todays_is_asked_and_that_is_said(office: Office) -> None:
    told = office.json("explain", "ann", "--at", "2026-02-04T12:00")

    assert any("No policy was active yet" in note for note in told["notes"])


# A decision on record


def test_a_message_that_has_ended_is_explained_as_of_its_decision(office: Office, sent: list[int]) -> None:
    told = office.json("explain", "ann", "--message", str(sent[1]))

    assert (told["at"], told["past"]) == ("2026-03-04T09:00:00Z", True)
    assert (told["recorded"]["verdict"], told["decision"]["verdict"]) == ("send", "send")


def test_the_touch_that_a_decision_made_is_not_held_against_it(office: Office, sent: list[int]) -> None:
    told = office.json("explain", "ann", "--message", str(sent[1]))

    assert answer_of(told, "2 per 7d") == "welcome"


def test_messages_decided_at_the_same_instant_see_those_before_them(office: Office) -> None:
    ids = [office.world.message("2026-03-02T10:00", "ann") for _ in range(3)]
    office.world.tick("2026-03-02T10:00")
    last = max(ids)

    told = office.json("explain", "ann", "--message", str(last), "--at", "2026-03-02T10:00")

    assert (told["recorded"]["rule"], told["decision"]["rule"]) == ("2 per 7d", "2 per 7d")
    assert told["decision"]["until"] == told["recorded"]["until"]


def test_the_segment_at_a_past_decision_can_be_told(office: Office) -> None:
    office.use("2026-03-02T00:00", **LOYAL)
    id_ = office.world.message("2026-03-02T10:00", "ann")
    office.world.tick("2026-03-02T10:00")
    shard, contact, circle = office.world.contacts["ann"]
    with office.world.store.write() as conn:
        row = {
            "shard": shard, "id": new_id(), "circle": circle, "contact": contact, "number": 91,
            "at": at("2026-03-04T10:00"), "recorded_at": at("2026-03-04T10:00"), "kind": int(EventKind.PURCHASE),
            "source": "shop", "source_id": "1",
        }  # fmt: skip
        conn.execute(tables.event.insert().values(**row))
        conn.execute(tables.contact.update().where(tables.contact.c.id == contact).values(orders=1))

    then, now = office.json("explain", "ann", "--message", str(id_)), office.json("explain", "ann")

    assert (then["recorded"]["segment"], then["segment"], now["segment"]) == ("everyone else", "everyone else", "loyal")


def test_a_record_that_no_longer_comes_out_the_same_is_told(office: Office, sent: list[int]) -> None:
    with office.world.store.write() as conn:
        conn.execute(
            tables.decision.update().where(tables.decision.c.message == sent[1]).values(rule="night", verdict=2)
        )

    answer = office.run("explain", "ann", "--message", str(sent[1]))

    assert "differs from it" in answer.words


def test_how_it_ended_is_told(office: Office) -> None:
    office.world.contact("bo", consents=False)
    id_ = office.world.message("2026-03-05T10:00", "bo")
    office.world.tick("2026-03-05T10:00")

    answer = office.run("explain", "bo", "--message", str(id_))

    assert "It has ended as suppressed (consent)." in answer.words


def test_a_message_that_came_back_after_it_was_decided_to_send_says_why(office: Office, sent: list[int]) -> None:
    why = "it can't be written now: spring.html: No such file or directory"
    back = {"state": "waiting", "rule": None, "until": None, "due_at": at("2026-03-06T13:00"), "ask_because": why}
    with office.world.store.write() as conn:
        conn.execute(tables.message.update().where(tables.message.c.id == sent[1]).values(**back))

    told = office.json("explain", "ann")

    assert f"It was decided to send, and came back: {why}." in told["notes"]


def test_a_release_is_told_with_who_and_why(office: Office, capped: int) -> None:
    office.run("release", str(capped), "--reason", "the board asked")

    told = office.json("explain", "ann", "--message", str(capped))

    assert told["decision"]["verdict"] == "send"
    assert any("released it: the board asked. So it passes the rules" in note for note in told["notes"])


def test_before_it_was_released_a_message_is_explained_as_one_that_was_not(office: Office, capped: int) -> None:
    office.run("release", str(capped), "--reason", "the board asked")

    told = office.json("explain", "ann", "--message", str(capped), "--at", "2026-03-05T11:00")

    assert (told["decision"]["verdict"], told["decision"]["rule"]) == ("defer", "2 per 7d")
    assert not any("released" in note for note in told["notes"])


# The time line


def drawn(office: Office, *words: str) -> dict[str, str]:
    """The drawn days, by date."""
    lines = office.run("explain", "ann", *words).out.splitlines()
    return {line[4:14]: line for line in lines if line[4:8] == "2026" and line[7:8].isdigit() and "·" in line}


def test_the_time_line_shows_touches_the_asking_and_the_welcome_instant(office: Office, capped: int) -> None:
    days = drawn(office)

    assert days["2026-03-02"][16 + 20] == "●"
    assert days["2026-03-06"][16 + 24] == "▲"
    assert days["2026-03-09"][16 + 20] == "★"
    assert "● spring Mon 10:00" in days["2026-03-02"]


def test_the_time_line_shows_the_nights_and_what_is_not_welcome_yet(office: Office, capped: int) -> None:
    saturday = "Sat 2026-03-07  " + 16 * "█" + 24 * "▒" + 8 * "█"

    assert saturday in office.run("explain", "ann").out


def test_the_time_line_shows_the_window_beside_the_days(office: Office, capped: int) -> None:
    answer = office.run("explain", "ann")

    assert "a: 2 per 7d, 2 counted, until Mon 2026-03-09 10:00" in answer.words
    bars = [line[68] for line in answer.out.splitlines() if line[4:8] == "2026" and len(line) > 68]
    assert (bars[0], bars[-1]) == ("┐", "┘")


def test_the_time_line_is_in_the_contacts_time(office: Office, capped: int) -> None:
    shard, id_, _ = office.world.contacts["ann"]
    with office.world.store.write() as conn:
        mine = tables.contact.update().where(tables.contact.c.shard == shard, tables.contact.c.id == id_)
        conn.execute(mine.values(zones=json.dumps(["Asia/Tokyo"])))

    days = drawn(office)

    assert days["2026-03-02"][16 + 36] == "●"


# What can't be


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "say whom"),
        (("nobody",), "nobody here is called"),
        (("ann", "--category", "newz"), "did you mean 'news'"),
        (("ann", "--channel", "fax"), "there is no such channel"),
        (("ann", "--message", "7"), "there is no message 7"),
        (("--message", "7"), "there is no message 7"),
        (("ann", "--at", "soon"), "--at: found 'soon'"),
        (("ann", "--at", "2027-01-01"), "still to come"),
        (("ann", "--message", "7", "--category", "news"), "exclude each other"),
    ],
)
def test_what_cannot_be_asked_is_told_in_words(office: Office, words: tuple[str, ...], said: str) -> None:
    answer = office.run("explain", *words)

    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err


def test_a_message_of_somebody_else_is_none_of_theirs(office: Office, capped: int) -> None:
    office.world.contact("bo")

    answer = office.run("explain", "bo", "--message", str(capped))

    assert (answer.code, f"there is no message {capped} to this contact" in answer.err) == (2, True)


def test_a_message_cannot_be_asked_about_before_it_was_made(office: Office, capped: int) -> None:
    answer = office.run("explain", "ann", "--message", str(capped), "--at", "2026-03-04T10:00")

    assert (answer.code, "made only later" in answer.err) == (2, True)


def test_an_address_there_is_not_is_told(office: Office) -> None:
    told = office.json("explain", "ann", "--category", "news", "--channel", "sms")

    assert any("no address for sms" in note for note in told["notes"])


def test_a_broken_policy_file_leaves_the_active_one_in_force(office: Office) -> None:
    (office.folder / "policy.yaml").write_text("version: 1\nguard_rails: {caps: [{max: 0, per: 7d}]}\n", "utf-8")

    answer = office.run("explain", "ann", "--category", "news")

    assert answer.code == 0
    assert "is broken" in " ".join(answer.err.split())
    assert office.world.policy.hash[:12] in answer.out


def test_a_policy_file_that_is_not_the_active_one_is_asked_and_that_is_said(office: Office) -> None:
    office.policy(**{**POLICY, "guard_rails": {}})

    answer = office.run("explain", "ann")

    assert "the last active one was" in " ".join(answer.err.split())


def test_the_help_says_what_it_is_for(office: Office) -> None:
    answer = office.run("explain", "--help")

    assert answer.code == 0
    assert "--at" in answer.out
    assert "--json" in answer.out
