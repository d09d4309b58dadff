"""What all tests share: the shared cases beside the project, and the rule that CI may not skip what it could run."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest

PROJECT = Path(__file__).resolve().parents[1]
SHARED = PROJECT.parent / "shared"

# The same code tries the same examples, so that a red run is the change's own doing; `make search` looks for new ones.
hypothesis.settings.register_profile("dev", max_examples=50, deadline=None, derandomize=True)
hypothesis.settings.register_profile("thorough", max_examples=300, deadline=None, print_blob=True)
hypothesis.settings.register_profile(
    "mutants",
    max_examples=10,
    deadline=None,
    derandomize=True,
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
)
TRIED = "mutants" if "MUTANT_UNDER_TEST" in os.environ else "thorough" if os.environ.get("CADENCE_THOROUGH") else "dev"
hypothesis.settings.load_profile(TRIED)


@pytest.fixture(scope="session")
def project() -> Path:
    """The project's own folder."""
    return PROJECT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data and cases beside the project; skipped, loudly, where there is none."""
    if not SHARED.is_dir():
        pytest.skip("needs ../shared: real data and cases, beside the project")
    return SHARED


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):  # type: ignore[no-untyped-def]
    """In CI a skip that this machine could have run is a failure."""
    outcome = yield
    report = outcome.get_result()
    if report.skipped and os.environ.get("CADENCE_CI") and SHARED.is_dir():
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if "declared:" not in reason:
            report.outcome = "failed"
            report.longrepr = f"skipped in CI, where it can run: {reason}"


def pytest_terminal_summary(terminalreporter) -> None:  # type: ignore[no-untyped-def]
    """What was skipped, and why, in plain sight."""
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        terminalreporter.write_line(f"SKIPPED {report.nodeid}: {reason}")
