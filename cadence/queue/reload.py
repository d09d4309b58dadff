"""Watching the policy's files: a good change becomes the active policy in one step, a broken one is refused loudly.

All that can fail happens before anything live is touched. It stores nothing and asks nobody again: see the daemon.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cadence.policy.finding import Finding
from cadence.policy.load import load
from cadence.policy.policy import Policy

MOST_FILES: int = 2_000
"""A folder with more YAML files than this isn't watched as a whole."""

Print = tuple[tuple[str, int, int], ...]


class PolicyFiles:
    """A policy's file or folder, and what it looked like when it was last read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: Print | None = None

    def read(self) -> Policy:
        """The policy as it is now. Raises PolicyError with every error and its place."""
        self._seen = self._print()
        return load(self.path).required()

    def changed(self) -> bool:
        """Whether any of its files looks different (size, time of change) from when it was last read."""
        return self._print() != self._seen

    def read_if_changed(self, refuse: Callable[[tuple[Finding, ...]], None], force: bool = False) -> Policy | None:
        """The policy if its files changed, or if asked for in any case; None otherwise, and where it is broken: then
        `refuse` hears of the findings, once for each change."""
        if not force and not self.changed():
            return None
        self._seen = self._print()
        loaded = load(self.path)
        if loaded.policy is None:
            refuse(loaded.errors)
        return loaded.policy

    def _print(self) -> Print:
        folder = self.path if self.path.is_dir() else self.path.parent
        found: list[tuple[str, int, int]] = []
        for file in sorted((*folder.rglob("*.yaml"), *folder.rglob("*.yml")))[:MOST_FILES]:
            try:
                status = file.stat()
            except OSError:
                continue
            found.append((str(file), status.st_size, status.st_mtime_ns))
        return tuple(found)
