"""Letters, and the servers of the conformance suite, for what is particular to one provider."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from cadence.providers.letter import Letter, Mailbox
from cadence.send.letter import Envelope, compose
from cadence.send.render import Rendered

SUITE = Path(__file__).parents[1] / "conformance/providers"


def _load(path: Path, name: str) -> ModuleType:
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[name]


@pytest.fixture(scope="session")
def smtp_server() -> ModuleType:
    """The scripted SMTP server's module."""
    return _load(SUITE / "smtp/server.py", "bench_smtp_server")


@pytest.fixture(scope="session")
def stand_in() -> ModuleType:
    """The module of SendGrid's stand-in."""
    return _load(SUITE / "sendgrid/stand_in.py", "bench_sendgrid_stand_in")


@pytest.fixture
def letter() -> Callable[..., Letter]:
    """Make a finished letter that is no marketing, unless told otherwise."""

    def made(
        message_id: int = 1, subject: str = "Hello", text: str | None = "Hello\n", html: str | None = None, **other: Any
    ) -> Letter:
        envelope: dict[str, Any] = {
            "message_id": message_id,
            "contact_id": message_id + 1000,
            "to": Mailbox(f"person{message_id}@example.com", "A Person"),
            "sender": Mailbox("hello@shop.example", "The Shop"),
            "category": "service",
            "marketing": False,
            "at": 1_770_000_000_000_000 + message_id,
        }
        return compose(Envelope(**envelope | other), Rendered(subject, html, text), None)

    return made
