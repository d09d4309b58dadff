"""`cadence test --from-decision ID --write FILE`: a real decision becomes a case, and the case is run at once.

What it saw is read from the record; how it is told, and made anonymous, is the workbench's.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.markup import escape

from cadence.cli.installation import Installation
from cadence.cli.screen import FINE, NO, errors, print_json, screen
from cadence.decide.decision import text_of
from cadence.facts import instant
from cadence.policy.build import as_mapping
from cadence.policy.load import from_content, load
from cadence.store import policies
from cadence.store.seen import Seen, seen_by
from cadence.workbench.case_text import beside, file_text, flow, with_case
from cadence.workbench.retold import case_of
from cadence.workbench.runner import Report, run_text

STANDARD_OUTPUT = Path("-")


def retell(decision: int, file: Path, name: str, json: bool) -> int:
    """Write a case out of a decision into a file, new or there already, or to standard output. Exit 0: the case comes out
    as it did then; 1: it doesn't, which is told; 2: it can't be told as a case."""
    installation = Installation.open()
    with installation.store.read() as conn:
        try:
            seen = seen_by(conn, decision)
        except LookupError as lost:
            raise ValueError(str(lost)) from None
        content = policies.content_of(conn, seen.decision["policy"])
    if content is None:
        raise ValueError(f"the policy that decided {decision} is no longer on record")
    case = case_of(seen, from_content(content), name or _named(seen))
    text = _text(file, case, seen, content, installation.settings.policy)
    if file == STANDARD_OUTPUT:
        print(text, end="")
        return FINE
    report = run_text(text, name=str(file), base=file.parent)
    _put(file, text)
    return _tell(file, report, json)


def _named(seen: Seen) -> str:
    decision = seen.decision
    return f"decision {decision['id']} of {text_of(instant(decision['at']))}"


def _text(file: Path, case: Mapping[str, Any], seen: Seen, content: str, policy: Path) -> str:
    """What the file is to hold. A new one names the policy's file where that is still the version that decided, else it
    brings that version along."""
    if file != STANDARD_OUTPUT and file.exists():
        return with_case(file.read_text("utf-8"), case, str(file))
    loaded = load(policy) if policy.exists() else None
    same = loaded is not None and loaded.policy is not None and loaded.policy.hash == seen.decision["policy"]
    written = (
        beside(policy, Path.cwd() / "here" if file == STANDARD_OUTPUT else file) if same else flow(as_mapping(content))
    )
    remark = (
        f"Made from decision {seen.decision['id']} under policy {seen.decision['policy'][:12]}; people are anonymous."
    )
    return file_text(case, written, remark)


def _put(file: Path, text: str) -> None:
    """All of it or nothing."""
    aside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        aside.write_text(text, "utf-8")
        aside.replace(file)
    finally:
        aside.unlink(missing_ok=True)


def _tell(file: Path, report: Report, json: bool) -> int:
    result = report.results[-1] if report.results else None
    passed = result is not None and result.outcome == "passed"
    if json:
        print_json({"file": str(file), "ok": passed, "result": None if result is None else result.to_json()})
        return FINE if passed else NO
    if passed and result is not None:
        screen().print(f"{escape(str(file))}: wrote '{escape(result.name)}', and it comes out as it did")
        return FINE
    out = errors()
    out.print(f"{escape(str(file))}: the case was written, but does not come out as the decision did:")
    for told in (*report.findings, *(() if result is None else (*result.differences, *result.findings, *result.why))):
        out.print(f"    {escape(str(told))}")
    out.print(
        "The file's policy is another version, or the contact's zone, attributes or addresses have changed since, or old "
        "facts have been removed."
    )
    return NO
