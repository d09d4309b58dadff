"""Words of the policy language that this program knows but doesn't act on yet, so that a policy with them is refused.

A policy whose guard is silently missing would be worse than none. Once a section stands among the models, its line here
goes; a test sees to that.
"""

from __future__ import annotations

from collections.abc import Mapping

SECTIONS: Mapping[str, str] = {"trust": "credit that promises, incidents and answers move"}
"""Sections of a policy, with what each will hold."""
