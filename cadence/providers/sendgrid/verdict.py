"""What SendGrid's answer means for a letter: a pure function of status, headers and body.

Statuses: twilio.com/docs/sendgrid, "Errors" of the v3 API. What a lost connection means is said in `sending`.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from cadence.providers.provider import Outcome

LONGEST_WAIT = 86_400.0
"""Seconds; whoever names a later time to come back is asked again after this."""

_NUMBER = re.compile(r"[0-9]{1,15}")
_ABOUT_US = frozenset({401, 403, 404, 405, 406, 407, 408, 425, 429, 451})
"""Key, permission, address of the API, rate, residency: no letter would fare better just now."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome, whether it is about the whole provider, and in how many seconds to come back, if it said so."""

    outcome: Outcome
    whole_provider: bool = False
    retry_after: float | None = None


def verdict_of(status: int, headers: Mapping[str, str]) -> Verdict:
    """The verdict of an answer to a request that was sent whole. `headers` has its names in small letters."""
    if 200 <= status < 300:
        return Verdict(Outcome.ACCEPTED)
    if status >= 500:
        # it may have failed after it took the mail, which has been seen to happen
        return Verdict(Outcome.IN_DOUBT, whole_provider=True, retry_after=_wait(headers))
    if status in _ABOUT_US or status < 400:
        return Verdict(Outcome.RETRY, whole_provider=True, retry_after=_wait(headers))
    return Verdict(Outcome.REFUSED)


def words_of(body: bytes) -> str:
    """What the answer says is wrong: the errors' messages with their fields, or the beginning of what came instead."""
    try:
        answer = json.loads(body)
        errors = answer.get("errors") or []
        said = [
            f"{error['message']} ({error['field']})" if error.get("field") else error["message"] for error in errors
        ]
        return "; ".join(map(str, said))
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError):
        return body[:200].decode("utf-8", "replace")


def _wait(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, by Retry-After (RFC 9110, 10.2.3) or X-RateLimit-Reset, read against the answer's Date."""
    after, reset = headers.get("retry-after", "").strip(), headers.get("x-ratelimit-reset", "").strip()
    if _NUMBER.fullmatch(after):
        return min(float(after), LONGEST_WAIT)
    date = _instant(headers.get("date", ""))
    until = _instant(after)
    if until is None and _NUMBER.fullmatch(reset):
        until = float(reset)
    if until is None or date is None:
        return None
    return min(max(until - date, 0.0), LONGEST_WAIT)


def _instant(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
