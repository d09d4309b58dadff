"""`cadence suppressed`: what was stopped or held, one by one with its sentence, or counted."""

from __future__ import annotations

import csv
import io

import pytest

from cadence.store import tables
from tests.cli.office import Office
from tests.queue.world import at


def test_each_is_told_with_its_verdict_rule_evidence_and_sentence(busy: Office) -> None:
    (told,) = busy.json("suppressed", "--only", "suppress")["decisions"]

    assert (told["contact"], told["verdict"], told["rule"], told["until"]) == ("bob", "suppress", "consent", None)
    assert "has not agreed" in told["reason"]
    assert told["evidence"][-1]["rule"] == "consent"
    assert told["policy"] == busy.world.policy.hash


def test_what_is_held_tells_until_when_and_the_touches_that_fill_its_window(busy: Office) -> None:
    (told,) = busy.json("suppressed", "--only", "defer")["decisions"]

    assert (told["verdict"], told["rule"], told["until"]) == ("defer", "2 per 7d", "2026-03-10T08:00:00Z")
    assert len(told["evidence"][-1]["touches"]) == 2


def test_what_would_be_welcome_too_late_says_that_it_will_have_expired(busy: Office) -> None:
    busy.world.message("2026-03-03T10:30", "ann", expires_at=at("2026-03-04T10:30"))
    busy.world.tick("2026-03-03T10:30")

    late, held = busy.json("suppressed", "--contact", "ann")["decisions"]

    assert (late["verdict"], late["rule"]) == ("suppress", "2 per 7d")
    assert late["reason"].endswith("By then it will have expired.")
    assert "expired" not in held["reason"]


@pytest.mark.parametrize(
    "words, contacts",
    [
        ([], {"ann", "bob"}),
        (["--rule", "consent"], {"bob"}),
        (["--campaign", "spring"], {"ann"}),
        (["--contact", "bob"], {"bob"}),
        (["--segment", "everyone"], {"ann", "bob"}),
        (["--segment", "nobody"], set()),
        (["--since", "2026-03-03"], {"ann", "bob"}),
        (["--since", "2026-03-04"], set()),
        (["--until", "2026-03-03"], {"ann", "bob"}),
        (["--until", "2026-03-02"], set()),
        (["--until", "2026-03-03T10:00"], set()),
        (["--until", "2026-03-03T10:00:01+01:00"], {"ann", "bob"}),
    ],
)
def test_it_can_be_narrowed(busy: Office, words: list[str], contacts: set[str]) -> None:
    assert {d["contact"] for d in busy.json("suppressed", *words)["decisions"]} == contacts


@pytest.mark.parametrize(
    "by, counts",
    [
        ("rule", [{"rule": "2 per 7d", "stopped": 0, "held": 1, "times_held": 1}, {"rule": "consent", "stopped": 1, "held": 0, "times_held": 0}]),
        ("segment", [{"segment": "everyone", "stopped": 1, "held": 1, "times_held": 1}]),
        ("campaign", [{"campaign": "hats", "stopped": 1, "held": 0, "times_held": 0}, {"campaign": "spring", "stopped": 0, "held": 1, "times_held": 1}]),
        ("day", [{"day": "2026-03-03", "stopped": 1, "held": 1, "times_held": 1}]),
    ],
)  # fmt: skip
def test_it_counts_by_one_word(busy: Office, by: str, counts: list[dict[str, object]]) -> None:
    told = busy.json("suppressed", "--by", by)

    assert sorted(told["counts"], key=str) == sorted(counts, key=str)


def test_a_message_held_twice_is_one_message_held_two_times(busy: Office) -> None:
    busy.run("hold", "ann", "--reason", "a complaint")
    busy.world.tick("2026-03-03T12:01")

    (told,) = busy.json("suppressed", "--by", "segment")["counts"]

    assert (told["held"], told["times_held"]) == (1, 2)


def test_days_are_those_of_the_readers_zone(busy: Office) -> None:
    told = busy.json("suppressed", "--by", "day", "--zone", "Pacific/Honolulu")

    assert [c["day"] for c in told["counts"]] == ["2026-03-02"]


def test_it_can_be_read_by_a_spreadsheet(busy: Office) -> None:
    rows = list(csv.DictReader(io.StringIO(busy.run("suppressed", "--csv").out)))

    assert {(r["contact"], r["verdict"], r["rule"]) for r in rows} == {
        ("ann", "defer", "2 per 7d"),
        ("bob", "suppress", "consent"),
    }


def test_no_spreadsheet_takes_what_somebody_typed_for_a_formula(busy: Office) -> None:
    with busy.world.store.write() as conn:
        conn.execute(tables.contact.update().values(outside_id='=HYPERLINK("http://elsewhere.example")'))

    rows = list(csv.DictReader(io.StringIO(busy.run("suppressed", "--csv").out)))

    assert {row["contact"][:2] for row in rows} == {"'="}


def test_counts_can_be_read_by_a_spreadsheet(busy: Office) -> None:
    rows = list(csv.DictReader(io.StringIO(busy.run("suppressed", "--by", "rule", "--csv").out)))

    assert {r["rule"]: r["stopped"] for r in rows} == {"2 per 7d": "0", "consent": "1"}


def test_on_a_screen_the_sentence_stands_beside_the_rule(busy: Office) -> None:
    assert "stopped consent The person has not agreed" in busy.run("suppressed", "--only", "suppress").words


def test_nothing_stopped_is_told_in_words(office: Office) -> None:
    assert office.run("suppressed").words == "Nothing was stopped or held."
    assert office.run("suppressed", "--by", "day").words == "Nothing was stopped or held."


@pytest.mark.parametrize("words", [["--by", "hour"], ["--since", "yesterday"], ["--csv", "--json"]])
def test_wrong_words_are_wrong_use(office: Office, words: list[str]) -> None:
    assert office.run("suppressed", *words).code == 2
