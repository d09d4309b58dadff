"""How the engine tells what it does: structured lines, JSON for machines, colours on a terminal. Not an audit record.

Addresses are masked and anything that is named like a secret is left out, whoever logs it.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from typing import Any, TextIO, cast

import structlog

_SECRET = re.compile(r"(password|secret|token|api_?key|authorization)", re.IGNORECASE)
_ADDRESS = re.compile(r"""([^\s<>"'@,;:])[^\s<>"@,;:]*@(?=\w)""")


def mask(text: str) -> str:
    """A text with its e-mail addresses made unreadable but tellable apart by host: a…@example.com."""
    return _ADDRESS.sub(r"\1…@", text)


def _masked(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {name: _safe(value, name) for name, value in event.items()}


def _safe(value: Any, name: str = "") -> Any:
    """A value as it may be told, however deep it lies."""
    if _SECRET.search(name):
        return "(secret)"
    if isinstance(value, Mapping):
        return {inside: _safe(v, str(inside)) for inside, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_safe(v) for v in value]
    return mask(value) if isinstance(value, str) and "@" in value else value


class _Stderr:
    """Standard error as it is when a line is written: who swaps it meanwhile (a test, a live view) gets the line, and none
    goes to one that is closed. A line that can't be written, since the disk is full or nobody reads any more, is lost: it must
    not stop what it tells of."""

    def write(self, text: str) -> int:
        """A part of a line."""
        with suppress(OSError):
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        """What was written is to be seen."""
        with suppress(OSError):
            sys.stderr.flush()

    def isatty(self) -> bool:
        """Whether a person reads it."""
        return sys.stderr.isatty()


def configure(*, level: str = "info", json: bool | None = None, stream: TextIO | None = None) -> None:
    """Set up logging for this process. json None: JSON unless the stream is a terminal."""
    out = stream or _Stderr()
    as_json = not out.isatty() if json is None else json
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if as_json
        else structlog.dev.ConsoleRenderer(colors=out.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            structlog.processors.format_exc_info,
            _masked,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.PrintLoggerFactory(file=cast(TextIO, out)),
        cache_logger_on_first_use=False,
    )
    logging.getLogger("apscheduler").setLevel(logging.ERROR)


def logger(name: str) -> Any:
    """A logger whose lines say which part of the engine speaks."""
    return structlog.get_logger(part=name)
