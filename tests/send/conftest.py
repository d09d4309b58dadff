"""Letters for the tests of composing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cadence.providers.letter import Letter, Mailbox


@pytest.fixture
def letter() -> Callable[..., Letter]:
    """A letter before it is composed, with whatever is given laid over it."""

    def made(**other: Any) -> Letter:
        given: dict[str, Any] = {
            "message_id": 5,
            "contact_id": 7,
            "to": Mailbox("a@example.com", "A Person"),
            "sender": Mailbox("hello@shop.example", "The Shop"),
            "subject": "Hello",
            "message_id_header": "<cadence.5.1@shop.example>",
            "category": "newsletter",
            "at": 1_770_000_000_000_000,
            "marketing": True,
            "text": "Hello\n",
        }
        return Letter(**given | other)

    return made
