"""What the engine says, word for word: the evidence of the cases beside this file, and each rule's example in four languages.

It was read over once and is recorded in recorded/. CADENCE_RECORD=1 writes there what comes now; read the difference before
you commit it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cadence.decide.decision import Decision, text_of
from cadence.rules.registry import RULES
from cadence.rules.words import LOCALES
from cadence.workbench.case import Case, CaseFile, read_cases
from cadence.workbench.runner import run_case

HERE = Path(__file__).parent
ALSO = ("evidence", "arbitration", "evasion_wider", "hard")
"""Files of the language page that show evidence which the rules' own cases do not."""
FILES = {p.stem: p for p in sorted(HERE.glob("*.yaml"))}
FILES |= {f"language-{name}": HERE.parent / "language" / f"{name}.yaml" for name in ALSO}


def said(file: CaseFile, locale: str | None = None) -> Iterator[str]:
    """Each case's decisions, line by line."""
    assert file.policy is not None
    for case in file.cases:
        assert isinstance(case, Case)
        if locale is not None:
            case = replace(case, told=case.told.model_copy(update={"contact": spoken(case, locale)}))
        yield f"# {case.name}" if locale is None else f"# {locale}: {case.name}"
        for message, decision in run_case(file.policy, case, file.name).decisions:
            yield from ([f"{message}:"] if message else [])
            yield from told(decision)


def spoken(case: Case, locale: str) -> object:
    return case.told.contact.model_copy(update={"locale": locale})


def told(decision: Decision) -> Iterator[str]:
    """A decision with its evidence."""
    yield f"{decision.verdict} until {text_of(decision.until)} rule {decision.rule} segment {decision.segment}"
    yield f"  {decision.reason}"
    for group, sign in ((decision.evidence, "-"), (decision.watched, "~")):
        for e in group:
            touches = ", ".join(f"{t.get('id')} {text_of(t.get('at'))} {t.get('category')}" for t in e.touches)
            yield f"  {sign} {e.rule} ({e.kind}) {text_of(e.welcome_at)}: {e.because} [{touches}]"


def recorded(name: str, lines: list[str]) -> list[str]:
    """What is recorded under this name."""
    page = HERE / "recorded" / f"{name}.txt"
    if os.environ.get("CADENCE_RECORD"):
        page.parent.mkdir(exist_ok=True)
        page.write_text("\n".join(lines) + "\n", "utf-8")
    return page.read_text("utf-8").splitlines()


@pytest.mark.parametrize("name", FILES)
def test_the_evidence_of_the_cases_is_what_was_read_over(name: str) -> None:
    lines = list(said(read_cases(FILES[name])))
    assert lines == recorded(name, lines)


@pytest.mark.parametrize("kind", RULES)
def test_the_example_says_in_each_language_what_was_read_over(kind: str) -> None:
    lines = [line for locale in LOCALES for line in said(read_cases(RULES[kind].EXAMPLE, name=kind), locale)]
    assert lines == recorded(f"example-{kind}", lines)
