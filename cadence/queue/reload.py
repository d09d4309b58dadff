"""Watching the policy's files: a good change becomes the active policy in one step, a broken one is refused loudly.

All that can fail happens before anything live is touched. It asks nobody again: see the daemon.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from cadence.log import logger
from cadence.policy.finding import Finding
from cadence.policy.load import Loaded, load
from cadence.policy.policy import Policy
from cadence.queue.active import Active
from cadence.store import Store, StoreUnavailable, policies
from cadence.store.accounts import join_accounts

_log = logger("policy")

MOST_FILES: int = 2_000
"""A folder with more YAML files than this isn't watched as a whole."""
MOST_READINGS: int = 3
"""So often files that keep changing are read at a stretch."""


def take_in(store: Store, policy: Policy, now: Callable[[], int], by: str, source: str) -> Active:
    """Make a policy ready and store it as the active one. Where it looks at whole accounts, each becomes one circle first:
    nothing is decided by it before.

    Raises StoreUnavailable or StoreBusy; then it isn't the active one."""
    active = Active.of(policy)
    if policy.over_accounts:
        merged = join_accounts(store, now, f"policy {policy.hash[:12]}")
        if merged:
            _log.info("the policy looks at whole accounts: their circles became one", merged=merged)
    with store.write() as conn:
        policies.use(conn, policy, now(), by, source)
    return active


Print = tuple[tuple[str, int, int], ...]


class PolicyFiles:
    """A policy's file or folder with all that it includes, and what that looked like when it was last read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._files: frozenset[Path] = frozenset()
        self._seen: Print | None = None

    def read(self) -> Policy:
        """The policy as it is now. Raises PolicyError with every error and its place."""
        return self._load().required()

    def changed(self) -> bool:
        """Whether any of its files looks different (size, time of change) from when it was last read."""
        return self._print() != self._seen

    def read_if_changed(self, refuse: Callable[[tuple[Finding, ...]], None], force: bool = False) -> Policy | None:
        """The policy if its files changed, or if asked for in any case; None otherwise, and where it is broken: then
        `refuse` hears of the findings, once for each change."""
        if not force and not self.changed():
            return None
        loaded = self._load()
        if loaded.policy is None:
            refuse(loaded.errors)
        return loaded.policy

    def _load(self) -> Loaded:
        """What they hold. Looked at before they are read, so that no change is missed: read again where there are files that
        weren't known to belong to them, as includes from elsewhere."""
        for _ in range(MOST_READINGS):
            seen = self._print()
            loaded = load(self.path)
            self._seen = seen
            if self._files.issuperset(loaded.files):
                break
            self._files |= frozenset(loaded.files)
        return loaded

    def unread(self) -> None:
        """Read them again next time, changed or not: what was read could not be taken in."""
        self._seen = None

    def _print(self) -> Print:
        folder = self.path if self.path.is_dir() else self.path.parent
        found: list[tuple[str, int, int]] = []
        beside = sorted((*folder.rglob("*.yaml"), *folder.rglob("*.yml")))[:MOST_FILES]
        for file in (*beside, *sorted(self._files)):
            try:
                status = file.stat()
            except OSError:
                continue
            found.append((str(file), status.st_size, status.st_mtime_ns))
        return tuple(found)


class PolicyInUse:
    """The policy that a daemon goes by, and how a changed one comes into its place."""

    active: Active

    def __init__(self, store: Store, files: PolicyFiles, me: str) -> None:
        """me: the daemon's id, for the record."""
        self._store, self._files, self._me = store, files, me
        self._one_at_a_time = threading.Lock()
        self.refused: str | None = None
        """Why the files as they are now weren't taken in; None where they were."""

    def use(self, policy: Policy, now: Callable[[], int]) -> None:
        """Store it, and go by it from here on. Raises StoreUnavailable; then the one before stays."""
        self.active = take_in(self._store, policy, now, self._me, str(self._files.path))

    def renew(self, now: Callable[[], int], force: bool = False) -> bool:
        """Go by the files as they are now, if they changed or force says so; a broken policy is refused, and the old one
        stays. Returns whether one was refused. Raises StoreUnavailable; then they are read again next time.

        Whoever calls while another reads waits: what was read first must not come into the place of what was read since."""
        with self._one_at_a_time:
            told: list[str] = []
            policy = self._files.read_if_changed(lambda findings: told.extend(str(f) for f in findings), force)
            if told:
                self.refused = told[0]
                _log.error(
                    "the changed policy is broken; the old one stays active",
                    errors=told,
                    policy=self.active.policy.hash[:12],
                )
            if policy is None:
                return bool(told)
            if self.refused is not None:
                _log.info("the policy's files are fine again", policy=policy.hash[:12])
                self.refused = None
            if policy.hash != self.active.policy.hash:
                self._swap(policy, now)
            return False

    def _swap(self, policy: Policy, now: Callable[[], int]) -> None:
        try:
            self.use(policy, now)
        except StoreUnavailable:
            self._files.unread()
            raise
        _log.info("a new policy is active; all that waits is asked again", policy=policy.hash[:12])
