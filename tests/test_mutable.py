"""What mutation testing sees of the core: no logic hides behind a decorator, for mutmut passes over decorated functions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]

CORE = sorted(p for folder in ("rules", "calendar", "decide") for p in (PROJECT / "cadence" / folder).glob("*.py"))
SEEN = (["classmethod"], ["staticmethod"])
"""The decorators that mutmut looks behind."""
FEW = 3
"""So many statements a hidden function may have: enough for a property or for a cache around a plain function."""


def functions(path: Path) -> Iterator[ast.FunctionDef]:
    """The file's functions and the methods of its classes."""
    tree = ast.parse(path.read_text("utf-8"))
    for holder in (tree, *(n for n in tree.body if isinstance(n, ast.ClassDef))):
        yield from (n for n in holder.body if isinstance(n, ast.FunctionDef))


def statements(function: ast.FunctionDef) -> int:
    """How many statements it has, its docstring left out."""
    return sum(isinstance(n, ast.stmt) for n in ast.walk(function)) - 1 - (ast.get_docstring(function) is not None)


@pytest.mark.parametrize("path", CORE, ids=lambda p: str(p.relative_to(PROJECT)))
def test_no_logic_hides_behind_a_decorator(path: Path) -> None:
    hidden = [
        f"{path.name}:{f.lineno} {f.name} has {statements(f)} statements; move them to a plain function that it calls"
        for f in functions(path)
        if f.decorator_list and [ast.unparse(d) for d in f.decorator_list] not in SEEN and statements(f) > FEW
    ]
    assert hidden == []


def test_every_rule_has_functions_that_can_be_changed() -> None:
    bare = [p.name for p in CORE if p.name not in ("__init__.py", "words.py") and not any(map(plain, functions(p)))]
    assert bare == []


def plain(function: ast.FunctionDef) -> bool:
    """Whether mutmut makes mutants of it."""
    return not function.decorator_list or [ast.unparse(d) for d in function.decorator_list] in SEEN
