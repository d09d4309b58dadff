"""What is remembered: tables, migrations and set-based questions, each named after what it asks.

The only place that knows SQL. It decides nothing: what a message's answer is stands in `cadence.decide`, what
follows from it in `cadence.queue`. SQLite, PostgreSQL and PostgreSQL spread over machines give the same
answers; the conformance suite runs on all three."""

from cadence.store.engine import Store
from cadence.store.errors import StoreBusy, StoreError, StoreNotMade, StoreUnavailable

__all__ = ["Store", "StoreBusy", "StoreError", "StoreNotMade", "StoreUnavailable"]
