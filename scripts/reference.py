"""The generated parts of docs/policy-reference.md: sections and a table of rules, from their models and docstrings.

Prose stands in the page itself; here is only what would go stale if it were written by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rule_pages import CONSENT, own_keys, told_first
from shapes import Schema, keys, sentence, table

from cadence.policy.schema import policy_schema
from cadence.policy.unbuilt import SECTIONS
from cadence.rules.registry import RULES


def parts() -> Mapping[str, Callable[[], str]]:
    """What is generated in the page, by the name in its marker."""
    schema = policy_schema()
    defs: Schema = schema["$defs"]
    segment = schema["properties"]["segments"]["items"]
    return {
        "document": lambda: _document(schema),
        "defaults": lambda: keys(defs["defaults"], defs),
        "category": lambda: keys(defs["category"], defs),
        "consent": lambda: keys(defs["ConsentInFull"], defs) + "\nA ground:\n\n" + keys(defs["Ground"], defs),
        "carried": lambda: _carried(defs),
        "glance": _glance,
        "segment": lambda: keys(segment, defs),
        "keep_in_touch": lambda: keys(defs["keep_in_touch"], defs),
        "arbitration": lambda: keys(defs["arbitration"], defs),
        "unbuilt": _unbuilt,
    }


def _document(schema: Schema) -> str:
    rows = [(f"`{name}`", sentence(part.get("description", ""))) for name, part in schema["properties"].items()]
    return table(("key", "meaning"), rows)


def _carried(defs: Schema) -> str:
    """What every rule may carry: what the rules with keys have in common and none has as its own."""
    writable = [kind for kind, module in RULES.items() if module.Keys is not None]
    own = {n for kind in writable for n in own_keys(RULES[kind])}
    return keys(defs[writable[-1]], defs, [n for n in defs[writable[-1]]["properties"] if n not in own])


def _glance() -> str:
    """All rules in a table."""
    rows = [
        (
            f"[{kind}](rules/{kind}.md)",
            told_first(module),
            "always on" if module.ALWAYS_ON else "",
            "marketing" if module.MARKETING_ONLY or kind == CONSENT else "what isn't exempt",
            "yes" if module.RELEASABLE else "never",
        )
        for kind, module in RULES.items()
    ]
    return table(("rule", "what it asks for", "", "governs", "a release passes it"), rows)


def _unbuilt() -> str:
    rows = [(f"`{name}`", what) for name, what in SECTIONS.items()]
    return table(("word", "what it will do"), rows)
