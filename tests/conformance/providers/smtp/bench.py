"""The other end of the SMTP provider: aiosmtpd where all goes well, a scripted server where it doesn't."""

from __future__ import annotations

import base64
import email
import email.policy
import importlib.util
import sys
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from cadence.providers import smtp
from cadence.providers.provider import Provider

_spec = importlib.util.spec_from_file_location("bench_smtp_server", Path(__file__).with_name("server.py"))
assert _spec is not None
assert _spec.loader is not None
server = importlib.util.module_from_spec(_spec)
sys.modules["bench_smtp_server"] = server
_spec.loader.exec_module(server)

SECRET = "pass-WORD-4711"
_EXTENSIONS = (*server.EXTENSIONS, "SMTPUTF8", "AUTH PLAIN")


class _Keep:
    def __init__(self) -> None:
        self.mails: list[bytes] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append(envelope.original_content)
        return "250 2.0.0 taken"


class Bench:
    """A server of the kind that the behaviour asks for."""

    secret = SECRET

    def __init__(self, folder: Path) -> None:
        self._kept = _Keep()
        self._peers: list[Any] = []
        self._scripted: list[Any] = []

    def open(self, behaviour: str) -> Provider:
        port = self._good() if behaviour == "accept" else self._bad(behaviour)
        return smtp.open(
            smtp.Settings(
                host="127.0.0.1",
                port=port,
                security="none",
                user="user",
                password=SECRET,
                helo_name="client.example",
                timeout=0.5,
            )
        )

    def received(self) -> list[EmailMessage]:
        mails = self._kept.mails + [mail for peer in self._scripted for mail in peer.heard.mails]
        return [email.message_from_string(mail.decode(), policy=email.policy.default) for mail in mails]  # type: ignore[misc]

    def close(self) -> None:
        for peer in self._peers:
            peer.stop()
        for peer in self._scripted:
            peer.close()

    def _good(self) -> int:
        def known(server: Any, session: Any, envelope: Any, mechanism: Any, data: Any) -> AuthResult:
            return AuthResult(success=data.login == b"user" and data.password == SECRET.encode())

        controller = Controller(
            self._kept,
            hostname="127.0.0.1",
            port=server.free_port(),
            enable_SMTPUTF8=True,
            authenticator=known,
            auth_require_tls=False,
            auth_required=True,
        )
        controller.start()
        self._peers.append(controller)
        return controller.port

    def _bad(self, behaviour: str) -> int:
        if behaviour == "unreachable":
            return server.free_port()
        plain = base64.b64encode(f"\0user\0{SECRET}".encode()).decode()
        script = {
            "refuse": {"rcpt": "550 5.1.1 no such user here"},
            "later": {"rcpt": "451 4.7.1 greylisted, come again"},
            "hang": {"end": server.HANG},
            "drop": {"end": server.DROP},
            "denied": {"auth": f"535 5.7.8 {SECRET} and {plain} are not known here"},
        }[behaviour]
        scripted = server.ScriptedServer(script, _EXTENSIONS)
        self._scripted.append(scripted)
        return int(scripted.port)
