"""Letters to hand over, and a bench for each provider in the registry: what stands at the other end.

A bench is `NAME/bench.py` beside this file, with a class `Bench(folder)`: `open(behaviour)` gives the provider opened
against a peer that behaves so, `received()` the mails that the peer took, as messages; `secret` is what must not leak.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import pytest

from cadence.providers.letter import Letter, Mailbox
from cadence.providers.provider import Provider
from cadence.providers.registry import PROVIDERS
from cadence.send.letter import Envelope, compose
from cadence.send.render import Rendered
from cadence.send.wayout import open_way_out

HERE = Path(__file__).parent


class Bench(Protocol):
    """The other end of one provider."""

    secret: str

    def open(self, behaviour: str) -> Provider: ...
    def received(self) -> list[EmailMessage]: ...
    def close(self) -> None: ...


def load(path: Path) -> ModuleType:
    """A file beside the tests as a module; they are no package."""
    name = "_".join(("bench", *path.relative_to(HERE).with_suffix("").parts))
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[name]


@pytest.fixture(params=sorted(PROVIDERS))
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """The bench of each provider in turn."""
    made = load(HERE / request.param / "bench.py").Bench(tmp_path)
    yield made
    made.close()


@pytest.fixture
def letter() -> Callable[..., Letter]:
    """Make a finished letter: marketing with a way out, unless told otherwise."""
    way_out = open_way_out("unsubscribe@shop.example", {1: b"0123456789abcdef"})

    def made(message_id: int = 1, **other: Any) -> Letter:
        content = {"subject": f"Letter {message_id}", "html": "<p>Hello</p>", "text": "Hello\n"}
        content |= {key: other.pop(key) for key in tuple(content) if key in other}
        leave = way_out if other.pop("way_out", True) else None
        envelope: dict[str, Any] = {
            "message_id": message_id,
            "contact_id": message_id + 1000,
            "to": Mailbox(f"person{message_id}@example.com", "A Person"),
            "sender": Mailbox("hello@shop.example", "The Shop"),
            "category": "newsletter",
            "campaign": "spring-letter",
            "marketing": True,
            "at": 1_770_000_000_000_000,
        }
        return compose(Envelope(**envelope | other), Rendered(**content), leave)

    return made
