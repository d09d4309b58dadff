"""The databases that daemons are killed on: the same two as in the conformance suite."""

from __future__ import annotations

from tests.conformance.conftest import *  # noqa: F403 - its fixtures
