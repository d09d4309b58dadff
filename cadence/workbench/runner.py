"""Runs policy tests and says of each what was expected, what came, and why.

It is data in, data out: how a report is shown on a screen is the command line's. Nothing but the given files is read.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any, Literal

from cadence.calendar import zone_index
from cadence.calendar.shown import on_calendar
from cadence.decide.api import decisions
from cadence.decide.decision import Decision, text_of
from cadence.decide.folding import at_of
from cadence.decide.telling import tell
from cadence.policy.places import Finding, Place, error, has_errors
from cadence.policy.policy import Policy
from cadence.workbench.case import ONLY, Broken, Case, CaseFile, Expected, is_policy_test, read_cases

CLOSE = timedelta(seconds=1)
"""How near an `until` must come to the expected one."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One key of one message that came otherwise than expected."""

    message: str
    """Its id; empty for a case's only message."""
    key: str
    expected: str | None
    came: str | None

    def __str__(self) -> str:
        of = f"{self.message}: " if self.message else ""
        return f"{of}{self.key}: expected {_shown(self.expected)}, came {_shown(self.came)}"


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What became of one case."""

    file: str
    line: int
    column: int
    name: str
    outcome: Literal["passed", "failed", "broken"]
    differences: tuple[Difference, ...] = ()
    decisions: tuple[tuple[str, Decision], ...] = ()
    """Message id and decision; the id is empty for a case's only message."""
    findings: tuple[Finding, ...] = ()
    """Why a broken case couldn't be run."""
    seconds: float = 0.0

    @property
    def why(self) -> tuple[str, ...]:
        """The sentences behind what came, of messages that came otherwise than expected."""
        odd = {d.message for d in self.differences}
        return tuple(f"{name}: {d.reason}" if name else d.reason for name, d in self.decisions if name in odd)

    def to_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "name": self.name,
            "outcome": self.outcome,
            "differences": [
                {"message": d.message or None, "key": d.key, "expected": d.expected, "came": d.came}
                for d in self.differences
            ],
            "why": list(self.why),
            "decisions": [{"message": name or None, **d.to_json()} for name, d in self.decisions],
            "findings": [f.as_json() for f in self.findings],
            "seconds": round(self.seconds, 6),
        }


@dataclass(frozen=True, slots=True)
class Report:
    """What became of all cases that were asked for."""

    results: tuple[CaseResult, ...]
    findings: tuple[Finding, ...]
    """What is wrong with whole files, and warnings."""
    left_out: int
    """Cases whose name didn't have the keyword in it."""
    seconds: float
    policies: tuple[tuple[str, Policy], ...] = ()
    """Each file whose policy could be read, with it."""

    def count(self, outcome: Literal["passed", "failed", "broken"]) -> int:
        """How many cases came to this."""
        return sum(r.outcome == outcome for r in self.results)

    @property
    def readable(self) -> bool:
        """Whether every file and case could be read; otherwise the input is wrong (exit 2)."""
        return not has_errors(self.findings) and self.count("broken") == 0

    @property
    def ok(self) -> bool:
        """Whether all was readable and came as expected."""
        return self.readable and self.count("failed") == 0

    def to_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "ok": self.ok,
            "passed": self.count("passed"),
            "failed": self.count("failed"),
            "broken": self.count("broken"),
            "left_out": self.left_out,
            "seconds": round(self.seconds, 6),
            "results": [r.to_json() for r in self.results],
            "findings": [f.as_json() for f in self.findings],
        }


Progress = Callable[[CaseResult], None]


def run(files: Sequence[Path], keyword: str = "", progress: Progress | None = None) -> Report:
    """Run the policy tests in these files; of a folder, all YAML files in it and below it that have cases.

    keyword: only cases with it in their name (upper and lower case are the same). progress: told of each result as it
    comes."""
    began = time.perf_counter()
    missing, found = _files(files)
    read = [read_cases(path) for path in found]
    report = _run(read, keyword, progress)
    return replace(report, findings=(*missing, *report.findings), seconds=time.perf_counter() - began)


def run_text(text: str, *, name: str = "policy test", base: Path | None = None) -> Report:
    """Run a policy test that is given as YAML text; its policy's path is looked for in `base`."""
    return _run([read_cases(text, base=base, name=name)], "", None)


def run_case(policy: Policy, case: Case, file: str) -> CaseResult:
    """One case under a policy."""
    began = time.perf_counter()
    told = case.told
    telling = tell(policy, told.contact, told.history, case.messages, told.now, told.circle)
    came = decisions(policy, telling)
    if told.messages is None:
        (only,) = came.values()
        came = {ONLY: only}
    zone = zone_index(telling.zone)
    different = tuple(
        d for message, expected in case.expected.items() for d in _differences(message, expected, came[message], zone)
    )
    outcome: Literal["passed", "failed"] = "failed" if different else "passed"
    place, seconds = case.place, time.perf_counter() - began
    shown = tuple(came.items())
    return CaseResult(file, place.line, place.column, case.name, outcome, different, shown, seconds=seconds)


def _run(files: Sequence[CaseFile], keyword: str, progress: Progress | None) -> Report:
    began = time.perf_counter()
    results: list[CaseResult] = []
    left_out = 0
    for file in files:
        for case in file.cases:
            if keyword.casefold() not in case.name.casefold():
                left_out += 1
                continue
            if (result := _result(file, case)) is None:
                continue
            results.append(result)
            if progress is not None:
                progress(result)
    findings = tuple(f for file in files for f in file.findings)
    policies = tuple((file.name, file.policy) for file in files if file.policy is not None)
    return Report(tuple(results), findings, left_out, time.perf_counter() - began, policies)


def _result(file: CaseFile, case: Case | Broken) -> CaseResult | None:
    """A case's result; None where the file has no policy to run it under, which its findings say."""
    if isinstance(case, Broken):
        return CaseResult(file.name, case.place.line, case.place.column, case.name, "broken", findings=case.findings)
    return None if file.policy is None else run_case(file.policy, case, file.name)


def _differences(message: str, expected: Expected, came: Decision, zone: int) -> list[Difference]:
    """The keys that were named and came otherwise."""
    named = expected.model_fields_set
    out = []
    if "verdict" in named and expected.verdict != came.verdict:
        out.append(Difference(message, "verdict", expected.verdict, came.verdict))
    if "until" in named:
        wanted = None if expected.until is None else on_calendar(at_of(expected.until, zone))
        near = wanted is not None and came.until is not None and abs(came.until.astimezone(UTC) - wanted) <= CLOSE
        if not near and not (wanted is None and came.until is None):
            out.append(Difference(message, "until", text_of(wanted), text_of(came.until)))
    if "rule" in named and expected.rule != came.rule:
        out.append(Difference(message, "rule", expected.rule, came.rule))
    return out


def _files(given: Sequence[Path]) -> tuple[list[Finding], list[Path]]:
    """The files to run, folders taken apart, and findings for those that aren't there."""
    missing: list[Finding] = []
    found: list[Path] = []
    for path in given:
        if path.is_dir():
            inside = [p for p in sorted(path.rglob("*")) if p.suffix in (".yaml", ".yml") and is_policy_test(p)]
            if not inside:
                missing.append(error(Place(str(path)), "no policy test is in this folder: no YAML file with cases"))
            found += inside
        elif path.exists():
            found.append(path)
        else:
            missing.append(error(Place(str(path)), "there is no such file"))
    return missing, list(dict.fromkeys(found))


def _shown(value: str | None) -> str:
    return "null" if value is None else value
