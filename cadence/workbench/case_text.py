"""A case written as text: as a new file of its own, or at the end of the cases that a file has already.

Text is inserted, never dumped: what is there keeps its comments and its layout, and is read again before it is written.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cadence.policy.places import read

INDENT = "  "
LONGEST: int = 10**18
"""Whole numbers from here on can only be read back with an exponent."""


def file_text(case: Mapping[str, Any], policy: str, remark: str) -> str:
    """A new policy test's file with one case. policy: its path, or JSON, as YAML takes it."""
    return f"# {remark}\npolicy: {policy}\ncases:\n{case_text(case, INDENT)}"


def case_text(case: Mapping[str, Any], indent: str) -> str:
    """A case as an item of a list in YAML, its parts in flow style; texts are quoted as in JSON, which YAML reads."""
    lines = []
    for name, value in case.items():
        if isinstance(value, list):
            lines.append(f"{name}:")
            lines += [f"  - {flow(one)}" for one in value]
        else:
            lines.append(f"{name}: {flow(value)}")
    head, *rest = lines
    return "".join([f"{indent}- {head}\n", *(f"{indent}  {line}\n" for line in rest)])


def flow(value: Any) -> str:
    """Any plain value in YAML's flow style."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{n if n.isidentifier() else flow(n)}: {flow(v)}" for n, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(flow(v) for v in value) + "]"
    if isinstance(value, int) and abs(value) >= LONGEST:  # it was 1e300, say, in the policy that decided
        value = float(value)
    return json.dumps(value, ensure_ascii=False)


def with_case(text: str, case: Mapping[str, Any], name: str) -> str:
    """A policy test's text with one more case at its end. Raises ValueError where that can't be done without moving what
    is there. name: of the file, for the message."""
    node, _ = read(text, file=name)
    cases = None if node is None else node.get("cases")
    if cases is None or not cases.is_list or not cases.items:
        raise ValueError(f"{name} is no policy test with a list of cases; name a file that isn't there yet")
    indent = " " * max(cases.items[0].place.column - 3, 0)
    longer = text.rstrip() + "\n" + case_text(case, indent)
    again, _ = read(longer, file=name)
    told = None if again is None else again.get("cases")
    grown = None if told is None else told.plain()
    if grown != [*cases.plain(), dict(case)]:
        raise ValueError(f"{name} doesn't end with its cases, one below another; name a file that isn't there yet")
    return longer


def beside(policy: Path, file: Path) -> str:
    """The path of a policy as a policy test in `file` names it."""
    return json.dumps(Path(os.path.relpath(policy, file.parent)).as_posix(), ensure_ascii=False)
