"""SendGrid: what each answer means, what is posted, and that a broken service puts few letters in doubt."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from cadence.providers import sendgrid
from cadence.providers.letter import Letter, Mailbox
from cadence.providers.provider import Outcome, Provider, Shut
from cadence.providers.sendgrid.payload import body_of
from cadence.providers.sendgrid.verdict import LONGEST_WAIT, verdict_of, words_of

Make = Callable[..., Letter]
KEY = "SG.key.secret"
ACCEPTED, REFUSED, RETRY, IN_DOUBT = Outcome.ACCEPTED, Outcome.REFUSED, Outcome.RETRY, Outcome.IN_DOUBT


@pytest.fixture
def opened(stand_in: ModuleType) -> Iterator[Callable[..., tuple[Provider, Any]]]:
    """Open the provider on a stand-in with a mishap; both are closed when the test ends."""
    made: list[Any] = []

    def open_(mishap: str | None = None, **other: Any) -> tuple[Provider, Any]:
        peer = stand_in.StandIn(KEY, mishap)
        given = {"api_key": KEY, "host": f"http://127.0.0.1:{peer.port}", "timeout": 0.5, "connections": 4}
        provider = sendgrid.open(sendgrid.Settings(**given | other))
        made.extend((provider, peer))
        return provider, peer

    yield open_
    for one in made:
        one.close()


def test_our_ids_go_along(opened: Callable[..., Any], letter: Make) -> None:
    provider, peer = opened()
    (receipt,) = provider.send([letter(7)])
    assert peer.bodies[0]["custom_args"] == {"cadence_message": "7", "cadence_contact": "1007"}
    assert receipt.provider_id == "id-1"


def test_connections_are_kept(opened: Callable[..., Any], letter: Make) -> None:
    provider, peer = opened(connections=2)
    for start in (0, 100, 200):
        provider.send([letter(n) for n in range(start, start + 20)])
    assert peer.requests == 60
    assert peer.connections <= 2


def test_a_rate_limit_stops_the_batch_and_says_when_to_come_back(opened: Callable[..., Any], letter: Make) -> None:
    provider, peer = opened("later")
    receipts = provider.send([letter(n) for n in range(50)])
    assert {(r.outcome, r.code, r.retry_after, r.whole_provider) for r in receipts} == {(RETRY, "429", 7.0, True)}
    assert peer.requests == 1


def test_500_after_accepting_puts_one_in_doubt(opened: Callable[..., Any], letter: Make) -> None:
    provider, peer = opened("server error")
    receipts = provider.send([letter(n) for n in range(20)])
    assert [receipt.outcome for receipt in receipts] == [IN_DOUBT, *[RETRY] * 19]
    assert len(peer.bodies) == 1


def test_one_goes_alone_first_also_behind_letters_that_sendgrid_was_not_asked_to_take(
    opened: Callable[..., Any], letter: Make
) -> None:
    provider, peer = opened("hang", timeout=0.2)
    unfit = [letter(1, to=Mailbox("åsa@example.com")), letter(2, text="SG.abc.def")]
    receipts = provider.send([*unfit, *(letter(n) for n in range(3, 11))])
    assert [receipt.outcome for receipt in receipts] == [REFUSED] * 2 + [IN_DOUBT] + [RETRY] * 7
    assert [receipt.asked for receipt in receipts] == [False] * 2 + [True] * 8
    assert peer.requests == 1


def test_a_service_that_breaks_in_the_middle_puts_no_more_in_doubt_than_were_on_their_way(
    opened: Callable[..., Any], letter: Make
) -> None:
    provider, peer = opened()
    took = peer.took

    def breaks(body: dict[str, Any]) -> str:
        taken: str = took(body)
        peer.mishap = "server error" if len(peer.bodies) == 10 else peer.mishap
        return taken

    peer.took = breaks
    outcomes = [receipt.outcome for receipt in provider.send([letter(n) for n in range(100)])]
    assert 1 <= outcomes.count(IN_DOUBT) <= 4
    assert outcomes.count(ACCEPTED) + outcomes.count(IN_DOUBT) == len(peer.bodies)
    assert outcomes.count(RETRY) == 100 - len(peer.bodies)


@pytest.mark.parametrize("how", ["broken", "dripping"])
@pytest.mark.parametrize(
    "status,outcome,id_,wait",
    [(202, ACCEPTED, "id-1", None), (400, REFUSED, None, None), (429, RETRY, None, 7.0), (503, IN_DOUBT, None, 7.0)],
)
def test_an_answer_counts_by_its_status_whatever_becomes_of_its_body(
    opened: Callable[..., Any],
    letter: Make,
    how: str,
    status: int,
    outcome: Outcome,
    id_: str | None,
    wait: float | None,
) -> None:
    provider, _ = opened(f"{how} {status}", timeout=0.2)
    begun = time.monotonic()
    (receipt,) = provider.send([letter(1)])
    assert (receipt.outcome, receipt.code, receipt.provider_id, receipt.retry_after) == (
        outcome,
        str(status),
        id_,
        wait,
    )
    assert time.monotonic() - begun < 5


def test_too_large_a_mail_is_refused_alone(opened: Callable[..., Any], letter: Make) -> None:
    provider, peer = opened("too large")
    assert [receipt.outcome for receipt in provider.send([letter(1), letter(2)])] == [REFUSED, REFUSED]
    assert peer.requests == 2


def test_a_redirect_is_not_followed_with_the_key(opened: Callable[..., Any], letter: Make) -> None:
    provider, peer = opened("redirect")
    (receipt,) = provider.send([letter(1)])
    assert (receipt.outcome, receipt.whole_provider, peer.requests) == (RETRY, True, 1)


def test_a_wrong_key_is_the_whole_providers_trouble(opened: Callable[..., Any], letter: Make) -> None:
    provider, _ = opened(api_key="SG.other.key")
    receipts = provider.send([letter(n) for n in range(5)])
    assert {(r.outcome, r.code, r.whole_provider) for r in receipts} == {(RETRY, "401", True)}
    assert "SG.other.key" not in repr(receipts)


def test_what_begins_like_a_key_is_refused_by_the_sdk_alone(opened: Callable[..., Any], letter: Make) -> None:
    provider, _ = opened()
    receipts = provider.send([letter(1, text="SG.abc.def"), letter(2)])
    assert [receipt.outcome for receipt in receipts] == [REFUSED, ACCEPTED]


def test_a_batch_that_takes_too_long_leaves_the_rest_for_later(opened: Callable[..., Any], letter: Make) -> None:
    provider, peer = opened(call_timeout=1e-9)
    receipts = provider.send([letter(n) for n in range(3)])
    assert [(receipt.outcome, receipt.asked) for receipt in receipts] == [(ACCEPTED, True)] + [(RETRY, False)] * 2
    assert peer.requests == 1


@pytest.mark.parametrize(
    ("mishap", "shut"),
    [
        (None, None),
        ("refuse", None),
        ("server error", Shut("SendGrid answered 503", 7.0)),
        ("denied", Shut("SendGrid answered 401")),
    ],
)
def test_whether_it_works_shows_without_a_letter(
    opened: Callable[..., Any], mishap: str | None, shut: Shut | None
) -> None:
    provider, peer = opened(mishap)
    assert (provider.probe(), peer.bodies) == (shut, [])


@pytest.mark.parametrize("mishap", ["hang", "drop"])
def test_one_that_does_not_answer_does_not_work(opened: Callable[..., Any], mishap: str) -> None:
    shut = opened(mishap)[0].probe()
    assert shut is not None
    assert shut.detail.startswith("no answer from http://127.0.0.1")


def test_the_stand_in_takes_what_the_sdks_make(stand_in: ModuleType, shared: Path) -> None:
    cases = json.loads((shared / "data/cases/sendgrid_mail_send.json").read_text())["cases"]
    assert len(cases) > 5
    wrong = [
        (case["id"], stand_in.problems_of(case["payload"]))
        for case in cases
        if case["expected"]["complete"] and stand_in.problems_of(case["payload"])
    ]
    assert wrong == []


def test_the_stand_in_refuses_what_is_not_complete(stand_in: ModuleType, shared: Path) -> None:
    cases = json.loads((shared / "data/cases/sendgrid_mail_send.json").read_text())["cases"]
    incomplete = [case for case in cases if not case["expected"]["complete"]]
    assert all(stand_in.problems_of(case["payload"]) for case in incomplete)


def test_the_body_says_the_letter_and_nothing_twice(letter: Make, stand_in: ModuleType) -> None:
    sent = letter(
        subject="Våren",
        html="<p>x</p>",
        text="x",
        to=Mailbox("anna@räksmörgås.example", "Åsa <x@y.example>"),
        reply_to=Mailbox("re@blåbär.example"),
        headers=(("X-Note", "Blåbär"), ("References", "<" + "a" * 200 + "@b.example>")),
        campaign="spring",
    )
    body = body_of(sent)
    assert stand_in.problems_of(body) == []
    to = {"email": "anna@xn--rksmrgs-5wao1o.example", "name": "Åsa <x@y.example>"}
    assert body["personalizations"] == [{"to": [to]}]
    assert body["from"] == {"email": "hello@shop.example", "name": "The Shop"}
    assert body["reply_to"] == {"email": "re@xn--blbr-noae.example"}
    assert body["subject"] == "Våren"
    assert [part["type"] for part in body["content"]] == ["text/plain", "text/html"]
    assert body["headers"]["X-Note"] == "=?utf-8?b?QmzDpWLDpHI=?="
    assert body["headers"]["References"] == "<" + "a" * 200 + "@b.example>"
    assert sorted(body["categories"]) == ["service", "spring"]
    assert body["tracking_settings"] == {"subscription_tracking": {"enable": False}}


@pytest.mark.parametrize(
    "status,outcome,whole",
    [
        *((status, ACCEPTED, False) for status in (200, 202)),
        *((status, REFUSED, False) for status in (400, 409, 410, 413, 415, 422)),
        *((status, RETRY, True) for status in (301, 302, 307, 401, 403, 404, 405, 406, 407, 408, 425, 429, 451)),
        *((status, IN_DOUBT, True) for status in (500, 502, 503, 504, 599)),
    ],
)
def test_a_status_means(status: int, outcome: Outcome, whole: bool) -> None:
    verdict = verdict_of(status, {})
    assert (verdict.outcome, verdict.whole_provider) == (outcome, whole)


DATE = "Tue, 24 Nov 2026 10:00:00 GMT"


@pytest.mark.parametrize(
    "headers,wait",
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "Tue, 24 Nov 2026 10:01:00 GMT", "date": DATE}, 60.0),
        ({"retry-after": "Tue, 24 Nov 2026 09:00:00 GMT", "date": DATE}, 0.0),
        ({"retry-after": "Tue, 24 Nov 2026 10:01:00 GMT"}, None),
        ({"x-ratelimit-reset": "1795514430", "date": DATE}, 30.0),
        ({"retry-after": "99999999999"}, LONGEST_WAIT),
        ({"retry-after": "soon", "date": DATE}, None),
        ({"retry-after": "soon", "x-ratelimit-reset": "1795514430", "date": DATE}, 30.0),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "²"}, None),
        ({}, None),
    ],
)
def test_when_to_come_back(headers: dict[str, str], wait: float | None) -> None:
    assert verdict_of(429, headers).retry_after == wait


@given(st.dictionaries(st.sampled_from(["retry-after", "x-ratelimit-reset", "date"]), st.text(max_size=30)))
def test_no_header_is_too_strange(headers: dict[str, str]) -> None:
    verdict_of(429, headers)


@given(
    st.binary(max_size=80)
    | st.recursive(st.none() | st.text(), st.lists).map(lambda x: json.dumps({"errors": x}).encode())
)
def test_no_answer_is_too_strange(body: bytes) -> None:
    assert isinstance(words_of(body), str)


@pytest.mark.parametrize(
    "given_",
    [
        {"api_key": ""},
        {"api_key": f"{KEY}\nb"},
        {"api_key": KEY, "host": "http://api.sendgrid.com"},
        {"api_key": KEY, "host": "api.sendgrid.com"},
        {"api_key": KEY, "host": "https://user@api.sendgrid.com"},
        {"api_key": KEY, "connections": 0},
    ],
)
def test_settings_that_cannot_be_are_refused_without_showing_the_key(given_: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        sendgrid.Settings(**given_)
    assert KEY not in str(refused.value)
