"""An SMTP server that does what a script says: refuses, asks to come again, hangs or drops, at any point of the talk.

The script maps a point (connect, ehlo, auth, mail, rcpt, data, body, end, rset, or `rcpt ADDRESS`, `end ADDRESS`) to what happens
there: a reply, HANG (until the server is closed), DROP (a reset), CLOSE (in good order), or a list of these, one for each time, of which the last stays.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

HANG = "<hang>"
DROP = "<drop>"
CLOSE = "<close>"
EXTENSIONS = ("PIPELINING", "SIZE 1000000", "8BITMIME", "ENHANCEDSTATUSCODES")
REPLIES = {
    "connect": "220 sink.example ESMTP",
    "starttls": "220 go ahead",
    "auth": "235 2.7.0 ok",
    "mail": "250 2.1.0 ok",
    "rcpt": "250 2.1.5 ok",
    "data": "354 go on",
    "body": "",
    "end": "250 2.0.0 queued as X1",
    "rset": "250 2.0.0 ok",
    "quit": "221 2.0.0 bye",
}


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


class _Dropped(Exception):
    pass


@dataclass
class Heard:
    """What the server heard: mails it took, all commands, and the bytes of each read."""

    mails: list[bytes] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    reads: list[bytes] = field(default_factory=list)
    connections: int = 0


class ScriptedServer:
    """Listens on a free port of this machine until it is closed."""

    def __init__(
        self,
        script: Mapping[str, str | list[str]] | None = None,
        extensions: Iterable[str] = EXTENSIONS,
        tls: ssl.SSLContext | None = None,
        port: int = 0,
    ) -> None:
        self.heard = Heard()
        self._script: dict[str, str | list[str]] = {**REPLIES, **(script or {})}
        self.data_for_nobody = "data" in (script or {})
        self._extensions = tuple(extensions)
        self._tls = tls
        self._over = threading.Event()
        self._open: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", port))
        self.port = self._listening.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        """Let go of everyone who hangs, and stop."""
        self._over.set()
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        for thread in self._threads:
            thread.join(timeout=5)

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.heard.connections += 1
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open.append(connection)
            thread = threading.Thread(target=self._talk, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _talk(self, connection: socket.socket) -> None:
        with contextlib.suppress(_Dropped, OSError):
            _Talk(self, connection).run()
        with contextlib.suppress(OSError):
            connection.close()

    def says_from_now(self, script: Mapping[str, str | list[str]]) -> None:
        """Follow another script from here on."""
        self._script = {**REPLIES, **script}

    def next_action(self, *points: str) -> str:
        """What the script says of the first of these points that it names."""
        said = next(self._script[point] for point in points if point in self._script)
        if isinstance(said, str):
            return said
        return said.pop(0) if len(said) > 1 else said[0]

    def wait_until_over(self) -> None:
        self._over.wait(timeout=30)

    @property
    def extensions(self) -> tuple[str, ...]:
        return self._extensions

    @property
    def tls(self) -> ssl.SSLContext | None:
        return self._tls


class _Talk:
    def __init__(self, server: ScriptedServer, connection: socket.socket) -> None:
        self._server = server
        self._connection = connection
        self._unread = b""
        self._sender = self._somebody = False
        self._to = ""

    def run(self) -> None:
        self._act("connect")
        while True:
            line = self._line().decode("utf-8", "replace")
            self._server.heard.commands.append(line)
            verb = line.split(" ")[0].lower()
            if verb in ("ehlo", "helo"):
                self._greet()
            elif verb == "starttls" and self._server.tls is not None:
                self._act("starttls")
                self._connection = self._server.tls.wrap_socket(self._connection, server_side=True)
                self._unread = b""
            elif verb == "mail":
                self._somebody, self._sender = False, self._act("mail").startswith("2")
            elif verb == "rcpt":
                self._recipient(line.partition("<")[2].partition(">")[0])
            elif verb == "data":
                self._data()
            elif verb in ("rset", "quit", "auth"):
                self._somebody = self._sender = False
                self._act(verb)
                if verb == "quit":
                    return
            else:
                self._say("502 5.5.1 unknown")

    def _greet(self) -> None:
        said = self._server.next_action("ehlo") if "ehlo" in self._server._script else ""
        if said:
            self._do(said)
            return
        lines = ["sink.example", *self._server.extensions]
        self._say("\r\n".join(f"250{'-' if line != lines[-1] else ' '}{line}" for line in lines))

    def _recipient(self, address: str) -> None:
        if not self._sender:
            self._say("503 5.5.1 MAIL first")
        else:
            self._to = address
            said = self._act(f"rcpt {address}", "rcpt")
            self._somebody = self._somebody or said.startswith("2")

    def _data(self) -> None:
        if not self._somebody and not self._server.data_for_nobody:
            self._say("554 5.5.1 no valid recipients")
        elif self._act("data").startswith("354"):
            self._mail()

    def _mail(self) -> None:
        if self._server.next_action("body"):
            self._line()  # so that the client is past our reply, and writing
            self._act("body")
        mail = b""
        while (line := self._line()) != b".":
            mail += (line[1:] if line.startswith(b".") else line) + b"\r\n"
        if not self._somebody:
            self._say("554 5.5.1 no valid recipients")
            return
        said = self._server.next_action(f"end {self._to}", "end")
        if said.startswith("250") or said in (DROP, HANG):
            self._server.heard.mails.append(mail)
        self._do(said)

    def _act(self, *points: str) -> str:
        return self._do(self._server.next_action(*points))

    def _do(self, said: str) -> str:
        if said == HANG:
            self._server.wait_until_over()
            raise _Dropped
        if said == CLOSE:
            raise _Dropped
        if said == DROP:
            # a reset, so that whoever is still writing notices
            self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise _Dropped
        self._say(said)
        if said.startswith("421"):
            raise _Dropped
        return said

    def _say(self, text: str) -> None:
        self._connection.sendall(text.encode() + b"\r\n")

    def _line(self) -> bytes:
        while b"\r\n" not in self._unread:
            more = self._connection.recv(65_536)
            if not more:
                raise _Dropped
            self._server.heard.reads.append(more)
            self._unread += more
        line, _, self._unread = self._unread.partition(b"\r\n")
        return line
