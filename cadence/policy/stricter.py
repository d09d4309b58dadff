"""One category that two included files both define: the stricter of what they ask, where that can be told.

Packs are there to tighten, so two of them together ask for whatever either asks for. Only the consent is compared, channel
by channel; a `priority` or an old name may be said by one alone. Whatever else they differ about, a person has to decide.
"""

from __future__ import annotations

from collections.abc import Mapping

from cadence.facts import CHANNELS
from cadence.facts import key as key_of
from cadence.policy.build import category_of
from cadence.policy.nodes import Entry, Node
from cadence.policy.places import validate
from cadence.policy.sections import CategorySection
from cadence.policy.strictness import needs_less
from cadence.rules.rule import Category

_SAID_BY_ONE = ("priority", "was")


def stricter(one: Entry, other: Entry) -> Entry | None:
    """The category with the stricter consent of the two on each channel; None where they differ in what can't be compared,
    or where something is wrong with one of them."""
    first, second = one.node.entries, other.node.entries
    for key in first.keys() | second.keys():
        if key == "consent" or (key in _SAID_BY_ONE and (key not in first or key not in second)):
            continue
        if key not in first or key not in second or first[key].node.plain() != second[key].node.plain():
            return None
    consents = _stricter_consents(one.node, other.node)
    if consents is None:
        return None
    merged = {**second, **first}
    merged.pop("consent", None)
    return Entry(one.key, one.place, one.node.with_entries({**merged, **consents}))


def _stricter_consents(one: Node, other: Node) -> Mapping[str, Entry] | None:
    """The key `consent` of whichever asks for no less on any channel (nothing where it leaves it out), else a mapping of
    the stricter on each; None where that can't be told."""
    first, second = _category(one), _category(other)
    if first is None or second is None:
        return None
    chosen: dict[str, Entry] = {}
    for node, mine, theirs in ((one, first, second), (other, second, first)):
        stands = {c for c in CHANNELS if not needs_less(mine, theirs, key_of(c))}
        if len(stands) == len(CHANNELS):
            return {k: e for k, e in node.entries.items() if k == "consent"}
        for channel in stands:
            chosen.setdefault(channel, Entry(channel, node.place, _said_of(node, channel)))
    if len(chosen) < len(CHANNELS):
        return None
    return {"consent": Entry("consent", one.place, Node(one.place, {c: chosen[c] for c in CHANNELS}))}


def _category(node: Node) -> Category | None:
    made, _ = validate(CategorySection, node)
    return category_of("", made) if made else None


def _said_of(category: Node, channel: str) -> Node:
    """What a category says of one channel."""
    consent = category.get("consent")
    if consent is None:
        return Node(category.place, "opt_in")
    if consent.is_mapping and "kind" not in consent.entries:
        return consent.get(channel) or Node(consent.place, "opt_in")
    return consent
