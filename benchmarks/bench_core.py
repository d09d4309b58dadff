"""How fast the decision core decides, alone: columns in, verdicts out, one core. Prints the mix, and ratios from one run:
the same messages without the stalker guards and with all of them.

python benchmarks/bench_core.py [CONTACTS]
"""

from __future__ import annotations

import statistics
import sys
import time

from world import GUARDS, NOW, POLICY, world

import cadence
from cadence.decide.round import decide_columns
from cadence.facts import Verdict


def main() -> None:
    """Decide the same batch five times under each policy, in turn; the medians, the mix, and how it grows."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    policies = {
        "without guards": cadence.policy_of(POLICY).policy,
        "with all guards": cadence.policy_of(POLICY.replace("segments:", f"{GUARDS.strip(chr(10))}\nsegments:")).policy,
    }
    for size in (1, n // 100, n // 10, n):
        history, candidates = world(size)
        took: dict[str, list[float]] = {name: [] for name in policies}
        for _ in range(5):
            for name, policy in policies.items():
                began = time.perf_counter()
                answers = decide_columns(policy, history, candidates, NOW)
                took[name].append(time.perf_counter() - began)
                mix = {v.word: round(100 * float((answers.verdict == v).mean())) for v in Verdict}
                if len(took[name]) == 1:
                    print(f"{size:>9,} contacts, {name}: % {mix}")
        medians = {name: statistics.median(each) for name, each in took.items()}
        for name, median in medians.items():
            print(f"{size:>9,} contacts, {name}: {median:8.4f} s, {size / median:>10,.0f} decisions/s")
        base, guarded = medians.values()
        print(f"{size:>9,} contacts: with all guards {base / guarded:.2f} times as fast as without")


if __name__ == "__main__":
    main()
