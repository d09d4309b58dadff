"""The generated parts of docs/policy-reference.md: sections and rules, from their models, docstrings, sentences and examples.

Prose stands in the page itself; here is only what would go stale if it were written by hand.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping

from shapes import Schema, keys, sentence, table

from cadence.policy.schema import policy_schema
from cadence.policy.unbuilt import KINDS, SECTIONS
from cadence.rules.registry import RULES, RuleModule
from cadence.rules.rule import Stricter
from cadence.rules.words import LOCALES

CONSENT = "consent"
"""The one rule that asks transactional messages something of its own."""
LANGUAGES = {"en": "English", "sv": "Swedish", "nb": "Norwegian", "uk": "Ukrainian"}


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
        "rules": lambda: "\n".join(_rule(module, defs) for module in RULES.values()),
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
    own = {n for kind in writable for n in _own(RULES[kind])}
    return keys(defs[writable[-1]], defs, [n for n in defs[writable[-1]]["properties"] if n not in own])


def _own(module: RuleModule) -> list[str]:
    assert module.Keys is not None
    return [f.alias or name for name, f in module.Keys.model_fields.items()]


def _glance() -> str:
    """All rules in a table."""
    rows = [
        (
            f"[{kind}](#{kind})",
            _first(module),
            "always on" if module.ALWAYS_ON else "",
            "marketing" if module.MARKETING_ONLY or kind == CONSENT else "what isn't exempt",
            "yes" if module.RELEASABLE else "never",
        )
        for kind, module in RULES.items()
    ]
    return table(("rule", "what it asks for", "", "governs", "a release passes it"), rows)


def _first(module: RuleModule) -> str:
    """What a rule is for: the first paragraph of its file, without its own name."""
    paragraph = (inspect.getdoc(module) or "").split("\n\n")[0]
    told = re.sub(r"^The rule `\w+`: ", "", sentence(paragraph))
    return told[:1].upper() + told[1:]


def _rule(module: RuleModule, defs: Schema) -> str:
    kind = module.KIND
    lines = [f"### {kind}\n", f"{_first(module)}\n", _standing(module) + "\n"]
    if module.Keys is None:
        lines.append("It has no keys, and no line in a policy: it rests on what is known of the contact.\n")
    else:
        lines += [keys(defs[kind], defs, _own(module)), _stricter(module)]
    lines += ["An example, which the project's tests run:\n", f"```yaml\n{module.EXAMPLE}```\n", _sentences(module)]
    return "\n".join(line for line in lines if line)


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
    name = sentence(module.default_name.__doc__ or "").rstrip(".")
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
    lines = ["<details><summary>What it says when it holds a message</summary>\n"]
    for locale in LOCALES:
        lines.append(f"{LANGUAGES[locale]}:\n")
        lines += [f"- {text}" for text in module.SENTENCES[locale].values()]
        lines.append("")
    return "\n".join([*lines, "</details>\n"])


def _unbuilt() -> str:
    rows = [(f"`{name}`", what) for name, what in {**KINDS, **SECTIONS}.items()]
    return table(("word", "what it will do"), rows)
