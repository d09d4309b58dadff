"""A page for each rule, made from its file alone: what it is for, its keys, what it holds and what it lets go as cases that
run as tests, what it says in each language, and what other products do.

Nothing is written by hand; a rule that lacks a part fails its tests.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping

from shapes import Schema, keys, sentence

from cadence.policy.schema import policy_schema
from cadence.rules.registry import RULES, RuleModule
from cadence.rules.rule import Stricter
from cadence.rules.words import LOCALES

CONSENT = "consent"
"""The one rule that asks transactional messages something of its own."""
LANGUAGES = {"en": "English", "sv": "Swedish", "nb": "Norwegian", "uk": "Ukrainian"}
FOLDER = "docs/rules"


def rule_pages() -> Mapping[str, str]:
    """Each rule's page, by its path in the project."""
    defs: Schema = policy_schema()["$defs"]
    return {f"{FOLDER}/{kind}.md": _page(module, defs) for kind, module in RULES.items()}


def _page(module: RuleModule, defs: Schema) -> str:
    held, goes = _cases(module.EXAMPLE)
    parts = [
        f"# {module.KIND}\n\n{told_first(module)}\n",
        f"{_standing(module)}\n",
        f"## Keys\n\n{_keys(module, defs)}",
        f"## What it holds or stops\n\n```yaml\n{held}```\n",
        f"## What it lets go\n\n```yaml\n{goes}```\n" if goes else "",
        f"## What it says\n\n{_sentences(module)}",
        f"## Elsewhere\n\n{sentence(module.ELSEWHERE)}\n",
        "Of other products their public pages were read, in November 2026; none was tried.\n",
        "[All rules](../policy-reference.md#guard-rails) · [what every rule may carry]"
        "(../policy-reference.md#what-every-rule-may-carry)\n",
    ]
    return "\n".join(part for part in parts if part)


def _cases(example: str) -> tuple[str, str]:
    """An example's cases, those that hold a message apart from those that let it go; each a policy test of its own."""
    head, _, listed = example.partition("cases:\n")
    cases = re.split(r"(?m)^(?=  - name:)", listed)[1:]
    goes = [case for case in cases if "verdict: send" in case]
    held = [case for case in cases if case not in goes]
    return f"{head}cases:\n{''.join(held)}", f"{head}cases:\n{''.join(goes)}" if goes else ""


def _keys(module: RuleModule, defs: Schema) -> str:
    if module.Keys is None:
        return "It has none, and no line in a policy: it rests on what is known of the contact.\n"
    linked = keys(defs[module.KIND], defs, own_keys(module)).replace("](#", "](../policy-reference.md#")
    return "\n".join(part for part in (linked, _stricter(module)) if part)


def own_keys(module: RuleModule) -> list[str]:
    """The keys that are the rule's own, as YAML writes them."""
    assert module.Keys is not None
    return [f.alias or name for name, f in module.Keys.model_fields.items()]


def told_first(module: RuleModule) -> str:
    """What a rule is for: the first paragraph of its file, without its own name."""
    paragraph = (inspect.getdoc(module) or "").split("\n\n")[0]
    told = re.sub(r"^The rule `\w+`: ", "", sentence(paragraph))
    return told[:1].upper() + told[1:]


def _standing(module: RuleModule) -> str:
    """Whom it governs and what passes it, in sentences."""
    told = ["It is always on." if module.ALWAYS_ON else ""]
    if module.KIND == CONSENT:
        told.append("Transactional messages are asked about the address only: one that bounced hard stops them too.")
    elif module.MARKETING_ONLY:
        told.append("It governs marketing only.")
    else:
        told.append("It governs every category that doesn't name it in `exempt`.")
    told.append("A release by an admin passes it, once." if module.RELEASABLE else "No release passes it.")
    if module.COUNTS_ACROSS:
        told.append("It may count `across`.")
    if module.INHERITS and not module.ALWAYS_ON:
        told.append(
            "What a segment's rule of this kind leaves out comes from the guard rail, where there is exactly one."
        )
    if module.Keys is not None:
        told.append(f"Without a name it is called: {_called(module)}")
    return " ".join(t for t in told if t)


def _called(module: RuleModule) -> str:
    assert module.Keys is not None
    name = sentence(module.Keys.default_name.__doc__ or "").rstrip(".")
    return f"{name}." if name.startswith("`") else f"`{module.KIND}`."


def _stricter(module: RuleModule) -> str:
    """Which way its keys make it stricter: what a segment or an including file may do without loosening."""
    assert module.Keys is not None
    found: dict[Stricter, list[str]] = {Stricter.LESS: [], Stricter.MORE: []}
    for name, field in module.Keys.model_fields.items():
        for mark in field.metadata:
            if isinstance(mark, Stricter):
                found[mark].append(f"`{field.alias or name}`")
    words = [f"a smaller {', '.join(found[Stricter.LESS])}"] if found[Stricter.LESS] else []
    words += [f"a larger {', '.join(found[Stricter.MORE])}"] if found[Stricter.MORE] else []
    return f"Stricter is {' and '.join(words)}.\n" if words else ""


def _sentences(module: RuleModule) -> str:
    """What it says to a reader, in each language."""
    lines: list[str] = []
    for locale in LOCALES:
        lines.append(f"{LANGUAGES[locale]}:\n")
        lines += [f"- {text}" for text in module.SENTENCES[locale].values()]
        lines.append("")
    return "\n".join(lines)
