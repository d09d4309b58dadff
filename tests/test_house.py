"""The house itself: the tree that the architecture page tells of, how modules begin, how long things are, what is named where."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

from cadence.providers.registry import PROVIDERS
from cadence.rules.registry import RULES

PROJECT = Path(__file__).resolve().parents[1]
MODULES = sorted((PROJECT / "cadence").rglob("*.py"))
SOURCES = [m for m in MODULES if "migrations/versions" not in str(m)]
BANNED = {"utils", "util", "helpers", "common", "models", "types", "misc"}
LONGEST_FUNCTION = 70
LONGEST_FILE = 500
"""Most have 60 to 300; the vocabulary, the tables and the daemon's timetable are one subject each, and longer."""


def name_of(module: Path) -> str:
    return str(module.relative_to(PROJECT))


def tree(module: Path) -> ast.Module:
    return ast.parse(module.read_text("utf-8"))


def test_every_module_begins_with_a_paragraph_on_what_it_is_for() -> None:
    silent = [
        name_of(m) for m in SOURCES if m.read_text("utf-8").strip() and len(ast.get_docstring(tree(m)) or "") < 40
    ]
    assert silent == []


def test_no_function_is_longer_than_a_screen() -> None:
    long = [
        f"{name_of(m)}:{f.lineno} {f.name} has {f.end_lineno - f.lineno + 1} lines"
        for m in SOURCES
        for f in ast.walk(tree(m))
        if isinstance(f, ast.FunctionDef | ast.AsyncFunctionDef)
        and f.end_lineno
        and f.end_lineno - f.lineno >= LONGEST_FUNCTION
    ]
    assert long == []


def test_no_file_has_grown_past_one_subject() -> None:
    long = [f"{name_of(m)}: {n} lines" for m in SOURCES if (n := len(m.read_text("utf-8").splitlines())) > LONGEST_FILE]
    assert long == []


def test_nothing_is_called_by_a_name_that_says_nothing() -> None:
    vague = [name_of(m) for m in SOURCES if m.stem in BANNED or m.parent.name in BANNED]
    assert vague == []


def test_public_functions_and_classes_say_what_they_mean() -> None:
    silent = [
        f"{name_of(m)}:{d.lineno} {d.name}"
        for m in SOURCES
        for d in tree(m).body
        if isinstance(d, ast.FunctionDef | ast.ClassDef) and not d.name.startswith("_") and not ast.get_docstring(d)
    ]
    assert silent == []


@pytest.mark.parametrize("kind", sorted(RULES))
def test_a_rule_is_named_only_in_its_own_file_the_registry_and_the_verifier(kind: str) -> None:
    """Words that are also plain English or parts of the language's grammar are looked for as quoted names only."""
    allowed = {f"cadence/rules/{kind}.py", "cadence/rules/registry.py"}
    grammar = {"consent", "holds", "caps", "gap", "own_wishes", "evasion", "screened"}
    found = [
        name_of(m)
        for m in SOURCES
        if name_of(m) not in allowed
        and not name_of(m).startswith("cadence/audit/verify/")
        and re.search(rf"""["']{kind}["']""", m.read_text("utf-8"))
    ]
    assert kind in grammar or found == []


@pytest.mark.parametrize("provider", sorted(PROVIDERS))
def test_a_provider_is_imported_only_by_the_registry(provider: str) -> None:
    found = [
        name_of(m)
        for m in SOURCES
        if f"cadence/providers/{provider}/" not in name_of(m)
        and name_of(m) != "cadence/providers/registry.py"
        and re.search(
            rf"cadence\.providers\.{provider}\b|from cadence\.providers import .*\b{provider}\b", m.read_text("utf-8")
        )
    ]
    assert found == [] or all("inbox" in Path(PROJECT / f).read_text("utf-8") for f in found)


def test_the_architecture_page_tells_of_every_room() -> None:
    page = (PROJECT / "docs/architecture.md").read_text("utf-8")
    rooms = sorted(p.name for p in (PROJECT / "cadence").iterdir() if p.is_dir() and not p.name.startswith("__"))
    assert [r for r in rooms if f"{r}/" not in page] == []
    told = re.findall(r"^ {4}([a-z]+)/ ", page, re.MULTILINE)
    assert [r for r in told if r not in rooms] == []


def test_nothing_speaks_of_where_it_was_made() -> None:
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=True
    ).stdout.split()
    traces = re.compile(r"/work/|/tmp/plan|pypi\.org|files\.pythonhosted|\.library\b")
    found = []
    for name in tracked:
        path = PROJECT / name
        if name == "tests/test_house.py" or not path.is_file() or path.suffix in {".gz", ".parquet", ".png"}:
            continue
        if traces.search(path.read_text("utf-8", errors="ignore")):
            found.append(name)
    assert found == []


def test_only_tests_look_beside_the_project() -> None:
    found = [name_of(m) for m in SOURCES if "../shared" in m.read_text("utf-8")]
    assert found == []


def test_make_help_lists_every_command_people_need() -> None:
    listed = subprocess.run(["make", "help"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    assert all(f"make {c}" in listed for c in ("run", "test", "lint", "soak", "generate", "verify"))
