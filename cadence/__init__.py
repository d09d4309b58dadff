"""Cadence decides when outreach to a contact is welcome, sends it then, holds it until then or stops it, and can say why.

From Python: `policy = cadence.load_policy(path)`, then `policy.decide(...)`. The rest is the command line, `cadence --help`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cadence.decide.api import load_policy, policy_of

__all__ = ["load_policy", "policy_of"]


def __getattr__(name: str) -> Any:
    """The public names, loaded when first asked for, so that `cadence --help` is quick."""
    if name in __all__:
        from cadence.decide import api

        return getattr(api, name)
    raise AttributeError(f"module 'cadence' has no attribute {name!r}")
