"""Which release this program is, as people call it: what daemons and migrations write down of themselves.

Nothing is decided by it; whether a release can work with a database's tables goes by their revisions (`migrate.py`).
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version


@cache
def release() -> str | None:
    """The version of the installed package; None where it runs from its sources alone."""
    try:
        return version("cadence")
    except PackageNotFoundError:
        return None
