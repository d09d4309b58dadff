"""What ships works as shipped: the policy, its own tests, its campaigns."""

from __future__ import annotations

from pathlib import Path

from cadence.doors.campaigns.load import load_campaigns
from cadence.policy.load import load
from cadence.send.desk import TemplateDesk
from cadence.workbench.runner import run


def test_the_shipped_policy_has_neither_errors_nor_warnings(project: Path) -> None:
    assert [str(f) for f in load(project / "config/policy.yaml").findings] == []


def test_the_shipped_policy_tests_pass(project: Path) -> None:
    report = run([project / "config/tests"])
    assert [(r.name, r.why) for r in report.results if r.outcome != "passed"] == []
    assert report.count("passed") >= 10


def test_the_shipped_campaigns_load_under_the_shipped_policy(project: Path) -> None:
    policy = load(project / "config/policy.yaml").required()
    loaded = load_campaigns(
        project / "config/campaigns", policy, TemplateDesk(), attributes=["first_name", "last_name"]
    )
    assert [str(f) for f in loaded.findings] == []
    assert len(loaded.campaigns) == 5
