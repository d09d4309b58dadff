"""Words of the policy language that this program knows but doesn't act on yet, so that a policy with them is refused.

A policy whose guard is silently missing would be worse than none. Once a kind stands in the rules' registry, or a
section among the models, its line here goes; a test sees to that.
"""

from __future__ import annotations

from collections.abc import Mapping

KINDS: Mapping[str, str] = {
    "follow_ups": "at most so many follow-ups in one thread without an answer",
    "channel_hop": "no jumping to the next channel because the last one stayed silent",
    "repetition": "not the same content again within a window",
}
"""Kinds of rule, with what each will stop."""

SECTIONS: Mapping[str, str] = {"trust": "credit that promises, incidents and answers move"}
"""Sections of a policy, with what each will hold."""
