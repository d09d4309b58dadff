"""What is generated is fresh."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_everything_generated_is_fresh(project: Path) -> None:
    done = subprocess.run(
        [sys.executable, "scripts/generate.py", "--check"], cwd=project, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "all generated files are fresh\n"), done.stderr
