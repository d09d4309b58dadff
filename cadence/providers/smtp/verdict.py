"""What an SMTP reply means for a letter: a pure function of where it came and of its code (RFC 5321, 4.2).

It knows nothing of connections: what a lost connection means is said where it is lost.
"""

import re
from dataclasses import dataclass
from typing import Literal

from cadence.providers.provider import Outcome

Stage = Literal["MAIL", "RCPT", "DATA", "the mail"]

_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_NOT_THIS_LETTERS = frozenset({421, 454, 530, 534, 535, 538})
"""Closing down, and everything about logging in: no letter would fare better."""
_TOO_LARGE = re.compile(r"\d{3} [45]\.3\.4|[45]52(?! 4\.3\.1)")
"""The one answer to MAIL that is about the letter, whose size is named there (RFC 1870)."""
_OF_THE_SYSTEM = re.compile(r"4\d\d 4\.3\.\d{1,3}")
"""Its disk is full, its set-up is broken (RFC 3463, 3.4)."""
_OF_THE_SENDER = re.compile(r"\d{3} [45]\.1\.[78]")
_OF_RIGHTS = re.compile(r"\d{3}( [45]\.7\.\d{1,3})?")
_ABOUT_US = re.compile(
    r"relay|rcpthosts|\b(sender|client|helo)\b.{0,60}\b(rejected|denied|refused|blocked)\b", re.IGNORECASE
)
"""Said to RCPT of whoever sends. Postfix, unless it is told otherwise, keeps for RCPT also what it has against our machine, our
name and our sender."""
_AN_ADDRESS = re.compile(r"\S+@\S+")


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply of the server: its code (0 to 999) and its text, lines joined by spaces."""

    code: int
    text: str

    @property
    def shown_code(self) -> str:
        """The code with the enhanced one (RFC 3463) where the text begins with it: `550 5.1.1`."""
        found = _ENHANCED.match(self.text)
        return f"{self.code} {found.group()}" if found else str(self.code)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a reply means: the outcome, whether it is about the whole provider, and whether it may be the letter's fault all
    the same."""

    outcome: Outcome
    whole_provider: bool = False
    suspect: bool = False


def verdict_of(stage: Stage, reply: Reply) -> Verdict:
    """The verdict of a reply that ends a transaction.

    At "the mail" (after its last dot) 2xx is accepted, 4xx and 5xx are the server's word that it did not take it
    (4.2.5), anything else leaves it in doubt. Before that nothing was taken, whatever the code. A sender that is not taken
    at MAIL is our own set-up, or the server's trouble, and so is, most likely, what it says of us at RCPT, and of its own
    system anywhere: every letter would fare the same.
    """
    if reply.code in _NOT_THIS_LETTERS:
        return Verdict(Outcome.RETRY, whole_provider=True)
    kind = reply.code // 100
    if stage == "MAIL" and kind in (4, 5) and not _TOO_LARGE.match(reply.shown_code):
        return Verdict(Outcome.RETRY, whole_provider=True)
    about_us = stage == "RCPT" and kind in (4, 5) and _is_about_us(reply)
    if about_us or _OF_THE_SYSTEM.fullmatch(reply.shown_code):
        return Verdict(Outcome.RETRY, whole_provider=True, suspect=True)
    if kind == 5:
        return Verdict(Outcome.REFUSED)
    if kind == 4:
        return Verdict(Outcome.RETRY)
    if stage == "the mail":
        return Verdict(Outcome.ACCEPTED if kind == 2 else Outcome.IN_DOUBT)
    return Verdict(Outcome.RETRY, whole_provider=True)


def _is_about_us(reply: Reply) -> bool:
    """Whether what is said to a recipient is about whoever sends. Addresses in it are passed over: a host may be called so."""
    code, words = reply.shown_code, _AN_ADDRESS.sub("", reply.text)
    return bool(_OF_THE_SENDER.fullmatch(code) or (_OF_RIGHTS.fullmatch(code) and _ABOUT_US.search(words)))
