"""A stand-in for SendGrid's API: POST /v3/mail/send, with its checks, its answers, and its mishaps.

`problems_of` says what the real one would find wrong with a body (twilio.com/docs/sendgrid, "Mail Send Errors").
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KNOWN = frozenset(
    [
        *("personalizations", "from", "reply_to", "reply_to_list", "subject", "content", "attachments", "template_id"),
        *("sections", "headers", "categories", "custom_args", "send_at", "batch_id", "asm", "ip_pool_name"),
        *("mail_settings", "tracking_settings"),
    ]
)
ORDER = {"text/plain": 0, "text/x-amp-html": 1, "text/html": 2}
RESERVED = frozenset(
    [
        *("x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "content-transfer-encoding"),
        *("to", "from", "subject", "reply-to", "cc", "bcc"),
    ]
)


def problems_of(body: Any) -> list[dict[str, str | None]]:
    """What is wrong with a body, in the form of the API's `errors`."""
    if not isinstance(body, dict):
        return [{"field": None, "message": "Bad Request"}]
    found: list[tuple[str, str]] = [(key, "is no known field") for key in body.keys() - KNOWN]
    people = body.get("personalizations") or []
    if not 1 <= len(people) <= 1000:
        found.append(("personalizations", "must hold 1 to 1000"))
    for place, person in enumerate(people):
        if not person.get("to"):
            found.append((f"personalizations.{place}.to", "the to array is required"))
        found += [
            (f"personalizations.{place}.to", "does not contain a valid address")
            for to in person.get("to", [])
            if "@" not in str(to.get("email")) or not str(to.get("email")).isascii()
        ]
        if not person.get("subject") and not body.get("subject") and not body.get("template_id"):
            found.append(("subject", "the subject is required"))
    if "@" not in str((body.get("from") or {}).get("email")):
        found.append(("from.email", "the from object must be provided"))
    content = body.get("content") or []
    if not content and not body.get("template_id"):
        found.append(("content", "the content is required"))
    kinds = [part.get("type") for part in content]
    if sorted(kinds, key=lambda kind: ORDER.get(kind, 3)) != kinds:
        found.append(("content", "must be text/plain, text/x-amp-html, text/html, others"))
    found += [
        ("content", "the value must be a string at least one character") for part in content if not part.get("value")
    ]
    headers = body.get("headers") or {}
    found += [("headers", f"{name} is reserved") for name in headers if name.lower() in RESERVED]
    found += [("headers", f"{name} must be ASCII") for name, value in headers.items() if not str(value).isascii()]
    if len(body.get("categories") or []) > 10:
        found.append(("categories", "at most 10"))
    if len(json.dumps(body.get("custom_args") or {})) > 10_000:
        found.append(("custom_args", "at most 10,000 bytes"))
    return [{"field": where, "message": what} for where, what in found]


@dataclass
class StandIn:
    """The server. `mishap`: None, or later, refuse, server error, hang, drop, too large, denied, redirect, garbage (no HTTP),
    nonsense json, strange id (a long one, always the same), no id; `broken STATUS`, an answer whose body breaks off, and
    `dripping STATUS`, one whose body comes a byte at a time."""

    key: str
    mishap: str | None = None
    bodies: list[dict[str, Any]] = field(default_factory=list)
    requests: int = 0
    connections: int = 0

    def __post_init__(self) -> None:
        self.over = threading.Event()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"stand_in": self}))
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Let go of everyone who hangs, and stop."""
        self.over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)

    def took(self, body: dict[str, Any]) -> str:
        """Keep a mail and give it an id."""
        with self._lock:
            self.bodies.append(body)
            return f"id-{len(self.bodies)}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    stand_in: StandIn

    def setup(self) -> None:
        super().setup()
        self.stand_in.connections += 1

    def do_GET(self) -> None:
        mishap = self.stand_in.mishap
        if mishap in ("hang", "drop"):
            self.stand_in.over.wait() if mishap == "hang" else None
            self.close_connection = True
        elif self.headers["Authorization"] != f"Bearer {self.stand_in.key}" or mishap == "denied":
            self._answer(401, [{"field": None, "message": "authorization required"}])
        elif mishap == "server error":
            self._answer(503, [], {"Retry-After": "7"})
        elif self.path == "/v3/scopes":
            self._answer(200, [])
        else:
            self._answer(404, [])

    def do_POST(self) -> None:
        self.stand_in.requests += 1
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path != "/v3/mail/send":
            self._answer(404, [{"field": None, "message": "resource not found"}])
        elif self.headers["Authorization"] != f"Bearer {self.stand_in.key}" or self.stand_in.mishap == "denied":
            said = f"The provided authorization grant {self.headers['Authorization']} is invalid, expired, or revoked"
            self._answer(401, [{"field": None, "message": said}])
        elif self.headers["Accept"] != "application/json":
            self._answer(406, [{"field": None, "message": "missing Accept header"}])
        else:
            self._mail(json.loads(raw))

    def _mail(self, body: dict[str, Any]) -> None:
        mishap = self.stand_in.mishap
        if mishap == "later":
            self._answer(429, [{"field": None, "message": "too many requests"}], {"Retry-After": "7"})
        elif mishap == "refuse":
            self._answer(400, [{"field": "content", "message": "the content is bad"}])
        elif mishap == "too large":
            self._answer(413, [{"field": None, "message": "payload too large"}])
        elif mishap == "redirect":
            self._answer(302, [], {"Location": f"http://127.0.0.1:{self.stand_in.port}/elsewhere"})
        elif problems := problems_of(body):
            self._answer(400, problems)
        else:
            self._take(body, mishap)

    def _take(self, body: dict[str, Any], mishap: str | None) -> None:
        taken = self.stand_in.took(body)
        if mishap == "server error":
            self._answer(500, [{"field": None, "message": "internal error after all"}])
        elif mishap == "hang":
            self.stand_in.over.wait(timeout=30)
            self.close_connection = True
        elif mishap == "garbage":
            self.wfile.write(b"\x00\xff 999 what?\r\n\r\n" * 100)
            self.close_connection = True
        elif mishap == "nonsense json":
            self._answer(500, [[None], {"message": {"a": ["\ud800\x00"]}}, 7])
        elif mishap == "strange id":
            self._answer(202, None, {"X-Message-Id": "é\x7f" * 1_000})
        elif mishap == "no id":
            self._answer(202, None)
        elif mishap == "drop":
            self.close_connection = True
        elif mishap is not None and mishap.startswith(("broken ", "dripping ")):
            how, status = mishap.split()
            self._answer(int(status), [], {"X-Message-Id": taken, "Retry-After": "7", "Content-Length": "50000"})
            while how == "dripping" and not self.stand_in.over.wait(timeout=0.05):
                self.wfile.write(b"x")
            self.close_connection = True
        else:
            self._answer(202, None, {"X-Message-Id": taken})

    def _answer(self, status: int, errors: list[Any] | None, headers: dict[str, str] | None = None) -> None:
        content = b"" if errors is None else json.dumps({"errors": errors}).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        pass
