"""The benchmarks run, on very few contacts: what they print then says nothing of speed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parents[1] / "benchmarks"
SCRIPTS = sorted(path.name for path in HERE.glob("bench_*.py"))


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS)
def test_a_benchmark_runs_to_its_end_and_says_something(script: str) -> None:
    ran = subprocess.run(
        [sys.executable, HERE / script, "2000"], capture_output=True, text=True, timeout=600, check=False
    )
    assert ran.returncode == 0, ran.stderr[-2_000:]
    assert ran.stdout.strip()


def test_the_page_says_of_each_what_limits_it() -> None:
    text = (HERE / "page.py").read_text()
    assert [script for script in SCRIPTS if f'"{script}"' not in text] == []
