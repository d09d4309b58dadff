"""The other end of the SendGrid provider: the stand-in of its API."""

from __future__ import annotations

import importlib.util
import socket
import sys
from email.header import decode_header, make_header
from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from cadence.providers import sendgrid
from cadence.providers.provider import Provider

_spec = importlib.util.spec_from_file_location("bench_sendgrid_stand_in", Path(__file__).with_name("stand_in.py"))
assert _spec is not None
assert _spec.loader is not None
stand_in = importlib.util.module_from_spec(_spec)
sys.modules["bench_sendgrid_stand_in"] = stand_in
_spec.loader.exec_module(stand_in)

MISHAPS = {"accept": None, "refuse": "refuse", "later": "later", "hang": "hang", "drop": "drop", "denied": "denied"}


class Bench:
    """A stand-in that has the behaviour's mishap."""

    secret = "SG.key-4711.very-secret"

    def __init__(self, folder: Path) -> None:
        self._peers: list[Any] = []

    def open(self, behaviour: str) -> Provider:
        if behaviour == "unreachable":
            with socket.create_server(("127.0.0.1", 0)) as found:
                port = found.getsockname()[1]
        else:
            self._peers.append(stand_in.StandIn(self.secret, MISHAPS[behaviour]))
            port = self._peers[-1].port
        return sendgrid.open(
            sendgrid.Settings(api_key=self.secret, host=f"http://127.0.0.1:{port}", timeout=0.5, connections=2)
        )

    def received(self) -> list[EmailMessage]:
        return [_as_message(body) for peer in self._peers for body in peer.bodies]

    def close(self) -> None:
        for peer in self._peers:
            peer.close()


def _as_message(body: dict[str, Any]) -> EmailMessage:
    """What SendGrid would make of a body."""
    message = EmailMessage()
    (to,) = body["personalizations"][0]["to"]
    message["To"] = Address(to.get("name", ""), addr_spec=to["email"])
    message["From"] = Address(body["from"].get("name", ""), addr_spec=body["from"]["email"])
    message["Subject"] = body["subject"]
    for name, value in body.get("headers", {}).items():
        message[name] = str(make_header(decode_header(value)))
    parts = {part["type"]: part["value"] for part in body["content"]}
    if "text/plain" in parts:
        message.set_content(parts["text/plain"])
    if "text/html" in parts and "text/plain" in parts:
        message.add_alternative(parts["text/html"], subtype="html")
    elif "text/html" in parts:
        message.set_content(parts["text/html"], subtype="html")
    return message
