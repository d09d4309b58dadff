"""A batch of letters to SendGrid: which receipt each gets.

The first letter that SendGrid is asked to take goes alone; only when it is seen to work do the others go, several at a time.
Once an answer is about the whole provider, no further request is begun: so a broken service puts few letters in doubt.
"""

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

import httpx2
from sendgrid.helpers.mail.exceptions import SendGridException

from cadence.clock import passed_micros
from cadence.facts import SECOND
from cadence.providers.letter import Letter
from cadence.providers.provider import (
    Ability,
    Awake,
    CannotSend,
    Capabilities,
    Outcome,
    Receipt,
    Shut,
    always,
    asleep,
    hand_over,
    out_of_time,
    shown,
    unfit,
)
from cadence.providers.sendgrid.payload import body_of
from cadence.providers.sendgrid.settings import Settings
from cadence.providers.sendgrid.verdict import verdict_of, words_of

MAX_ANSWER = 65_536
"""Bytes read of an answer."""
MAX_BODY = 20_000_000
"""SendGrid takes mails up to 30 MB, all told."""

_NEVER_SENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
)


class SendGrid:
    """The opened provider."""

    name = "sendgrid"
    channel = "email"
    capabilities = Capabilities(
        max_batch=1_000,
        cannot={
            Ability.SETTLE: "SendGrid can't be asked by our id; its webhooks tell later",
            Ability.NON_ASCII_MAILBOX: "SendGrid takes no mailbox names outside ASCII",
            Ability.KEEP_MESSAGE_ID: "SendGrid may write a Message-ID of its own; reports carry our id in custom_args",
        },
    )

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._closed = False
        limits = httpx2.Limits(max_connections=settings.connections, max_keepalive_connections=settings.connections)
        key = settings.api_key.get_secret_value()
        self._client = httpx2.Client(
            base_url=settings.host,
            headers={"Authorization": f"Bearer {key}", "Accept": "application/json", "User-Agent": "cadence"},
            timeout=settings.timeout,
            limits=limits,
            follow_redirects=False,
        )
        self._workers = ThreadPoolExecutor(settings.connections, thread_name_prefix="sendgrid")

    def send(self, letters: Sequence[Letter], awake: Awake = always, /) -> list[Receipt]:
        """Hand the letters over, one request each; see `Provider.send`."""
        if self._closed:
            raise CannotSend("this SendGrid provider was closed")
        return hand_over(letters, self.capabilities.max_batch, partial(self._deliver, awake))

    def probe(self) -> Shut | None:
        """Whether SendGrid answers when it is asked what our key may do. Any answer but that it is broken, busy, or doesn't know
        the key says that it is there."""
        if self._closed:
            raise CannotSend("this SendGrid provider was closed")
        try:
            with self._client.stream("GET", "/v3/scopes") as answer:
                status, headers = answer.status_code, {name.lower(): said for name, said in answer.headers.items()}
        except Exception as error:  # noqa: BLE001 - whatever it is, a letter would fare no better
            return Shut(self._shown(f"no answer from {self._settings.host}: {error or type(error).__name__}"))
        if status < 500 and status not in (401, 429):
            return None
        return Shut(f"SendGrid answered {status}", verdict_of(status, headers).retry_after)

    def settle(self, message_ids: Sequence[int]) -> dict[int, bool]:
        """Can't be asked; raises `CannotSend`."""
        raise CannotSend(self.capabilities.cannot[Ability.SETTLE])

    def close(self) -> None:
        """Let go of connections and threads."""
        self._closed = True
        self._workers.shutdown()
        self._client.close()

    def _deliver(self, awake: Awake, letters: Sequence[Letter]) -> Iterator[Receipt]:
        batch = _Batch(passed_micros() + int(self._settings.call_timeout * SECOND), awake)
        left = deque(letters)
        while left and not batch.begun:
            yield self._one(left.popleft(), batch)
        # map gives them in order, and each catches its own errors, so that none is forgotten for another's sake
        yield from self._workers.map(lambda letter: self._one(letter, batch), left)

    def _one(self, letter: Letter, batch: "_Batch") -> Receipt:
        if letter.needs_utf8:
            detail = f"{self.capabilities.cannot[Ability.NON_ASCII_MAILBOX]}: use another address, or another provider"
            return unfit(letter, detail)
        stopped = batch.stopped_by
        if stopped is not None:
            return Receipt(
                letter.message_id, Outcome.RETRY, None, stopped.detail, stopped.code, stopped.retry_after, True
            )
        if batch.begun and passed_micros() > batch.ends:
            return next(out_of_time([letter], self._settings.call_timeout))
        if not batch.awake():
            return next(asleep([letter]))
        receipt = self._posted(letter)
        batch.begun = batch.begun or receipt.asked
        if receipt.whole_provider:
            batch.stop(receipt)
        return receipt

    def _posted(self, letter: Letter) -> Receipt:
        """The receipt for one letter. A failure before the request leaves it untouched; a later one is doubt."""
        try:
            body = body_of(letter)
        except SendGridException as error:
            return unfit(letter, self._shown(f"SendGrid's SDK refuses it: {error}"))
        try:
            return self._answered(letter, body)
        except _NEVER_SENT as error:
            detail = self._shown(f"no connection to {self._settings.host}: {error or type(error).__name__}")
            return Receipt(letter.message_id, Outcome.RETRY, None, detail, whole_provider=True)
        except Exception as error:  # noqa: BLE001 - whatever it is, the request may have arrived
            detail = self._shown(
                f"the request was sent and its answer did not come: {error or ''} ({type(error).__name__})"
            )
            return Receipt(letter.message_id, Outcome.IN_DOUBT, None, detail, whole_provider=True)

    def _answered(self, letter: Letter, body: dict[str, object]) -> Receipt:
        with self._client.stream("POST", "/v3/mail/send", json=body) as answer:
            content = self._content(answer)
        verdict = verdict_of(answer.status_code, {name.lower(): value for name, value in answer.headers.items()})
        accepted = verdict.outcome is Outcome.ACCEPTED
        detail = f"SendGrid answered {answer.status_code}" + ("" if accepted else f": {words_of(content)}")
        return Receipt(
            letter.message_id,
            verdict.outcome,
            answer.headers.get("x-message-id") if accepted else None,
            self._shown(detail),
            str(answer.status_code),
            verdict.retry_after,
            verdict.whole_provider,
        )

    def _content(self, answer: httpx2.Response) -> bytes:
        """What came of an answer's body, within a size and a time. The verdict lies in status and headers, which are there by
        now; these are only its words."""
        content, ends = b"", time.monotonic() + self._settings.timeout
        with suppress(httpx2.HTTPError):  # it broke: what came of it will do
            for piece in answer.iter_bytes():
                content += piece
                if len(content) > MAX_ANSWER or time.monotonic() > ends:
                    break
        return content

    def _shown(self, text: str) -> str:
        return shown(text, self._settings.api_key.get_secret_value())


class _Batch:
    """What the requests of one call share: when it must be over, whether one was made, whether this daemon has been awake since,
    and the first trouble that stops it."""

    def __init__(self, ends: int, awake: Awake) -> None:
        self.ends, self.awake = ends, awake
        self.begun = False
        self._lock = threading.Lock()
        self.stopped_by: Receipt | None = None

    def stop(self, receipt: Receipt) -> None:
        """Begin nothing more, for the reason that the receipt gives; the first reason stays."""
        with self._lock:
            self.stopped_by = self.stopped_by or receipt
