"""The log: no line of it tells an address or a secret, however deep it lies, and none stops what it tells of."""

from __future__ import annotations

import io
import json
import os
import sys
from typing import Any

import pytest
import structlog

from cadence.log import configure, logger, mask


@pytest.mark.parametrize(
    "name", ["anna", "jörg.svensson", "用户", "o!brien", "o'brien", "a=b/c", "x" * 64, "a.b+c", "{a}|b~c"]
)
@pytest.mark.parametrize("host", ["example.com", "exämple.se"])
def test_of_an_address_only_the_first_letter_and_the_host_are_told(name: str, host: str) -> None:
    assert mask(f"to <{name}@{host}>, gone") == f"to <{name[0]}…@{host}>, gone"


@pytest.fixture
def told() -> Any:
    """What is logged, as machines read it."""
    before, out = structlog.get_config(), io.StringIO()
    configure(json=True, stream=out)
    yield lambda **what: (logger("test").info("it", **what), json.loads(out.getvalue()))[1]
    structlog.configure(**before)


def test_lists_and_mappings_are_looked_into(told: Any) -> None:
    line = told(errors=["anna@example.com is odd"], said={"to": ("bo@example.com",), "password": "hunter2"}, n=3)

    assert line["errors"] == ["a…@example.com is odd"]
    assert line["said"] == {"to": ["b…@example.com"], "password": "(secret)"}
    assert line["n"] == 3


def test_a_line_that_can_not_be_written_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    before = structlog.get_config()
    with open("/dev/full", "w", buffering=1) as full:
        monkeypatch.setattr(sys, "stderr", full)
        configure(json=True)
        logger("test").error("the disk is full")
        structlog.configure(**before)
        with pytest.raises(OSError, match="No space"):
            full.write("it is\n")
        os.dup2(os.open(os.devnull, os.O_WRONLY), full.fileno())  # or closing it would raise too
