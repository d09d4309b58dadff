"""One connection to an SMTP server: opening it, and one transaction after the other on it.

Built on smtplib for the beginning (EHLO, STARTTLS, AUTH) with its own reading of replies, which is bounded in time and
length, and its own transactions: MAIL, RCPT and DATA go out in one write where the server allows (RFC 2920). Whoever
loses the connection says whether the mail's end was already on its way, since that alone decides about doubt.
"""

import smtplib
import socket
import ssl
import time
from base64 import b64encode
from typing import Any

from cadence.providers.letter import Letter
from cadence.providers.smtp.settings import Settings
from cadence.providers.smtp.verdict import Reply, Stage

_MAX_REPLY_BYTES = 65_536
_STAGES: tuple[Stage, ...] = ("MAIL", "RCPT", "DATA")


class Lost(Exception):
    """The connection is gone. `in_doubt`: the end of the mail had been sent, or may have been.

    `in_content`: it broke while the mail's content was being written, for which that content may be the reason. `suspect`:
    the letter at hand may be the reason.
    """

    def __init__(
        self, detail: str, *, in_doubt: bool, code: str | None = None, in_content: bool = False, suspect: bool = False
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.in_doubt = in_doubt
        self.in_content = in_content
        self.suspect = suspect
        self.code = code


class CannotConnect(Exception):
    """No connection that can be used came about; `detail` may hold what the server said, `code` its code."""

    def __init__(self, error: Exception) -> None:
        super().__init__(_words(error))
        self.detail = _words(error)
        self.code = str(error.smtp_code) if isinstance(error, smtplib.SMTPResponseException) else None


class Unfit(Exception):
    """The letter can't go to this server, found before anything of it was said."""


class _Line(smtplib.SMTP):
    """smtplib's client, but a reply must be whole within the timeout and within a size."""

    _read: bytes = b""
    _read_from: socket.socket | None = None

    def getreply(self) -> tuple[int, bytes]:
        """The next reply, as smtplib gives it. Raises `SMTPServerDisconnected` where there is none that is one."""
        if self._read_from is not self.sock:
            # TLS begins anew: what was said in plain text after STARTTLS is not to be believed (CVE-2021-38371 and kin)
            self._read, self._read_from = b"", self.sock
        deadline = time.monotonic() + float(self.timeout)
        size, lines = 0, []
        while True:
            line = self._next_line(deadline)
            size += len(line)
            if size > _MAX_REPLY_BYTES or not line[:3].isdigit() or line[3:4] not in (b"", b" ", b"-"):
                self.close()
                raise smtplib.SMTPServerDisconnected("what the server said is no SMTP reply")
            lines.append(line[4:].strip())
            if line[3:4] != b"-":
                return int(line[:3]), b"\n".join(lines)

    def _next_line(self, deadline: float) -> bytes:
        while b"\n" not in self._read:
            left = deadline - time.monotonic()
            if self.sock is None or left <= 0 or len(self._read) > _MAX_REPLY_BYTES:
                self.close()
                raise smtplib.SMTPServerDisconnected("the server did not answer in time")
            self.sock.settimeout(left)
            try:
                more = self.sock.recv(8192)
            except TimeoutError:
                self.close()
                raise smtplib.SMTPServerDisconnected("the server did not answer in time") from None
            except OSError as error:
                self.close()
                raise smtplib.SMTPServerDisconnected(f"the connection broke: {error.strerror or error}") from None
            if not more:
                self.close()
                raise smtplib.SMTPServerDisconnected("the server closed the connection")
            self._read += more
        if self.sock is not None:
            self.sock.settimeout(float(self.timeout))
        line, _, self._read = self._read.partition(b"\n")
        return line.rstrip(b"\r")


class _TlsLine(_Line, smtplib.SMTP_SSL):
    """The same, with TLS from the first byte."""


class Connection:
    """An open, greeted, secured and logged-in connection."""

    def __init__(self, settings: Settings) -> None:
        """Connect. Raises `CannotConnect`."""
        self._settings = settings
        try:
            self._line = self._connect()
        except (OSError, ValueError) as error:  # smtplib's own errors are OSErrors; ValueError: a name that is none
            raise CannotConnect(error) from None

    def transact(self, letter: Letter) -> tuple[Stage, Reply]:
        """One letter in one transaction: the reply that decided, and to what it was the answer.

        Raises `Unfit` or `Lost`. After a reply that isn't about the mail itself the transaction is reset; should that
        fail, the connection is closed, and the next letter is lost before anything of it is said.
        """
        replies = self._envelope(self._commands(letter))
        if replies[-1].code == 354 and len(replies) == len(_STAGES):
            failed = next((place for place, reply in enumerate(replies[:2]) if reply.code // 100 != 2), None)
            if failed is None:
                return "the mail", self._mail(letter.mime)
            self._quietly(b".")  # it wants a mail for nobody: an empty one ends that
            return _STAGES[failed], replies[failed]
        place = next(place for place, reply in enumerate(replies) if place == 2 or reply.code // 100 != 2)
        self._quietly(b"RSET")
        return _STAGES[place], replies[place]

    def still_there(self) -> bool:
        """Whether the server answers; asked before a connection is used again after a pause."""
        try:
            return self._converse([b"RSET"])[0].code == 250
        except Lost:
            return False

    def close(self) -> None:
        """Say goodbye if that is quick, and close."""
        try:
            if self._line.sock is not None:
                self._line.timeout = min(float(self._settings.timeout), 1.0)
                self._line.quit()
        except OSError:
            pass
        finally:
            self._line.close()

    def _connect(self) -> _Line:
        settings = self._settings
        given: dict[str, Any] = {"local_hostname": settings.helo_name, "timeout": settings.timeout}
        context = ssl.create_default_context(cafile=settings.ca_file) if settings.security != "none" else None
        line: _Line
        if settings.security == "tls":
            line = _TlsLine(settings.host, settings.port, context=context, **given)
        else:
            line = _Line(settings.host, settings.port, **given)
        try:
            if line.sock is not None:
                # else each mail waits twice for a delayed acknowledgement: 11 mails a second instead of thousands
                line.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line.ehlo_or_helo_if_needed()
            if settings.security == "starttls":
                line.starttls(context=context)
                line.ehlo()
            if settings.user is not None and settings.password is not None:
                _log_in(line, settings.user, settings.password.get_secret_value())
        except BaseException:
            line.close()
            raise
        return line

    def _commands(self, letter: Letter) -> list[bytes]:
        sender = letter.sender_wire if self._settings.bounce_address is None else self._settings.bounce_address
        utf8 = letter.needs_utf8 or not sender.isascii()
        if utf8 and not self._line.has_extn("smtputf8"):
            raise Unfit("a mailbox name is not ASCII, and the server can't take such (it offers no SMTPUTF8)")
        if any(mark in sender + letter.to_wire for mark in "\r\n\0<> "):
            raise Unfit("an address would break out of its SMTP command")
        options = " SMTPUTF8 BODY=8BITMIME" if utf8 else ""
        if self._line.has_extn("size"):
            options += f" SIZE={len(letter.mime)}"
        return [f"MAIL FROM:<{sender}>{options}".encode(), f"RCPT TO:<{letter.to_wire}>".encode(), b"DATA"]

    def _envelope(self, commands: list[bytes]) -> list[Reply]:
        """The replies to MAIL, RCPT and DATA; without PIPELINING as far as they went well."""
        if self._line.has_extn("pipelining"):
            return self._converse(commands)
        replies: list[Reply] = []
        for command in commands:
            replies += self._converse([command])
            if replies[-1].code // 100 != 2:
                break
        return replies

    def _mail(self, mime: bytes) -> Reply:
        """The mail with its dots stuffed (RFC 5321, 4.5.2), then the dot that ends it.

        The dot goes in a write of its own: while it hasn't been written, the server can't have taken the mail.
        """
        stuffed = (b"." if mime.startswith(b".") else b"") + mime.replace(b"\r\n.", b"\r\n..")
        self._write(stuffed, in_doubt=False, in_content=True)
        self._write(b".\r\n", in_doubt=True)
        return self._reply(in_doubt=True)

    def _converse(self, commands: list[bytes]) -> list[Reply]:
        """Write the commands and read their replies; fewer if the connection broke after a decisive one."""
        self._write(b"".join(command + b"\r\n" for command in commands), in_doubt=False)
        replies: list[Reply] = []
        for _ in commands:
            try:
                replies.append(self._reply(in_doubt=False))
            except Lost:
                if any(reply.code // 100 in (4, 5) for reply in replies):
                    return replies
                raise
        return replies

    def _write(self, data: bytes, *, in_doubt: bool, in_content: bool = False) -> None:
        if self._line.sock is None:
            raise Lost("the connection was closed", in_doubt=False)
        try:
            self._line.sock.settimeout(self._settings.timeout)
            self._line.sock.sendall(data)
        except OSError as error:
            self._line.close()
            detail = f"the connection broke while writing: {_words(error)}"
            raise Lost(detail, in_doubt=in_doubt, in_content=in_content) from None

    def _reply(self, *, in_doubt: bool) -> Reply:
        try:
            code, text = self._line.getreply()
        except OSError as error:
            raise Lost(_words(error), in_doubt=in_doubt) from None
        return Reply(code, b" ".join(text.splitlines()).decode("utf-8", "replace"))

    def _quietly(self, command: bytes) -> None:
        """End a transaction whose verdict is known; if that fails, the connection is of no more use."""
        try:
            self._converse([command])
        except Lost:
            self._line.close()


def _log_in(line: smtplib.SMTP, user: str, password: str) -> None:
    """Log in; smtplib can't where user or password are not ASCII, so that is said here, in UTF-8 (RFC 4616)."""
    if user.isascii() and password.isascii():
        line.login(user, password)
        return
    line.ehlo_or_helo_if_needed()
    if "PLAIN" not in line.esmtp_features.get("auth", "").upper().split():
        raise smtplib.SMTPNotSupportedError("a login outside ASCII needs AUTH PLAIN, which the server doesn't offer")
    code, said = line.docmd("AUTH", "PLAIN " + b64encode(f"\0{user}\0{password}".encode()).decode())
    if code != 235:
        raise smtplib.SMTPAuthenticationError(code, said)


def _words(error: Exception) -> str:
    """An error in words, smtplib's with what the server said."""
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
        return f"{error.smtp_code} {said}"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return str(error.strerror)
    return str(error) or type(error).__name__
