"""The databases that daemons are killed on: the same two as in the conformance suite."""

from __future__ import annotations

from tests.conformance.conftest import database_url, postgresql_server

__all__ = ["database_url", "postgresql_server"]
