"""How fast the decision core decides, alone: columns in, verdicts out, one core. Prints the mix, and ratios from one run:
the same messages without the stalker guards and with all of them, and beside it the caps alone through the library `limits`.

python benchmarks/bench_core.py [CONTACTS]
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import caps_by_limits
from world import GUARDS, NOW, POLICY, world

import cadence
from cadence.decide.round import decide, decide_columns
from cadence.facts import Candidates, History, Verdict
from cadence.policy.policy import Policy

POLICIES = {
    "without guards": cadence.policy_of(POLICY).policy,
    "with all guards": cadence.policy_of(POLICY.replace("segments:", f"{GUARDS.strip(chr(10))}\nsegments:")).policy,
}
ALONE = 300
"""So often one message is decided alone."""
BESIDE = 10_000
"""So many contacts are asked about through `limits`, one after another."""


def main() -> None:
    """One message alone, then ever larger batches: the medians, the mix, and how it grows."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    alone()
    for size in sorted({max(1, n // 100), max(1, n // 10), n}):
        plain = batch(size)
    beside(n, plain)


def alone() -> None:
    """A batch of one, with its evidence and as columns."""
    worlds = [world(1, seed) for seed in range(ALONE)]
    for name, policy in POLICIES.items():
        with_evidence = statistics.median(_seconds(decide, policy, *each) for each in worlds)
        columns = statistics.median(_seconds(decide_columns, policy, *each) for each in worlds)
        print(
            f"a batch of one, {name}: {1000 * with_evidence:.2f} ms with evidence, {1000 * columns:.2f} ms as columns"
        )


def batch(size: int) -> float:
    """So many contacts, five times under each policy, in turn. Decisions a second without guards."""
    history, candidates = world(size)
    took: dict[str, list[float]] = {name: [] for name in POLICIES}
    for name, policy in POLICIES.items():
        verdict = decide_columns(policy, history, candidates, NOW).verdict
        mix = {v.word: round(100 * float((verdict == v).mean())) for v in Verdict}
        print(f"{size:>9,} contacts, {name}: % {mix}")
    for _ in range(5):
        for name, policy in POLICIES.items():
            took[name].append(_seconds(decide_columns, policy, history, candidates))
    medians = {name: statistics.median(each) for name, each in took.items()}
    for name, median in medians.items():
        print(f"{size:>9,} contacts, {name}: {median:8.4f} s, {size / median:>10,.0f} decisions/s")
    base, guarded = medians.values()
    print(f"{size:>9,} contacts: with all guards {base / guarded:.2f} times as fast as without")
    return size / base


def beside(n: int, plain: float) -> None:
    """The caps alone through `limits`, and whether it tells of each contact what they tell here."""
    history, candidates = world(BESIDE)
    seconds, told = caps_by_limits.decided(history)
    rival = BESIDE / seconds
    caps = cadence.policy_of(caps_alone()).policy
    ours = decide_columns(caps, history, candidates, NOW)
    same = (ours.verdict[ours.rows.argsort()] == Verdict.SEND).tolist() == told
    large = world(n)
    own = n / statistics.median(_seconds(decide_columns, caps, *large) for _ in range(3))
    print(f"the caps alone through limits: {rival:,.0f} decisions/s, {'the same' if same else 'OTHER'} answers")
    print(f"the caps alone here: {own:,.0f} decisions/s, {own / rival:.0f} times as fast")
    print(
        f"all rules but the guards, {n:,} contacts: {plain / rival:.0f} times as fast as the caps alone through limits"
    )


def caps_alone() -> str:
    """The shared policy with no rules but caps, for messages that need no consent."""
    lines = POLICY.replace("opt_in", "none").splitlines()
    others = ("gap", "quiet_hours", "silence", "fatigue")
    return "\n".join(line for line in lines if not line.strip().startswith(others))


def _seconds(how: Callable[..., object], policy: Policy, history: History, candidates: Candidates) -> float:
    began = time.perf_counter()
    how(policy, history, candidates, NOW)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
