"""SMTP: who is told what when a server answers badly, and that nothing goes unsecured."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import ValidationError

from cadence.cli.screen import tell_wrong
from cadence.facts import HOUR
from cadence.providers import smtp
from cadence.providers.letter import Letter, Mailbox
from cadence.providers.provider import Outcome, Provider, Receipt
from cadence.providers.smtp import sending
from cadence.providers.smtp.verdict import Reply, Stage, verdict_of
from cadence.settings import read

Make = Callable[..., Letter]
ACCEPTED, REFUSED, RETRY, IN_DOUBT = Outcome.ACCEPTED, Outcome.REFUSED, Outcome.RETRY, Outcome.IN_DOUBT


class Post:
    """A scripted server and a provider opened on it."""

    def __init__(
        self, module: ModuleType, script: dict[str, Any], extensions: tuple[str, ...] | None, **other: Any
    ) -> None:
        self.server = module.ScriptedServer(
            script, module.EXTENSIONS if extensions is None else extensions, other.pop("tls", None)
        )
        given: dict[str, Any] = {"host": "127.0.0.1", "port": self.server.port, "security": "none"}
        given |= {"helo_name": "client.example", "timeout": 0.4}
        self.provider: Provider = smtp.open(smtp.Settings(**given | other))

    def send(self, *letters: Letter) -> list[Outcome]:
        self.receipts: list[Receipt] = self.provider.send(letters)
        return [receipt.outcome for receipt in self.receipts]

    @property
    def heard(self) -> Any:
        return self.server.heard


@pytest.fixture
def post(smtp_server: ModuleType) -> Iterator[Callable[..., Post]]:
    """Open a provider on a server that follows a script; both are closed when the test ends."""
    made: list[Post] = []

    def opened(script: dict[str, Any] | None = None, extensions: tuple[str, ...] | None = None, **other: Any) -> Post:
        made.append(Post(smtp_server, script or {}, extensions, **other))
        return made[-1]

    yield opened
    for one in made:
        one.provider.close()
        one.server.close()


@pytest.mark.parametrize("extensions", [None, ("SIZE 1000000",)], ids=["pipelining", "step by step"])
@pytest.mark.parametrize(
    "script,expected",
    [
        ({"rcpt person2@example.com": "550 5.1.1 no such user"}, [ACCEPTED, REFUSED, ACCEPTED]),
        ({"rcpt person2@example.com": "451 4.7.1 greylisted"}, [ACCEPTED, RETRY, ACCEPTED]),
        ({"mail": ["250 ok", "552 5.3.4 too big", "250 ok"]}, [ACCEPTED, REFUSED, ACCEPTED]),
        ({"mail": ["250 ok", "452 no room for so much", "250 ok"]}, [ACCEPTED, RETRY, ACCEPTED]),
        ({"rcpt person2@example.com": "554 5.7.1 <x@y.org>: Relay access denied"}, [ACCEPTED, RETRY, ACCEPTED]),
        ({"data": ["354 go", "554 5.7.1 not now", "354 go"]}, [ACCEPTED, REFUSED, ACCEPTED]),
        ({"data": ["354 go", "451 4.3.0 not now", "354 go"]}, [ACCEPTED, RETRY, ACCEPTED]),
        ({"end": ["250 ok", "554 5.6.0 spam", "250 ok"]}, [ACCEPTED, REFUSED, ACCEPTED]),
        ({"end": ["250 ok", "451 4.3.0 try later", "250 ok"]}, [ACCEPTED, RETRY, ACCEPTED]),
        ({"end": ["250 ok", "354 what?", "250 ok"]}, [ACCEPTED, IN_DOUBT, ACCEPTED]),
        ({"rcpt person2@example.com": "550 no", "data": "354 go"}, [ACCEPTED, REFUSED, ACCEPTED]),
    ],
)
def test_each_letter_gets_the_verdict_on_itself(
    post: Callable[..., Post], letter: Make, script: dict[str, Any], expected: list[Outcome], extensions: Any
) -> None:
    made = post({key: list(said) if isinstance(said, list) else said for key, said in script.items()}, extensions)
    assert made.send(letter(1), letter(2), letter(3)) == expected
    assert made.heard.connections == 1
    assert len(made.heard.mails) == expected.count(ACCEPTED)


@pytest.mark.parametrize("extensions", [None, ("SIZE 1000000",)], ids=["pipelining", "step by step"])
@pytest.mark.parametrize(
    "script,suspects",
    [
        ({"mail": "553 5.7.1 sender address rejected: not owned by user"}, 0),
        ({"mail": "550 5.1.8 sender's domain does not exist"}, 0),
        ({"rcpt": "550 5.7.1 Unable to relay"}, 1),
        ({"rcpt": "550 5.7.1 <person1@example.com>: Relay access denied"}, 1),
        ({"rcpt": "554 5.7.1 <person1@example.com>: Relay access denied"}, 1),
        ({"rcpt": "553 5.7.1 <shop@example.com>: Sender address rejected: not owned by user"}, 1),
        ({"rcpt": "550 5.1.8 <shop@example.com>: Sender address rejected: Domain not found"}, 1),
        ({"rcpt": "554 5.7.1 <unknown[192.0.2.1]>: Client host rejected: Access denied"}, 1),
        ({"rcpt": "450 4.7.1 Client host rejected: cannot find your hostname, [192.0.2.1]"}, 1),
        ({"rcpt": "451 4.3.5 Server configuration problem"}, 1),
        ({"mail": "452 4.3.1 Insufficient system storage"}, 0),
        ({"mail": "450 4.7.1 too many mails, slow down"}, 0),
        ({"end": "451 4.3.0 queue file write error"}, 1),
    ],
)
def test_where_it_is_we_who_may_not_send_nobody_is_refused(
    post: Callable[..., Post], letter: Make, script: dict[str, str], suspects: int, extensions: Any
) -> None:
    made = post(script, extensions)
    assert made.send(letter(1), letter(2), letter(3)) == [RETRY] * 3
    assert all(receipt.whole_provider for receipt in made.receipts)
    assert [receipt.suspect for receipt in made.receipts] == [True] * suspects + [False] * (3 - suspects)
    assert made.receipts[0].code == next(iter(script.values()))[:9]


def test_a_refusal_keeps_the_servers_words_and_codes(post: Callable[..., Post], letter: Make) -> None:
    made = post({"rcpt": "550 5.1.1 no such user"})
    made.send(letter())
    assert made.receipts[0].code == "550 5.1.1"
    assert made.receipts[0].detail == "550 5.1.1 no such user (answer to RCPT)"


def test_mail_rcpt_and_data_go_in_one_write(post: Callable[..., Post], letter: Make) -> None:
    made = post()
    made.send(letter())
    sent = next(read for read in made.heard.reads if read.startswith(b"MAIL"))
    assert [line.split(b" ")[0] for line in sent.split(b"\r\n")] == [b"MAIL", b"RCPT", b"DATA", b""]


def test_without_pipelining_each_command_waits_for_its_answer(post: Callable[..., Post], letter: Make) -> None:
    made = post(extensions=())
    assert made.send(letter()) == [ACCEPTED]
    assert all(read.count(b"\r\n") == 1 for read in made.heard.reads if read.startswith((b"MAIL", b"RCPT", b"DATA")))


def test_what_arrives_is_the_letter_to_the_byte(post: Callable[..., Post], letter: Make) -> None:
    sent = letter(text=".\n..\nFrom me\n.hidden å\n", html="<p>" + "å" * 300 + "</p>\n.\n")
    made = post()
    assert made.send(sent) == [ACCEPTED]
    assert b"\r\n.." in sent.mime
    assert made.heard.mails == [sent.mime]


def test_several_connections_share_a_batch(post: Callable[..., Post], letter: Make) -> None:
    made = post({"rcpt person3@example.com": "550 5.1.1 no such user"}, connections=3)
    assert made.send(*(letter(n) for n in range(1, 11))) == [ACCEPTED] * 2 + [REFUSED] + [ACCEPTED] * 7
    assert made.heard.connections == 3
    assert len(made.heard.mails) == 9


def test_several_connections_put_one_in_doubt_when_the_server_hangs_from_the_start(
    post: Callable[..., Post], letter: Make, smtp_server: ModuleType
) -> None:
    made = post({"end": smtp_server.HANG}, connections=3)
    assert made.send(*(letter(n) for n in range(1, 11))) == [IN_DOUBT] + [RETRY] * 9
    assert made.heard.connections == 1


@pytest.mark.parametrize("connections", [1, 3])
def test_one_goes_alone_first_also_behind_letters_that_the_server_was_not_asked_to_take(
    post: Callable[..., Post], letter: Make, smtp_server: ModuleType, connections: int
) -> None:
    made = post({"end": smtp_server.HANG}, connections=connections)
    unfit = [letter(n, to=Mailbox("åsa@example.com")) for n in (1, 2)]
    assert made.send(*unfit, *(letter(n) for n in range(3, 11))) == [REFUSED] * 2 + [IN_DOUBT] + [RETRY] * 7
    assert [receipt.asked for receipt in made.receipts] == [False] * 2 + [True] * 8


def test_no_mail_waits_for_an_acknowledgement(post: Callable[..., Post], letter: Make) -> None:
    made = post(timeout=10)
    begun = time.perf_counter()
    made.send(*(letter(n) for n in range(100)))
    # with Nagle's algorithm each takes 40 ms at the least, without it less than one
    assert time.perf_counter() - begun < 2


def test_one_connection_serves_batch_after_batch(post: Callable[..., Post], letter: Make) -> None:
    made = post()
    for n in range(1, 4):
        assert made.send(letter(n)) == [ACCEPTED]
    assert made.heard.connections == 1


def test_a_connection_that_died_in_a_pause_is_made_anew(
    post: Callable[..., Post], letter: Make, smtp_server: ModuleType
) -> None:
    made = post({"rset": [smtp_server.DROP, "250 ok"]})
    assert made.send(letter(1)) == [ACCEPTED]
    assert made.send(letter(2)) == [ACCEPTED]
    assert made.heard.connections == 2


def test_a_server_that_takes_two_a_connection_gets_all_in_turn(post: Callable[..., Post], letter: Make) -> None:
    full = "421 4.7.0 enough for one connection"
    made = post({"mail": ["250 ok", "250 ok", full, "250 ok", "250 ok", full, "250 ok"]})
    assert made.send(*(letter(n) for n in range(1, 6))) == [ACCEPTED] * 5
    assert made.heard.connections == 3
    assert len(made.heard.mails) == 5


@pytest.mark.parametrize("point", ["connect", "ehlo", "mail", "rcpt", "data", "body"])
@pytest.mark.parametrize("how", ["HANG", "DROP"])
def test_before_the_mails_end_nothing_is_in_doubt(
    post: Callable[..., Post], letter: Make, smtp_server: ModuleType, point: str, how: str
) -> None:
    made = post({point: getattr(smtp_server, how)})
    # more than the socket's buffers hold, so that a server that doesn't read is noticed while writing
    assert made.send(letter(1, text="x" * 9_000_000 if point == "body" else "x"), letter(2)) == [RETRY, RETRY]
    assert [receipt.whole_provider for receipt in made.receipts] == [point != "body", True]
    assert made.heard.mails == []
    assert made.heard.connections == 1


@pytest.mark.parametrize("how", ["HANG", "DROP"])
def test_after_the_mails_end_one_is_in_doubt_and_is_not_sent_again(
    post: Callable[..., Post], letter: Make, smtp_server: ModuleType, how: str
) -> None:
    made = post({"end": ["250 ok", getattr(smtp_server, how), "250 ok"]})
    assert made.send(letter(1), letter(2), letter(3)) == [ACCEPTED, IN_DOUBT, ACCEPTED]
    assert len(made.heard.mails) == 3
    assert sum(b"<cadence.2." in mail for mail in made.heard.mails) == 1


def test_a_letter_at_which_the_server_drops_does_not_block_the_rest(
    post: Callable[..., Post], letter: Make, smtp_server: ModuleType
) -> None:
    made = post({"rcpt person1@example.com": "550 5.7.1 go away", "rset": smtp_server.DROP})
    assert made.send(letter(1), letter(2)) == [REFUSED, ACCEPTED]


def test_a_refusal_counts_even_if_the_server_closes_right_after_it(
    post: Callable[..., Post], letter: Make, smtp_server: ModuleType
) -> None:
    made = post({"rcpt person1@example.com": "550 5.7.1 go away", "data": [smtp_server.CLOSE, "354 go"]})
    assert made.send(letter(1), letter(2)) == [REFUSED, ACCEPTED]
    assert made.heard.connections == 2


@pytest.mark.parametrize("greeting", ["554 5.7.1 you are not allowed", "421 busy", "hello", "250"])
def test_a_greeting_that_is_none_is_later_for_all(post: Callable[..., Post], letter: Make, greeting: str) -> None:
    made = post({"connect": greeting})
    assert made.send(letter(1), letter(2)) == [RETRY, RETRY]


def test_an_answer_without_end_is_cut_off(post: Callable[..., Post], letter: Make) -> None:
    made = post({"end": "\r\n".join(["250-and"] * 20_000)})
    assert made.send(letter(1)) == [IN_DOUBT]


def test_whether_it_works_shows_without_a_letter_on_the_connection_that_the_next_one_goes_over(
    post: Callable[..., Post], letter: Make
) -> None:
    made = post()
    assert (made.provider.probe(), made.heard.mails) == (None, [])
    assert made.send(letter(1)) == [ACCEPTED]
    assert made.provider.probe() is None
    assert (made.heard.connections, len(made.heard.mails)) == (1, 1)


@pytest.mark.parametrize("script", [{"connect": "554 go away"}, {"connect": "<hang>"}, {"rset": "421 busy"}])
def test_one_that_takes_no_command_does_not_work(post: Callable[..., Post], script: dict[str, Any]) -> None:
    shut = post(script).provider.probe()
    assert shut is not None
    assert shut.detail


def test_a_batch_that_takes_too_long_leaves_the_rest_for_later(
    post: Callable[..., Post], letter: Make, smtp_server: ModuleType
) -> None:
    made = post({"end": ["250 ok", smtp_server.HANG]}, call_timeout=0.2)
    assert made.send(letter(1), letter(2), letter(3)) == [ACCEPTED, IN_DOUBT, RETRY]
    assert [receipt.asked for receipt in made.receipts] == [True, True, False]


@pytest.mark.parametrize("connections", [1, 3])
def test_of_each_batch_one_is_begun_however_late_it_is(
    post: Callable[..., Post], letter: Make, connections: int
) -> None:
    made = post(call_timeout=1e-9, connections=connections)
    assert made.send(*(letter(n) for n in range(1, 6))) == [ACCEPTED] + [RETRY] * 4
    assert [receipt.asked for receipt in made.receipts] == [True] + [False] * 4


def test_a_machine_that_was_asleep_in_the_middle_of_a_batch_begins_no_more_of_it(
    post: Callable[..., Post], letter: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, passed = post(), [0, 0, HOUR]  # as it begins, before the second, and before the third
    monkeypatch.setattr(sending, "passed_micros", lambda: passed.pop(0) if len(passed) > 1 else passed[0])
    assert made.send(letter(1), letter(2), letter(3)) == [ACCEPTED, ACCEPTED, RETRY]
    assert [receipt.asked for receipt in made.receipts] == [True, True, False]


def test_each_of_several_connections_stops_where_the_machine_was_asleep(
    post: Callable[..., Post], letter: Make
) -> None:
    made, awake = post(connections=3), iter([True] * 4)
    receipts = made.provider.send([letter(n) for n in range(1, 10)], lambda: next(awake, False))
    assert [receipt.outcome for receipt in receipts].count(ACCEPTED) == len(made.heard.mails) == 4
    assert not any(receipt.asked for receipt in receipts if receipt.outcome is RETRY)


def test_a_mailbox_name_outside_ascii_needs_the_servers_consent(post: Callable[..., Post], letter: Make) -> None:
    made = post()
    assert made.send(letter(1, to=Mailbox("åsa@example.com")), letter(2)) == [REFUSED, ACCEPTED]
    assert "SMTPUTF8" in made.receipts[0].detail


def test_bounces_go_to_the_address_set_for_them(post: Callable[..., Post], letter: Make) -> None:
    made = post(bounce_address="bounces@shop.example")
    made.send(letter())
    assert any(command.startswith("MAIL FROM:<bounces@shop.example>") for command in made.heard.commands)


def test_the_address_for_bounces_has_its_host_in_ascii_on_the_wire(post: Callable[..., Post], letter: Make) -> None:
    made = post(bounce_address="bounces@köln.example")
    assert made.send(letter()) == [ACCEPTED]
    assert any(command.startswith("MAIL FROM:<bounces@xn--kln-sna.example>") for command in made.heard.commands)


@pytest.mark.parametrize(
    "address",
    ["Bounces <bounces@shop.example>", "<bounces@shop.example>", "bounces at shop", "b@shop\x00.example", "b@-.se", ""],
)
def test_an_address_for_bounces_that_is_none_is_told_at_opening_by_its_setting(
    capsys: pytest.CaptureFixture[str], address: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        read(smtp.Settings, "smtp", bounce_address=address)
    tell_wrong(refused.value)
    assert "CADENCE_SMTP_BOUNCE_ADDRESS" in capsys.readouterr().err


def test_starttls_is_never_left_out(post: Callable[..., Post], letter: Make) -> None:
    made = post(security="starttls")
    assert made.send(letter()) == [RETRY]
    assert "STARTTLS" in made.receipts[0].detail
    assert not any(command.startswith("MAIL") for command in made.heard.commands)


@pytest.mark.parametrize(
    "given,word",
    [
        ({"user": "me"}, "password"),
        ({"password": "geheim"}, "user"),
        ({"user": "me", "password": "geheim", "security": "none", "host": "mail.example"}, "unencrypted"),
        ({"hots": "mail.example"}, "hots"),
    ],
)
def test_settings_that_are_half_or_unsafe_are_refused(given: dict[str, Any], word: str) -> None:
    with pytest.raises(ValidationError, match=word) as refused:
        smtp.Settings(**given)
    assert "geheim" not in str(refused.value)


def test_settings_from_the_environment_are_refused_without_showing_the_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {"HOST": "mail.example", "USER": "me", "PASSWORD": "geheim", "SECURITY": "none"}.items():
        monkeypatch.setenv(f"CADENCE_SMTP_{name}", value)
    with pytest.raises(ValidationError, match="unencrypted") as refused:
        read(smtp.Settings, "smtp")
    assert "geheim" not in str(refused.value)


def test_the_password_is_not_in_the_settings_repr() -> None:
    assert "geheim" not in repr(smtp.Settings(user="me", password="geheim"))


@pytest.mark.parametrize(
    "stage,code,outcome,whole",
    [
        ("the mail", 250, ACCEPTED, False),
        ("the mail", 354, IN_DOUBT, False),
        ("the mail", 199, IN_DOUBT, False),
        ("the mail", 451, RETRY, False),
        ("the mail", 499, RETRY, False),
        ("the mail", 552, REFUSED, False),
        ("the mail", 599, REFUSED, False),
        ("the mail", 421, RETRY, True),
        ("RCPT", 550, REFUSED, False),
        ("RCPT", 450, RETRY, False),
        ("MAIL", 450, RETRY, True),
        ("MAIL", 452, RETRY, False),
        ("MAIL", 552, REFUSED, False),
        ("MAIL", 501, RETRY, True),
        ("MAIL", 599, RETRY, True),
        ("RCPT", 352, RETRY, True),
        ("MAIL", 530, RETRY, True),
        ("MAIL", 535, RETRY, True),
        ("DATA", 250, RETRY, True),
    ],
)
def test_a_reply_means(stage: Stage, code: int, outcome: Outcome, whole: bool) -> None:
    verdict = verdict_of(stage, Reply(code, "words"))
    assert (verdict.outcome, verdict.whole_provider) == (outcome, whole)


@pytest.mark.parametrize(
    "stage,code,words,outcome",
    [
        ("RCPT", 550, "relay not permitted", RETRY),
        ("RCPT", 553, "sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)", RETRY),
        ("RCPT", 550, "5.7.54 SMTP; Unable to relay recipient in non-accepted domain", RETRY),
        ("RCPT", 554, "5.7.1 Service unavailable; Client host [192.0.2.1] blocked using bl.example.org", RETRY),
    ],
)
def test_however_a_server_says_that_it_takes_nothing_from_us_nobody_is_refused(
    stage: Stage, code: int, words: str, outcome: Outcome
) -> None:
    verdict = verdict_of(stage, Reply(code, words))
    assert (verdict.outcome, verdict.whole_provider, verdict.suspect) == (outcome, True, True)


@pytest.mark.parametrize(
    "stage,code,words,outcome",
    [
        ("MAIL", 554, "5.3.4 message too big for this system", REFUSED),
        ("RCPT", 550, "5.7.1 not wanted here", REFUSED),
        ("RCPT", 550, "5.1.1 no such user at this relay", REFUSED),
        ("RCPT", 550, "<ann@relay.example.com>: unknown user", REFUSED),
        ("RCPT", 554, "5.7.1 <ann@example.com>: Recipient address rejected: Access denied", REFUSED),
        ("RCPT", 450, "4.2.0 <ann@example.com>: Recipient address rejected: Greylisted", RETRY),
        ("the mail", 550, "5.7.1 relay's filter: spam", REFUSED),
    ],
)
def test_what_is_about_one_letter_is_not_taken_for_our_set_up(
    stage: Stage, code: int, words: str, outcome: Outcome
) -> None:
    verdict = verdict_of(stage, Reply(code, words))
    assert (verdict.outcome, verdict.whole_provider) == (outcome, False)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that nobody but this test trusts, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sink.example")])
    day = datetime.timedelta(days=1)
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - day, now + day)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(key.private_bytes(*form))
    return folder / "cert.pem", folder / "key.pem"


def server_context(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


class _Keep:
    def __init__(self) -> None:
        self.mails: list[bytes] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append(envelope.content)
        return "250 2.0.0 taken"


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_secured_login_with_a_real_server(
    letter: Make, certificate: tuple[Path, Path], smtp_server: ModuleType, security: str
) -> None:
    def known(server: Any, session: Any, envelope: Any, mechanism: Any, data: Any) -> AuthResult:
        return AuthResult(success=data.login == b"me" and data.password == "hemligt å".encode())

    kept = _Keep()
    context = server_context(certificate)
    port = smtp_server.free_port()
    secured: dict[str, Any] = {"ssl_context": context} if security == "tls" else {"tls_context": context}
    if security == "starttls":  # aiosmtpd offers AUTH after STARTTLS only
        secured |= {"require_starttls": True, "authenticator": known, "auth_required": True}
    controller = Controller(kept, hostname="127.0.0.1", port=port, **secured)
    controller.start()
    login = {"user": "me", "password": "hemligt å"} if security == "starttls" else {}
    settings = {"host": "127.0.0.1", "port": port, "security": security, "ca_file": certificate[0], "timeout": 5}
    provider = smtp.open(smtp.Settings(helo_name="client.example", **settings, **login))
    try:
        assert [receipt.outcome for receipt in provider.send([letter(1), letter(2)])] == [ACCEPTED, ACCEPTED]
    finally:
        provider.close()
        controller.stop()
    assert len(kept.mails) == 2


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(
    post: Callable[..., Post], letter: Make, certificate: tuple[Path, Path]
) -> None:
    made = post(
        extensions=("STARTTLS",), tls=server_context(certificate), security="starttls", user="me", password="geheim"
    )
    assert made.send(letter()) == [RETRY]
    assert "certificate" in made.receipts[0].detail.lower()
    assert not any(command.startswith("AUTH") for command in made.heard.commands)


def test_words_said_before_tls_are_not_believed_after(
    post: Callable[..., Post], letter: Make, certificate: tuple[Path, Path], smtp_server: ModuleType
) -> None:
    made = post(
        {"starttls": "220 go ahead\r\n250-injected\r\n250 SMTPUTF8"},
        extensions=("STARTTLS",),
        tls=server_context(certificate),
        security="starttls",
        ca_file=certificate[0],
    )
    assert made.send(letter(to=Mailbox("åsa@example.com"))) == [REFUSED]
    assert "SMTPUTF8" in made.receipts[0].detail
