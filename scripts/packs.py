"""The generated parts of docs/packs.md: for each pack its own words (for whom, sources, what it can't say), its categories
and its rules, read from the file itself.

A pack's words are the comments before its first key and after its last rule, in the order that the tests of the packs ask for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from shapes import table

from cadence.policy.nodes import Node, read_file

PACKS = Path(__file__).resolve().parents[1] / "config/packs"


def parts() -> Mapping[str, Callable[[], str]]:
    """What is generated in the page, by the name in its marker."""
    return {"glance": _glance, "packs": lambda: "\n".join(_pack(name) for name in _names())}


def _names() -> list[str]:
    """Lagom first, the others by name."""
    return sorted((p.stem for p in PACKS.glob("*.yaml")), key=lambda name: (name != "lagom", name))


def _glance() -> str:
    rows = [
        (f"[`packs/{name}.yaml`](#{name})", f"{_whom(name)[0].upper()}{_whom(name)[1:].split('. ')[0].rstrip('.')}")
        for name in _names()
    ]
    return table(("pack", "for whom"), rows)


def _pack(name: str) -> str:
    node, _ = read_file(PACKS / f"{name}.yaml")
    assert node is not None
    before, after = _words(name)
    sources = next(p for p in before if p.startswith("Sources"))
    read_on, *listed = sources.split("\n")
    lines = [f"## {name}\n", f"{_joined(before[0])}\n", f"**For whom:** {_whom(name)}\n"]
    if include := node.get("include"):
        lines.append(f"It brings {', '.join(f'`{item.value}`' for item in include.items)}.\n")
    if defaults := node.get("defaults"):
        lines.append(f"It sets defaults: `{_inline(defaults.plain())}`.\n")
    lines += [part for part in (_categories(node), _rules(node)) if part]
    lines.append(f"**{read_on}**\n")
    lines += [f"- {item}" for item in _items(listed)]
    lines += ["", f"{_joined(chr(10).join(line for line in listed if not line.startswith('  ')))}\n"]
    lines += [f"{_as_markdown(paragraph)}\n" for paragraph in after]
    return "\n".join([*lines, _files(name)])


def _whom(name: str) -> str:
    found = next(p for p in _words(name)[0] if p.startswith("For whom: "))
    return _joined(found).removeprefix("For whom: ")


def _words(name: str) -> tuple[list[str], list[str]]:
    """The paragraphs of comment before a pack's first key, but for how to include it, and those after its last rule."""
    lines = (PACKS / f"{name}.yaml").read_text("utf-8").splitlines()
    first = lines.index("version: 1")
    last = max(i for i, line in enumerate(lines) if line and not line.startswith("#"))
    return _paragraphs(lines[1:first]), _paragraphs(lines[last + 1 :])


def _paragraphs(lines: list[str]) -> list[str]:
    text = "\n".join(line.removeprefix("#").removeprefix(" ") for line in lines)
    text = re.sub(r"\n(What it can't say|What a policy can't say)", r"\n\n\1", text)
    return [p for p in re.split(r"\n\s*\n", text.strip()) if p.strip() and not p.startswith("    include:")]


def _joined(paragraph: str) -> str:
    return " ".join(paragraph.split())


def _items(lines: list[str]) -> list[str]:
    """Lines that begin with two spaces, each with those of four that go on from it."""
    found: list[str] = []
    for line in lines:
        if line.startswith("    "):
            found[-1] += f" {line.strip()}"
        elif line.startswith("  "):
            found.append(line.strip())
    return found


def _as_markdown(paragraph: str) -> str:
    """A paragraph that may hold a list."""
    head, *items = re.split(r"\n\s*- ", paragraph)
    return "\n".join([_joined(head), *([""] if items else []), *(f"- {_joined(item)}" for item in items)])


def _categories(node: Node) -> str:
    holder = node.get("categories")
    if holder is None:
        return ""
    rows = [(f"`{name}`", f"`{_inline(entry.node.plain())}`") for name, entry in holder.entries.items()]
    return table(("category", "says"), rows)


def _rules(node: Node) -> str:
    holder = node.get("guard_rails")
    rows = []
    for kind, entry in holder.entries.items() if holder else ():
        for rule in entry.node.items or (entry.node,):
            keys = rule.plain()
            rows.append((keys.pop("name", kind), f"`{kind}`", f"`{_inline(keys)}`"))
    return table(("rule", "kind", "says"), rows) if rows else ""


def _inline(content: object, *, outermost: bool = True) -> str:
    """Content as YAML in one line; the outermost braces left out."""
    if isinstance(content, dict):
        inside = ", ".join(f"{key}: {_inline(value, outermost=False)}" for key, value in content.items())
        return inside if outermost else f"{{{inside}}}"
    if isinstance(content, list):
        return f"[{', '.join(_inline(item, outermost=False) for item in content)}]"
    if isinstance(content, str) and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_ -]*", content):
        return content
    return json.dumps(content)


def _files(name: str) -> str:
    tests = sorted(p.name for p in (PACKS / "tests").glob("*.yaml") if p.stem == name or p.stem.startswith(f"{name}-"))
    shown = " and ".join(f"[`{file}`](../config/packs/tests/{file})" for file in tests)
    return f"The file itself, line by line: [`{name}.yaml`](../config/packs/{name}.yaml). Its policy tests: {shown}.\n"
