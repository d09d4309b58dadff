"""What the queue promises, on every database: the tests of the tick and of the hand-over, run on each."""

from __future__ import annotations

from tests.queue.test_handover import *  # noqa: F403
from tests.queue.test_tick import *  # noqa: F403
