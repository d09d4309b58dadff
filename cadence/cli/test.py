"""`cadence test`: run policy tests, and tell of each that fails what was expected, what came, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress

from cadence.cli.screen import FINE, NO, WRONG, counted, errors, print_json, screen
from cadence.workbench.coverage import Coverage, coverage
from cadence.workbench.junit import junit_xml
from cadence.workbench.runner import CaseResult, Report, run

app = typer.Typer(add_completion=False)


@app.command()
def test(
    files: Annotated[list[Path] | None, typer.Argument(help="Files of cases, or folders of them.")] = None,
    keyword: Annotated[str, typer.Option("-k", help="Only cases whose name has this in it.")] = "",
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML here.")] = None,
    cover: Annotated[
        bool, typer.Option("--coverage", help="Also which rules no case meets, and which segments nobody is in.")
    ] = False,
    from_decision: Annotated[
        int | None, typer.Option(help="Make a case out of this decision, with the people made anonymous.")
    ] = None,
    write: Annotated[
        Path | None, typer.Option(help="With --from-decision: the file it is written into, new or not; - prints it.")
    ] = None,
    name: Annotated[str, typer.Option(help="With --from-decision: what the case promises.")] = "",
    json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> int:
    """Run policy tests, or make one out of a real decision.

    Exit 0: all as expected; 1: some were not; 2: a file or case can't be read."""
    if from_decision is not None or write is not None:
        return _from_decision(files or [], from_decision, write, name, json)
    if not files:
        raise ValueError("say which files or folders of cases to run, for example config/tests")
    if json:
        report = run(files, keyword)
    else:
        with Progress(console=errors(), transient=True, disable=not errors().is_terminal) as bar:
            task = bar.add_task("cases", total=None)
            report = run(files, keyword, lambda _: bar.advance(task))
    if junit is not None:
        junit.write_text(junit_xml(report), "utf-8")
    tried = coverage(report) if cover else ()
    if json:
        print_json(report.to_json() | ({"coverage": [c.to_json() for c in tried]} if cover else {}))
    else:
        _tell(screen(), report)
        for one in tried:
            _tell_coverage(screen(), one)
    return FINE if report.ok else NO if report.readable else WRONG


def _from_decision(files: list[Path], decision: int | None, write: Path | None, name: str, json: bool) -> int:
    if decision is None or write is None or files:
        raise ValueError("a case is made with --from-decision ID and --write FILE together, and without other files")
    from cadence.cli.retell import retell

    return retell(decision, write, name, json)


def _tell(out: Console, report: Report) -> None:
    for finding in report.findings:
        out.print(escape(str(finding)))
    for result in report.results:
        if result.outcome != "passed":
            _failure(out, result)
    passed, failed, broken = (report.count(o) for o in ("passed", "failed", "broken"))
    left_out = f", {report.left_out} left out" if report.left_out else ""
    shade = "green" if report.ok else "red"
    words = f"{passed} passed, {failed} failed, {broken} can't be read{left_out}, in {report.seconds:.2f} s"
    out.print(f"[bold {shade}]{words}[/]")


def _failure(out: Console, result: CaseResult) -> None:
    out.print(
        f"[bold red]{result.outcome}[/] {escape(result.file)}:{result.line}:{result.column} {escape(result.name)}"
    )
    for finding in result.findings:
        out.print(f"    {escape(str(finding))}")
    for difference in result.differences:
        out.print(f"    {escape(str(difference))}")
    for why in result.why:
        out.print(f"    why: {escape(why)}")


def _tell_coverage(out: Console, tried: Coverage) -> None:
    """What no case meets; the counts of the rest are for machines."""
    met, files = len(tried.rules) - len(tried.untried), ", ".join(tried.files)
    out.print(
        f"\n[bold]Policy {tried.policy[:12]}[/]: cases meet {met} of its {counted(len(tried.rules), 'rule')} ({escape(files)})"
    )
    for rule in tried.untried:
        out.print(f"    no case meets {escape(str(rule))}")
    for segment in tried.empty:
        out.print(f"    no case has a contact in segment '{escape(segment)}'")


test_command = typer.main.get_command(app)
