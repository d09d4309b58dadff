"""Delivering into a maildir: written and synced in `tmp`, then made visible in `new` in one step.

A mail is either wholly there or not at all, whatever crashes; after the name is in `new` and the folder is synced it
is accepted. The file's name is the message's id, hence a second delivery of a message is noticed and makes no second
mail, and a hand-over in doubt is settled by looking. That holds as long as nobody deletes the mail in between: a mail
that a reader has moved out of the maildir looks as if it had never come.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from cadence.providers.letter import Letter
from cadence.providers.maildir.settings import Settings
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
    retry_rest,
    shown,
)

_SUFFIX = ".cadence"
_AT_ONCE = 16
_CHUNK = 128
"""After a failure no more than the chunk it was in has been tried."""
_ASLEEP = ""
"""In place of the reason why a mail couldn't be put; the least of all, so that a disk's trouble is told rather."""


class Maildir:
    """The opened maildir."""

    name = "maildir"
    channel = "email"
    capabilities = Capabilities(
        max_batch=5_000,
        cannot={
            Ability.PROBE: "a folder tells of each mail whether it is there, so none is risked",
            Ability.REFUSE: "a folder takes whatever is put into it",
            Ability.HANG: "a local folder answers at once or fails",
            Ability.SECRETS: "a folder is opened without a secret",
        },
    )

    def __init__(self, settings: Settings) -> None:
        self._path = settings.path
        self._closed = False

    def send(self, letters: Sequence[Letter], awake: Awake = always, /) -> list[Receipt]:
        """Put the letters into `new`; see `Provider.send`. One sync of the folder serves the whole batch."""
        if self._closed:
            raise CannotSend(f"the maildir {self._path} was closed")
        return hand_over(letters, self.capabilities.max_batch, partial(self._deliver, awake))

    def probe(self) -> Shut | None:
        """No mail is risked with it; raises `CannotSend`."""
        raise CannotSend(self.capabilities.cannot[Ability.PROBE])

    def settle(self, message_ids: Sequence[int]) -> dict[int, bool]:
        """Which of the messages lie in the maildir; none of them is answered for while it can't be read."""
        try:
            return self._found(message_ids)
        except OSError:
            return {}

    def close(self) -> None:
        """Nothing is held open; sending is over all the same."""
        self._closed = True

    def _deliver(self, awake: Awake, letters: Sequence[Letter]) -> Iterator[Receipt]:
        try:
            for folder in ("tmp", "new", "cur"):
                (self._path / folder).mkdir(parents=True, exist_ok=True)
            there = self._found([letter.message_id for letter in letters])
        except OSError as error:
            yield from retry_rest(letters, f"the maildir {self._path} can't be used: {_reason(error)}")
            return
        visible = [letter for letter in letters if there[letter.message_id]]
        missing = [letter for letter in letters if not there[letter.message_id]]
        trouble: str | None = None
        with ThreadPoolExecutor(_AT_ONCE) as pool:  # syncs that wait together cost about as much as one
            while missing and trouble is None:
                chunk, missing = missing[:_CHUNK], missing[_CHUNK:]
                errors = list(pool.map(partial(self._tried, awake), chunk))
                visible += [letter for letter, error in zip(chunk, errors, strict=True) if error is None]
                missing = [letter for letter, error in zip(chunk, errors, strict=True) if error is not None] + missing
                trouble = max((error for error in errors if error is not None), default=None)
        yield from self._accepted(visible)
        if trouble == _ASLEEP:
            yield from asleep(missing)
        elif trouble is not None:
            yield from retry_rest(missing, f"the mail can't be written into the maildir {self._path}: {trouble}")

    def _tried(self, awake: Awake, letter: Letter) -> str | None:
        """Put one mail; why that failed, or wasn't begun, or None."""
        if not awake():
            return _ASLEEP
        try:
            self._put(letter)
        except OSError as error:
            return _reason(error)
        return None

    def _put(self, letter: Letter) -> None:
        """One mail through `tmp` into `new`. If it raises, the mail is not in `new`."""
        name = f"{letter.message_id}{_SUFFIX}"
        waiting = self._path / "tmp" / name
        try:
            with waiting.open("wb") as file:
                file.write(letter.mime.replace(b"\r\n", b"\n"))
                file.flush()
                seconds = letter.at / 1_000_000
                os.utime(file.fileno(), (seconds, seconds))  # readers sort by it, and time may be virtual
                os.fsync(file.fileno())
            waiting.rename(self._path / "new" / name)
        except BaseException:
            waiting.unlink(missing_ok=True)
            raise

    def _accepted(self, letters: list[Letter]) -> Iterator[Receipt]:
        """Sync the folder; only then are the names in it there to stay."""
        outcome, detail = Outcome.ACCEPTED, ""
        try:
            if letters:
                _sync(self._path / "new")
        except OSError as error:
            outcome = Outcome.IN_DOUBT
            detail = f"the folder {self._path / 'new'} could not be synced: {_reason(error)}"
        for letter in letters:
            yield Receipt(letter.message_id, outcome, f"{letter.message_id}{_SUFFIX}", detail)

    def _found(self, message_ids: Sequence[int]) -> dict[int, bool]:
        """Which messages are in `new`, or in `cur` under whatever flags a reader gave them.

        Raises `OSError` where one of the two can't be looked into: an absent folder is no proof of an absent mail.
        """
        wanted = {f"{message_id}{_SUFFIX}": message_id for message_id in message_ids}
        found = {message_id: self._is_new(name) for name, message_id in wanted.items()}
        with os.scandir(self._path / "cur") as entries:
            for entry in entries:
                message_id = wanted.get(entry.name.partition(":")[0])
                if message_id is not None:
                    found[message_id] = True
        # a reader may have moved a mail back from cur to new between the two looks
        return {message_id: found[message_id] or self._is_new(name) for name, message_id in wanted.items()}

    def _is_new(self, name: str) -> bool:
        try:
            (self._path / "new" / name).lstat()
        except FileNotFoundError:
            (self._path / "new").stat()
            return False
        return True


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _reason(error: OSError) -> str:
    return shown(error.strerror or type(error).__name__)
