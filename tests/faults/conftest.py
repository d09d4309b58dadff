"""The databases that storms rage over: the same as in the conformance suite."""

from __future__ import annotations

from tests.conformance.conftest import *  # noqa: F403 - its fixtures
