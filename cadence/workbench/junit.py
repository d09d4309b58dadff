"""A report of policy tests as JUnit XML, which build servers read: a suite per file, a test case per case."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from cadence.workbench.runner import CaseResult, Report

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(report: Report) -> str:
    """The report as one XML document. A file that couldn't be read is a suite with an error."""
    root = ElementTree.Element("testsuites", _figures(report.results))
    unread = [f for f in report.findings if f.level == "error"]
    for file in dict.fromkeys([*(r.file for r in report.results), *(f.file for f in unread)]):
        mine = tuple(r for r in report.results if r.file == file)
        suite = ElementTree.SubElement(root, "testsuite", {"name": _clean(file), **_figures(mine)})
        for result in mine:
            _case(suite, result)
        for finding in unread:
            if finding.file == file:
                case = ElementTree.SubElement(suite, "testcase", {"name": "the file", "classname": _clean(file)})
                ElementTree.SubElement(case, "error", {"message": _clean(str(finding))})
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _case(suite: ElementTree.Element, result: CaseResult) -> None:
    about = {"name": _clean(result.name), "classname": _clean(result.file), "time": f"{result.seconds:.6f}"}
    case = ElementTree.SubElement(suite, "testcase", {**about, "line": str(result.line)})
    if result.outcome == "failed":
        differences = "; ".join(str(d) for d in result.differences)
        failure = ElementTree.SubElement(case, "failure", {"message": _clean(differences)})
        failure.text = _clean("\n".join([*(str(d) for d in result.differences), *result.why]))
    for finding in result.findings:
        ElementTree.SubElement(case, "error", {"message": _clean(str(finding))})


def _figures(results: tuple[CaseResult, ...]) -> dict[str, str]:
    return {
        "tests": str(len(results)),
        "failures": str(sum(r.outcome == "failed" for r in results)),
        "errors": str(sum(r.outcome == "broken" for r in results)),
        "time": f"{sum(r.seconds for r in results):.6f}",
    }


def _clean(text: str) -> str:
    """The text without characters that XML can't hold."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
