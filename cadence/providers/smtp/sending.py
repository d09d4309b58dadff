"""A batch of letters over SMTP: which receipt each gets, and when a new connection is worth a try.

After a lost connection the rest of the batch goes over a new one only if the old one had answered for at least one
letter; so a server that is down or hanging costs one timeout and not one for each letter.
"""

import base64
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

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
    retry_rest,
    shown,
    unfit,
)
from cadence.providers.smtp.connection import CannotConnect, Connection, Lost, Unfit
from cadence.providers.smtp.settings import Settings
from cadence.providers.smtp.verdict import verdict_of


class Smtp:
    """The opened provider: one lane, or several side by side where the server is far away."""

    name = "smtp"
    channel = "email"
    capabilities = Capabilities(
        max_batch=500,
        cannot={Ability.SETTLE: "an SMTP server can't be asked what it took; bounces and reports may tell later"},
    )

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lanes = [_Lane(settings) for _ in range(settings.connections)]
        self._workers = ThreadPoolExecutor(settings.connections, thread_name_prefix="smtp")
        self._closed = False

    def send(self, letters: Sequence[Letter], awake: Awake = always, /) -> list[Receipt]:
        """Hand the letters over, one transaction each; see `Provider.send`."""
        if self._closed:
            raise CannotSend("this SMTP provider was closed")
        return hand_over(letters, self.capabilities.max_batch, partial(self._deliver, awake))

    def probe(self) -> Shut | None:
        """Whether a connection comes about, secured and logged in, and the server takes commands on it."""
        if self._closed:
            raise CannotSend("this SMTP provider was closed")
        return self._lanes[0].probe()

    def settle(self, message_ids: Sequence[int]) -> dict[int, bool]:
        """Can't be done over SMTP; raises `CannotSend`."""
        raise CannotSend(self.capabilities.cannot[Ability.SETTLE])

    def close(self) -> None:
        """Say goodbye to the server."""
        self._closed = True
        self._workers.shutdown()
        for lane in self._lanes:
            lane.close()

    def _deliver(self, awake: Awake, letters: Sequence[Letter]) -> Iterator[Receipt]:
        ends = passed_micros() + int(self._settings.call_timeout * SECOND)
        first, *others = self._lanes
        if not others:
            yield from first.deliver(letters, ends, awake, begun=False)
            return
        # one alone to begin with: where the server hangs, that one is in doubt and not one for each lane
        done = 0
        for receipt in first.deliver(letters, ends, awake, begun=False):
            yield receipt
            done += 1
            if receipt.asked and not receipt.whole_provider:
                break
        parts = [letters[done + place :: len(self._lanes)] for place in range(len(self._lanes))]
        for receipts in self._workers.map(partial(_delivered, ends=ends, awake=awake), self._lanes, parts):
            yield from receipts


def _delivered(lane: "_Lane", letters: Sequence[Letter], ends: int, awake: Awake) -> list[Receipt]:
    """A lane's receipts, those before an error included; letters without one are in doubt (`hand_over`)."""
    receipts: list[Receipt] = []
    try:
        receipts.extend(lane.deliver(letters, ends, awake, begun=True))
    except Exception:  # noqa: BLE001 - what the other lanes have sent must not be forgotten
        lane.close()
    return receipts


class _Lane:
    """One connection at a time, and the letters that go over it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._connection: Connection | None = None

    def deliver(self, letters: Sequence[Letter], ends: int, awake: Awake, *, begun: bool) -> Iterator[Receipt]:
        """One receipt for each letter. What isn't begun when `passed_micros` says `ends` is for later; but the first of a
        batch is, whatever it says: begun says whether that one was."""
        left = deque(letters)
        while left:
            try:
                connection = self._connected()
            except CannotConnect as error:
                yield from retry_rest(list(left), self._no_connection(error), code=error.code)
                return
            answered, taken, lost = 0, False, None
            while left and lost is None:
                if begun and passed_micros() > ends:
                    yield from out_of_time(left, self._settings.call_timeout)
                    return
                if not awake():
                    yield from asleep(left)
                    return
                receipt, lost = self._one(connection, left[0], taken)
                asked = receipt is None or receipt.asked
                begun = begun or asked
                answered += asked and lost is None
                if receipt is not None:
                    taken = taken or receipt.outcome is Outcome.ACCEPTED
                    left.popleft()
                    yield receipt
            if lost is not None:
                self.close()
                if not answered:
                    yield from self._rest(left, lost)
                    return

    def probe(self) -> Shut | None:
        """Why no letter can go over this lane; the connection stays, for the letter that follows."""
        try:
            if self._connected().still_there():
                return None
        except CannotConnect as error:
            return Shut(self._no_connection(error))
        self.close()
        return Shut(f"the server {self._server} takes no command")

    def close(self) -> None:
        """Say goodbye, if there is a connection. The lane makes a new one when it is used again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _rest(self, left: deque[Letter], lost: Lost) -> Iterator[Receipt]:
        """Later for all that is left. A letter that may be to blame is told apart, lest it holds up the rest again and
        again: its content was being written, the server was gone without a word while it was at hand, or what the server said
        may be about whom it goes to."""
        detail = self._lost_words(lost)
        if left and lost.in_content:
            yield Receipt(left.popleft().message_id, Outcome.RETRY, None, detail)
        elif left and not lost.in_doubt and (lost.code is None or lost.suspect):
            yield Receipt(
                left.popleft().message_id, Outcome.RETRY, None, detail, lost.code, whole_provider=True, suspect=True
            )
        yield from retry_rest(list(left), detail, code=lost.code)

    def _one(self, connection: Connection, letter: Letter, taken: bool) -> tuple[Receipt | None, Lost | None]:
        """The letter's receipt, and the connection's loss; no receipt where nothing of the mail can have been taken. taken: the
        server took one before over this connection, so that what may be about this letter is."""
        try:
            stage, reply = connection.transact(letter)
        except Unfit as error:
            return unfit(letter, str(error)), None
        except Lost as lost:
            if not lost.in_doubt:
                return None, lost
            detail = shown(f"the mail was sent, but what became of it is not known: {self._lost_words(lost)}")
            return Receipt(letter.message_id, Outcome.IN_DOUBT, None, detail, whole_provider=True), lost
        verdict = verdict_of(stage, reply)
        detail = f"{reply.code} {reply.text} (answer to {stage})"
        if verdict.whole_provider and not (verdict.suspect and taken):
            return None, Lost(detail, in_doubt=False, code=reply.shown_code, suspect=verdict.suspect)
        accepted = verdict.outcome is Outcome.ACCEPTED
        provider_id = letter.message_id_header if accepted else None
        return Receipt(letter.message_id, verdict.outcome, provider_id, self._shown(detail), reply.shown_code), None

    def _connected(self) -> Connection:
        """The connection kept from last time if the server still answers on it, else a new one."""
        if self._connection is not None and not self._connection.still_there():
            self.close()
        if self._connection is None:
            self._connection = Connection(self._settings)
        return self._connection

    def _no_connection(self, error: CannotConnect) -> str:
        return self._shown(f"no connection to {self._server}: {error.detail}")

    @property
    def _server(self) -> str:
        return f"{self._settings.host}:{self._settings.port}"

    def _lost_words(self, lost: Lost) -> str:
        return self._shown(f"{lost.detail} (server {self._server})")

    def _shown(self, text: str) -> str:
        """The server's words, without our secret in any of the forms in which a server might echo it."""
        if self._settings.password is None:
            return shown(text)
        password, user = self._settings.password.get_secret_value(), self._settings.user or ""
        plain = f"\0{user}\0{password}".encode()
        coded = [base64.b64encode(raw).decode() for raw in (password.encode(), plain)]
        return shown(text, *coded, password)
