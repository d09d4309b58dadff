"""What every provider must do, asked of each in the registry; what one declares it can't do is shown as skipped."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cadence.facts import SECOND
from cadence.providers.letter import Letter, Mailbox
from cadence.providers.provider import Ability, CannotSend, Outcome, Provider, Receipt
from cadence.providers.registry import PROVIDERS
from cadence.queue.leases import LEASE, silence

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # aiosmtpd, on loopback
Make = Callable[..., Letter]
HARD_TO_SPELL = 'Blåbärs-Ærø, "Øystein" \\ Пелюшка 東京 🦀'
SHORT = 'Ærø "Ö" \\, Пе 東京 🦀'


def outcomes(receipts: list[Receipt]) -> list[Outcome]:
    return [receipt.outcome for receipt in receipts]


def needs(provider: Provider, ability: Ability) -> None:
    """Skip what this provider declares that it can't do."""
    why = provider.capabilities.cannot.get(ability)
    if why is not None:
        provider.close()
        pytest.skip(f"declared: {provider.name} lacks it: {why}")


@pytest.fixture
def opened(bench: Any) -> Any:
    """Open the provider against a peer with a behaviour; closed when the test ends."""
    made: list[Provider] = []

    def open_(behaviour: str, *abilities: Ability) -> Provider:
        provider: Provider = bench.open(behaviour)
        made.append(provider)
        for ability in abilities:
            needs(provider, ability)
        return provider

    yield open_
    for provider in made:
        provider.close()


@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_a_provider_has_its_folder_and_its_bench(name: str, project: Path) -> None:
    assert (project / "cadence/providers" / name / "__init__.py").is_file()
    assert (project / "tests/conformance/providers" / name / "bench.py").is_file()


@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_every_setting_says_what_it_is(name: str) -> None:
    properties = PROVIDERS[name].Settings.model_json_schema()["properties"]
    assert [key for key, said in properties.items() if not said.get("description")] == []


@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_a_slow_batch_lets_no_stop_wait_longer_than_a_daemon_that_sleeps_unnoticed(name: str) -> None:
    longest = PROVIDERS[name].Settings.model_fields.get("call_timeout")
    assert longest is None or longest.default * SECOND <= silence(LEASE)


def test_each_letter_is_taken_once_and_in_order(bench: Any, opened: Any, letter: Make) -> None:
    provider = opened("accept")
    receipts = provider.send([letter(n) for n in (3, 1, 2)])
    assert [(r.message_id, r.outcome) for r in receipts] == [(n, Outcome.ACCEPTED) for n in (3, 1, 2)]
    assert sorted(str(mail["Subject"]) for mail in bench.received()) == ["Letter 1", "Letter 2", "Letter 3"]


def test_an_accepted_letter_has_the_providers_id(opened: Any, letter: Make) -> None:
    (receipt,) = opened("accept").send([letter()])
    assert receipt.provider_id


def test_one_opened_provider_sends_batch_after_batch(bench: Any, opened: Any, letter: Make) -> None:
    provider = opened("accept")
    for n in range(1, 5):
        assert outcomes(provider.send([letter(n)])) == [Outcome.ACCEPTED]
    assert len(bench.received()) == 4


def test_an_empty_batch_is_no_trouble(opened: Any) -> None:
    assert opened("accept").send([]) == []


def test_every_alphabet_arrives_as_it_was(bench: Any, opened: Any, letter: Make) -> None:
    subject, text, html = f"Våren är här {HARD_TO_SPELL}", f"Hej!\n.\n..{HARD_TO_SPELL}\n", f"<p>{HARD_TO_SPELL}</p>\n"
    sent = letter(
        subject=subject,
        text=text,
        html=html,
        to=Mailbox("anna@räksmörgås.example", SHORT),
        sender=Mailbox("hej@blåbär.example", "Blåbär & Co"),
    )
    assert outcomes(opened("accept").send([sent])) == [Outcome.ACCEPTED]
    (mail,) = bench.received()
    assert mail["Subject"] == subject
    assert mail["To"].addresses[0].display_name == SHORT
    assert mail["To"].addresses[0].addr_spec == "anna@xn--rksmrgs-5wao1o.example"
    assert mail["From"].addresses[0].display_name == "Blåbär & Co"
    assert mail.get_body(("plain",)).get_content().replace("\r\n", "\n") == text
    assert mail.get_body(("html",)).get_content().replace("\r\n", "\n") == html


def test_a_mailbox_name_outside_ascii_is_taken_or_plainly_refused(bench: Any, opened: Any, letter: Make) -> None:
    provider = opened("accept")
    (receipt,) = provider.send([letter(to=Mailbox("åsa@example.com"))])
    if Ability.NON_ASCII_MAILBOX in provider.capabilities.cannot:
        assert receipt.outcome is Outcome.REFUSED
        assert "ASCII" in receipt.detail
        assert bench.received() == []
    else:
        assert receipt.outcome is Outcome.ACCEPTED
        assert bench.received()[0]["To"].addresses[0].addr_spec == "åsa@example.com"


def test_the_way_out_arrives_verbatim(bench: Any, opened: Any, letter: Make) -> None:
    sent = letter()
    opened("accept").send([sent])
    assert str(bench.received()[0]["List-Unsubscribe"]) == f"<{sent.list_unsubscribe[0]}>"


def test_our_message_id_arrives(bench: Any, opened: Any, letter: Make) -> None:
    sent = letter()
    opened("accept", Ability.KEEP_MESSAGE_ID).send([sent])
    assert str(bench.received()[0]["Message-ID"]) == sent.message_id_header


def test_marketing_without_a_way_out_is_refused_and_the_rest_goes(bench: Any, opened: Any, letter: Make) -> None:
    receipts = opened("accept").send([letter(1), letter(2, way_out=False), letter(3)])
    assert outcomes(receipts) == [Outcome.ACCEPTED, Outcome.REFUSED, Outcome.ACCEPTED]
    assert "way out" in receipts[1].detail
    assert len(bench.received()) == 2


def test_a_receipt_of_trade_needs_no_way_out(bench: Any, opened: Any, letter: Make) -> None:
    sent = letter(category="service", marketing=False, way_out=False)
    assert outcomes(opened("accept").send([sent])) == [Outcome.ACCEPTED]
    assert bench.received()[0]["List-Unsubscribe"] is None


def test_what_is_refused_was_never_taken_and_says_why(bench: Any, opened: Any, letter: Make) -> None:
    receipts = opened("refuse", Ability.REFUSE).send([letter(1), letter(2)])
    assert outcomes(receipts) == [Outcome.REFUSED, Outcome.REFUSED]
    assert all(receipt.code and receipt.detail and not receipt.whole_provider for receipt in receipts)
    assert bench.received() == []


def test_what_is_asked_to_come_later_was_never_taken(bench: Any, opened: Any, letter: Make) -> None:
    receipts = opened("later", Ability.RETRY).send([letter(1), letter(2)])
    assert outcomes(receipts) == [Outcome.RETRY, Outcome.RETRY]
    assert bench.received() == []


@pytest.mark.parametrize("mishap", ["hang", "drop"])
def test_no_word_after_the_mail_was_sent_is_doubt_for_one_and_later_for_the_rest(
    opened: Any, letter: Make, mishap: str
) -> None:
    receipts = opened(mishap, Ability.HANG).send([letter(n) for n in range(1, 6)])
    assert outcomes(receipts) == [Outcome.IN_DOUBT, *[Outcome.RETRY] * 4]
    assert all(receipt.whole_provider for receipt in receipts)


def test_nobody_there_is_later_for_all(opened: Any, letter: Make) -> None:
    receipts = opened("unreachable").send([letter(1), letter(2)])
    assert outcomes(receipts) == [Outcome.RETRY, Outcome.RETRY]
    assert all(receipt.whole_provider and receipt.detail for receipt in receipts)


def test_a_denied_login_is_later_for_all(opened: Any, letter: Make) -> None:
    needs_secret = opened("accept", Ability.SECRETS)
    needs_secret.close()
    receipts = opened("denied").send([letter(1), letter(2)])
    assert outcomes(receipts) == [Outcome.RETRY, Outcome.RETRY]
    assert all(receipt.whole_provider for receipt in receipts)


@pytest.mark.parametrize("behaviour", ["accept", "refuse", "later", "hang", "drop", "unreachable", "denied"])
def test_the_secret_never_shows(bench: Any, opened: Any, letter: Make, behaviour: str) -> None:
    opened("accept", Ability.SECRETS).close()
    provider = opened(behaviour)
    receipts = provider.send([letter(1), letter(2)])
    told = " ".join([repr(receipts), repr(provider), repr(vars(provider)), str(provider.capabilities)])
    plain = base64.b64encode(bench.secret.encode()).decode()
    login = base64.b64encode(f"\0user\0{bench.secret}".encode()).decode()
    assert not [form for form in (bench.secret, plain, login) if form in told]


@pytest.mark.parametrize("begun", [0, 2])
def test_who_falls_asleep_in_a_batch_begins_no_more_of_it(bench: Any, opened: Any, letter: Make, begun: int) -> None:
    awake = iter([True] * begun)
    receipts = opened("accept").send([letter(n) for n in range(1, 6)], lambda: next(awake, False))
    assert sorted(o.value for o in outcomes(receipts)) == ["accepted"] * begun + ["retry"] * (5 - begun)
    assert {(r.asked, r.whole_provider) for r in receipts if r.outcome is Outcome.RETRY} == {(False, False)}
    assert len(bench.received()) == begun


def test_a_message_twice_in_a_batch_is_a_wrong_call(bench: Any, opened: Any, letter: Make) -> None:
    with pytest.raises(CannotSend, match="twice"):
        opened("accept").send([letter(1), letter(1)])
    assert bench.received() == []


def test_more_letters_than_fit_are_a_wrong_call(opened: Any, letter: Make) -> None:
    provider = opened("accept")
    with pytest.raises(CannotSend, match="at most"):
        provider.send([letter(1)] * (provider.capabilities.max_batch + 1))


def test_a_closed_provider_sends_nothing(bench: Any, opened: Any, letter: Make) -> None:
    provider = opened("accept")
    provider.close()
    with pytest.raises(CannotSend, match="closed"):
        provider.send([letter(1)])
    assert bench.received() == []


def test_one_that_works_says_so_without_a_letter(bench: Any, opened: Any, letter: Make) -> None:
    provider = opened("accept", Ability.PROBE)
    assert (provider.probe(), provider.probe(), bench.received()) == (None, None, [])
    assert outcomes(provider.send([letter()])) == [Outcome.ACCEPTED]
    assert (provider.probe(), len(bench.received())) == (None, 1)


@pytest.mark.parametrize("behaviour", ["unreachable", "denied"])
def test_one_that_takes_nothing_says_so_without_a_letter(bench: Any, opened: Any, behaviour: str) -> None:
    shut = opened(behaviour, Ability.PROBE).probe()
    assert shut is not None
    assert shut.detail
    assert bench.secret not in shut.detail


def test_who_cannot_be_asked_whether_it_works_says_so(opened: Any) -> None:
    provider = opened("accept")
    if Ability.PROBE not in provider.capabilities.cannot:
        pytest.skip(f"declared: {provider.name} can be asked")
    with pytest.raises(CannotSend):
        provider.probe()


def test_who_can_settle_tells_which_it_has(opened: Any, letter: Make) -> None:
    provider = opened("accept", Ability.SETTLE)
    provider.send([letter(1), letter(2)])
    assert provider.settle([1, 2, 3]) == {1: True, 2: True, 3: False}


def test_who_cannot_settle_says_so(opened: Any, letter: Make) -> None:
    provider = opened("accept")
    if Ability.SETTLE in provider.capabilities.cannot:
        with pytest.raises(CannotSend):
            provider.settle([1])
    else:
        provider.send([letter(1)])
        assert provider.settle([]) == {}
